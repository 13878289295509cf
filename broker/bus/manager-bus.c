/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.davit1.Manager, on /org/davit1: calls that change something or ask about the whole. Each handler
 * authorises, decodes, calls the manager and leaves the answer to call.c; nothing here decides.
 */

#include "config.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "bus/argument.h"
#include "bus/authorize.h"
#include "bus/bus-internal.h"
#include "bus/error.h"
#include "bus/manager-bus.h"
#include "bus/option.h"
#include "bus/path.h"
#include "bus/property.h"
#include "bus/rule-bus.h"
#include "util/string.h"

#define LABELS_MAX      64U
#define LABEL_BYTES_MAX 1024U

static int result_path(sd_bus_message *reply, const char *object, _unused_ const char *message,
                       _unused_ int value) {
        return sd_bus_message_append_basic(reply, 'o', object);
}

static int result_status(sd_bus_message *reply, _unused_ const char *object, _unused_ const char *message,
                         int value) {
        return sd_bus_message_append(reply, "i", value);
}

/* The lines of the message, as warnings of a policy that was taken. */
static int result_lines(sd_bus_message *reply, _unused_ const char *object, const char *message,
                        _unused_ int value) {
        _cleanup_free_ char *copy = strdup(message);
        char *rest = copy, *line;
        int r;

        if (!copy)
                return -ENOMEM;
        r = sd_bus_message_open_container(reply, 'a', "s");
        if (r < 0)
                return r;
        while ((line = strsep(&rest, "\n"))) {
                if (!*line)
                        continue;
                r = append_string(reply, line);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

/*
 * The path of the grant that an attach makes: the device may be called by its serial, the path has its id.
 * What cannot be found is left to the manager to refuse, which has the words for it.
 */
static int attach_result(Bus *bus, const char *name, const char *container, char **ret) {
        Device *device;

        if (registry_find_device(manager_registry(bus->manager), name, &device) < 0)
                return grant_path(name, container, ret);
        return grant_path(device->id, container, ret);
}

static int method_attach(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_free_ char *path = NULL;
        const char *device, *container;
        Call *call;
        int r;

        r = authorize(request, error);
        if (r < 0)
                return r;
        r = argument_read_device(request, &device, error);
        if (r < 0)
                return r;
        r = argument_read_container(request, &container, error);
        if (r < 0)
                return r;
        r = options_read_none(request, error);
        if (r < 0)
                return r;
        r = attach_result(bus, device, container, &path);
        if (r < 0)
                return r;
        r = call_new(bus, request, result_path, path, error, &call);
        if (r < 0)
                return r;
        manager_attach(bus->manager, device, container, call_done, call);
        return 1;
}

static int method_detach(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *device, *container;
        Call *call;
        int r;

        r = authorize(request, error);
        if (r < 0)
                return r;
        r = argument_read_device(request, &device, error);
        if (r < 0)
                return r;
        r = argument_read_container_or_all(request, &container, error);
        if (r < 0)
                return r;
        r = options_read_none(request, error);
        if (r < 0)
                return r;
        r = call_new(bus, request, /* result= */ NULL, container, error, &call);
        if (r < 0)
                return r;
        manager_detach(bus->manager, device, container, call_done, call);
        return 1;
}

static int method_reload(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        Call *call;
        int r;

        r = authorize(request, error);
        if (r < 0)
                return r;
        r = options_read_none(request, error);
        if (r < 0)
                return r;
        r = call_new(bus, request, result_lines, /* object= */ NULL, error, &call);
        if (r < 0)
                return r;
        manager_reload(bus->manager, call_done, call);
        return 1;
}

typedef struct LaunchOptions {
        const char *rootfs;
        char **command, **labels;
        int stdio[3];
} LaunchOptions;

static void launch_options_deinit(LaunchOptions *options) {
        string_array_free(options->command);
        string_array_free(options->labels);
}

static bool has_control(const char *s) {
        for (; *s; s++)
                if (iscntrl((unsigned char)*s))
                        return true;
        return false;
}

static int check_label(const char *label, sd_bus_error *error) {
        const char *equals = strchr(label, '=');

        if (!equals || equals == label)
                return error_invalid(error, "Label '%.64s' is not KEY=VALUE", label);
        if (strlen(label) > LABEL_BYTES_MAX)
                return error_invalid(error, "Label '%.64s' is too long", label);
        if (has_control(label))
                return error_invalid(error, "Label '%.64s' has a control character in it", label);
        return 0;
}

static int check_launch(const LaunchOptions *options, sd_bus_error *error) {
        size_t n_labels = 0;
        int r;

        if (options->rootfs && options->rootfs[0] != '/')
                return error_invalid(error, "The root folder '%.64s' is not absolute", options->rootfs);
        if (options->rootfs && (strlen(options->rootfs) >= PATH_MAX || has_control(options->rootfs)))
                return error_invalid(error,
                                     "The root folder's path is too long or has a control character in it");
        if (options->command && (!options->command[0] || !options->command[0][0]))
                return error_invalid(error, "The command is empty");
        for (char **label = options->labels; label && *label; label++) {
                if (++n_labels > LABELS_MAX)
                        return error_invalid(error, "There are more than %u labels", LABELS_MAX);
                r = check_label(*label, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_launch(sd_bus_message *request, const char **ret_name, LaunchOptions *options,
                       sd_bus_error *error) {
        static const Option table[] = {
                {"rootfs", 's', offsetof(LaunchOptions, rootfs)},
                {"command", 'a', offsetof(LaunchOptions, command)},
                {"labels", 'a', offsetof(LaunchOptions, labels)},
                {"stdin", 'h', offsetof(LaunchOptions, stdio[0])},
                {"stdout", 'h', offsetof(LaunchOptions, stdio[1])},
                {"stderr", 'h', offsetof(LaunchOptions, stdio[2])},
        };
        int r;

        r = argument_read_container(request, ret_name, error);
        if (r < 0)
                return r;
        r = options_read(request, table, ELEMENTSOF(table), options, error);
        if (r < 0)
                return r;
        return check_launch(options, error);
}

static int method_launch(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        _cleanup_(launch_options_deinit) LaunchOptions options = {.stdio = {-EBADF, -EBADF, -EBADF}};
        _cleanup_free_ char *path = NULL;
        Bus *bus = userdata;
        const char *name;
        Call *call;
        int r;

        r = authorize(request, error);
        if (r < 0)
                return r;
        r = read_launch(request, &name, &options, error);
        if (r < 0)
                return r;
        r = container_path(name, &path);
        if (r < 0)
                return r;
        r = call_new(bus, request, result_path, path, error, &call);
        if (r < 0)
                return r;
        manager_launch(bus->manager,
                       &(ManagerLaunch){
                               .name = name,
                               .rootfs = options.rootfs,
                               .command = options.command,
                               .labels = options.labels,
                               .stdio = {options.stdio[0], options.stdio[1], options.stdio[2]},
                       },
                       call_done, call);
        return 1;
}

static int method_stop(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *name;
        Call *call;
        int r;

        r = authorize(request, error);
        if (r < 0)
                return r;
        r = argument_read_container(request, &name, error);
        if (r < 0)
                return r;
        r = options_read_none(request, error);
        if (r < 0)
                return r;
        r = call_new(bus, request, result_status, name, error, &call);
        if (r < 0)
                return r;
        manager_stop(bus->manager, name, call_done, call);
        return 1;
}

/* As Container.Wait, and also for one that has ended already, whose object is gone. */
static int method_wait(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *name;
        Call *call;
        int r;

        r = authorize(request, error);
        if (r < 0)
                return r;
        r = argument_read_container(request, &name, error);
        if (r < 0)
                return r;
        r = options_read_none(request, error);
        if (r < 0)
                return r;
        r = call_new(bus, request, result_status, name, error, &call);
        if (r < 0)
                return r;
        manager_wait(bus->manager, name, call_done, call);
        return 1;
}

static int get_version(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                       _unused_ const char *property, sd_bus_message *reply, _unused_ void *userdata,
                       _unused_ sd_bus_error *error) {
        return sd_bus_message_append_basic(reply, 's', PACKAGE_VERSION);
}

static int get_rule_count(_unused_ sd_bus *connection, _unused_ const char *path,
                          _unused_ const char *interface, _unused_ const char *property,
                          sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Bus *bus = userdata;

        return sd_bus_message_append(reply, "u", (uint32_t)rule_set_size(manager_rules(bus->manager)));
}

static int get_runtime_dir(_unused_ sd_bus *connection, _unused_ const char *path,
                           _unused_ const char *interface, _unused_ const char *property,
                           sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Bus *bus = userdata;

        return append_string(reply, manager_runtime_dir(bus->manager));
}

static int get_container_program(_unused_ sd_bus *connection, _unused_ const char *path,
                                 _unused_ const char *interface, _unused_ const char *property,
                                 sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Bus *bus = userdata;

        return append_string(reply, manager_container_program(bus->manager));
}

/* UNPRIVILEGED: sd-bus' own check would ask for CAP_SYS_ADMIN; ours is authorize(). */
static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("RuleCount", "u", get_rule_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RuntimeDir", "s", get_runtime_dir, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ContainerProgram", "s", get_container_program, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_METHOD_WITH_ARGS("Attach", SD_BUS_ARGS("s", device, "s", container, "a{sv}", options),
                                SD_BUS_RESULT("o", grant), method_attach, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("s", device, "s", container, "a{sv}", options),
                                SD_BUS_NO_RESULT, method_detach, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("as", warnings),
                                method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("s", device, "s", container, "a{sv}", options),
                                SD_BUS_RESULT("a(sss)", steps, "s", decision, "s", rule, "u", omitted),
                                rule_bus_explain, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListRules", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(ssssb)", rules),
                                rule_bus_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Launch", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_RESULT("o", container), method_launch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("i", status),
                                method_stop, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Wait", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("i", status),
                                method_wait, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("PolicyReloaded", "", 0),
        SD_BUS_SIGNAL_WITH_NAMES("LaunchProgress", "stt",
                                 SD_BUS_PARAM(name) SD_BUS_PARAM(done) SD_BUS_PARAM(total), 0),
        SD_BUS_VTABLE_END,
};

int manager_bus_export(Bus *bus, sd_bus *connection) {
        return sd_bus_add_object_vtable(connection, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, manager_vtable,
                                        bus);
}
