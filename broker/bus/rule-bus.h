/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Methods of org.davit1.Manager, for its vtable; userdata is the Bus. */
int rule_bus_list(sd_bus_message *request, void *userdata, sd_bus_error *error);
int rule_bus_explain(sd_bus_message *request, void *userdata, sd_bus_error *error);

/* Bounds of one answer. A policy may have a million rules, which is no message. */
#define RULE_BUS_LIST_MAX    4096U
#define RULE_BUS_EXPLAIN_MAX 4096U
