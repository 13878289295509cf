/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A farm for tests: a real manager in this process, real containers, and phones that are there as far as
 * sysfs, udev's data base and udev's events can tell. Nothing of it is seen outside: it has a network
 * namespace and a /sys of its own. Wants what launch/launch-fixture.h wants.
 */

#include "launch/launch-fixture.h"

#include "core/manager.h"

#define FARM_CONTAINERS 3

/* The folder in launch_dir() whose proc/, sys/ and dev/ are where the manager looks for NVIDIA's driver. */
#define FARM_NVIDIA "nvidia"

/* Who they are: "ci-1", "ci-2", "ci-3", in this order of arrival. */
extern const char *const farm_names[FARM_CONTAINERS];

/* A phone's way to be a USB device. */
typedef struct FarmMode {
        const char *name; /* as device_mode() has it */
        const char *vendor, *product;
        const char *interfaces; /* "ff4201" */
        bool no_serial;         /* it does not say it in this mode */
} FarmMode;

typedef enum FarmModes {
        FARM_ADB,
        FARM_FASTBOOT,
        FARM_RECOVERY,
        FARM_EDL,
        FARM_MODES,
} FarmModes;

extern const FarmMode farm_modes[FARM_MODES];

typedef struct Farm {
        Loop *loop;
        Manager *manager;
        unsigned int number; /* of the last USB device that came */
        unsigned int n_barriers;
        unsigned int n_done; /* calls that were answered */
        CallCode code;
} Farm;

/* For cmocka: launches the containers, and ends them. */
int farm_group_setup(void **state);
int farm_group_teardown(void **state);

/* A manager with that policy. It ends with its phones unplugged, and must then have left nothing. */
void farm_open(Farm *farm, const char *policy);
void farm_close(Farm *farm);

/* Another policy, which must be good. */
void farm_reload(Farm *farm, const char *policy);

/* The manager ends, and is not there until farm_start(). @crash: it could write nothing more, from the last
 * farm_settle() on. */
void farm_stop(Farm *farm, bool crash);
void farm_start(Farm *farm);

/* Plugs in at "3-1.2"; @serial may be NULL. With a manager that is away nobody hears of it. Return: the
 * number of the device on its bus. */
unsigned int farm_plug(Farm *farm, const char *port, const FarmMode *mode, const char *serial);
void farm_unplug(Farm *farm, const char *port);
/* Its removal gets lost. */
void farm_unplug_unheard(Farm *farm, const char *port);

/* A further part of the phone at @port: @path is of its devpath, below the phone's, of which the last two
 * folders are subsystem and name. */
void farm_add_part(Farm *farm, const char *port, const char *path, const char *devname, unsigned int major,
                   unsigned int minor);
void farm_remove_part(Farm *farm, const char *port, const char *path);

/* One object of sysfs of any kind, there or changed, by its properties, a line each. A parent goes before its
 * children. */
void farm_tell(Farm *farm, UeventAction action, const char *properties);
/* What is at @devpath, with all below it. */
void farm_remove(Farm *farm, const char *devpath);
void farm_remove_unheard(Farm *farm, const char *devpath);

/* The number of something harmless that can be opened and read, and that davitd does not take for a device: a
 * made-up one can be used by it. Return: whether there is an @i-th of the type 'c' or 'b'. */
bool farm_lend(char type, size_t i, dev_t *ret);
/* From within the set-up of the group: the host's /dev is out of sight later. */
void farm_lend_start(void);

/* As inside() of the launch fixture, which does not work in a farm. */
int farm_inside(const char *container, const char *script, char *output, size_t size);
/* From within the set-up and the tear-down of the group. */
void farm_inside_start(void);
void farm_inside_end(void);

/* Everything that was done is known and acted upon. */
void farm_settle(Farm *farm);
/* Lets the manager work until @text is what farm_grants() says. */
void farm_await_grants(Farm *farm, const char *text);

/* Ends one of the containers for the rest of the program. */
void farm_end_container(size_t i);

/* Calls, done and answered. */
CallCode farm_attach(Farm *farm, const char *device, const char *container);
CallCode farm_detach(Farm *farm, const char *device, const char *container);

/* "usb-3-1 ci-1 active, usb-3-2 ci-2 lingering", sorted. Borrowed until the next call. */
const char *farm_grants(const Farm *farm);
/* What nodes there are in which container by the kernel's account, below their /dev: "ci-1 bus/usb/003/002,
 * ci-1 ttyACM0". Borrowed likewise. */
const char *farm_nodes(void);
/* The names of the files of holds, "hold.ci-1@usb-3-1". Borrowed likewise. */
const char *farm_files(void);

/* Settles, then compares. */
#define farm_assert_grants(farm, text) (farm_settle(farm), assert_string_equal(farm_grants(farm), text))
#define farm_assert_nodes(farm, text)  (farm_settle(farm), assert_string_equal(farm_nodes(), text))
