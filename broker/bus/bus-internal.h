/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/announcer.h"
#include "bus/bus.h"
#include "bus/call.h"
#include "bus/connection.h"

#define BUS_NAME                "org.davit1"
#define BUS_PATH                "/org/davit1"
#define BUS_INTERFACE_MANAGER   "org.davit1.Manager"
#define BUS_INTERFACE_DEVICE    "org.davit1.Device"
#define BUS_INTERFACE_CONTAINER "org.davit1.Container"
#define BUS_INTERFACE_GRANT     "org.davit1.Grant"

/* Userdata of every vtable of ours; each *-bus.c looks its object up in the manager's registry. */
struct Bus {
        Loop *loop;
        Manager *manager;
        Connection *connection;
        Announcer *announcer;
        bool use_units; /* keepers are units of the service manager on this bus */
        Call *calls;    /* not answered yet */
        unsigned int n_calls;
};
