/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Nodes that no uevent tells of: the rules in force say where they are looked for, and the registry which of
 * them others tell of.
 */

#include "config.h"

#include "core/manager-internal.h"
#include "util/log.h"
#include "util/string.h"

static bool on_known(void *userdata, char type, dev_t rdev) {
        const Manager *manager = userdata;
        const Part *part = registry_part_by_rdev(&manager->registry, type, rdev);

        /* What a rescan has not seen again is about to go: the node is there without it. */
        return part && !part->marked && !streq(part->subsystem, PART_SUBSYSTEM_NODE);
}

static void on_nodes(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Manager *manager = userdata;

        (void)nodes_dispatch(manager->nodes); /* it says what failed */
}

void manager_choose_nodes(Manager *manager) {
        nodes_forget_rules(manager->nodes);
        for (size_t i = 0; i < rule_set_size(manager->rules); i++) {
                const Rule *rule = rule_set_get(manager->rules, i);
                int r = nodes_add_rule(manager->nodes, rule);

                if (r < 0) {
                        log_full(LOG_ERR, r, &(LogSubject){.rule = rule->name},
                                 "Failed to look for nodes that no event tells of by this rule and those "
                                 "after it: %m");
                        return;
                }
        }
}

int manager_open_nodes(Manager *manager) {
        static const NodesRoots roots = {.sys = "/sys", .dev = "/dev"};
        static const NodesOps ops = {.event = manager_event, .known = on_known};
        int r;

        r = nodes_new(&roots, &ops, manager, &manager->nodes);
        if (r < 0)
                return r;
        manager_choose_nodes(manager);
        return loop_add_io(manager->loop, nodes_fd(manager->nodes), LOOP_READ, on_nodes, manager,
                           &manager->nodes_source);
}
