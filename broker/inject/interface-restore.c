/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Putting an interface of the host right after it was in a container.
 *
 * Each setting is compared and, where it differs, requested by itself: one that the driver refuses must not
 * keep the others from coming back. Settings that a driver takes only while the interface is down come before
 * it is up, and so do addresses, so that it is never seen up without them. Routes come behind that, as they
 * need it.
 */

#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "inject/interface-attribute.h"
#include "inject/interface-function.h"
#include "inject/interface-port.h"
#include "inject/interface-replay.h"
#include "inject/interface-restore.h"
#include "inject/interface-state.h"
#include "inject/interface-sysctl.h"
#include "util/log.h"
#include "util/string.h"

typedef struct Repair {
        RouteSocket *home;
        unsigned int ifindex;
        struct rtnl_link *link; /* as it is now */
        const PropertyList *state;
        int error; /* the first one but -EEXIST */
        bool name_taken, misnamed;
        bool held;
} Repair;

static void repair_note(Repair *repair, int r) {
        if (r < 0 && repair->error >= 0)
                repair->error = r;
}

/* What is refused is told, and is no reason to try all of it again, over what the host has made of it by
 * then. */
static void repair_step(Repair *repair, const char *what, int r) {
        if (r >= 0 || r == -EBADMSG || r == -ENODEV || route_error_passes(r))
                repair_note(repair, r);
        else
                log_full(LOG_WARNING, r, NULL, "%s is back on the host without its %s: %m",
                         rtnl_link_get_name(repair->link), what);
}

static void repair_request(Repair *repair, const char *what, struct rtnl_link *change) {
        repair_step(repair, what, link_change(repair->home, repair->link, change));
}

static bool repair_reread(Repair *repair) {
        struct rtnl_link *link;
        int r = link_get(repair->home, repair->ifindex, /* name= */ NULL, &link);

        repair_note(repair, r);
        if (r < 0)
                return false;
        rtnl_link_put(repair->link);
        repair->link = link;
        return true;
}

/* Text of the state as somebody wrote it; NULL where the state has none. */
static const char *state_text(const PropertyList *state, const char *key, char *buffer, size_t size) {
        const char *component = property_list_get(state, key);

        return component && string_from_component(component, buffer, size) >= 0 ? buffer : NULL;
}

/* A taken name is not given back, but neither stays one that the container chose. */
static void repair_name(Repair *repair) {
        char name[IFNAMSIZ];
        int r;

        if (!state_text(repair->state, "NAME", name, sizeof(name)) ||
            streq(name, rtnl_link_get_name(repair->link)))
                return;
        /* Before Linux 6.2 an interface that is up cannot be renamed. */
        repair_step(repair, "name", link_set_flags(repair->home, repair->link, 0, IFF_UP));
        r = link_rename(repair->home, repair->link, name);
        repair->name_taken = r == -EEXIST;
        for (unsigned int i = 0; r == -EEXIST && i < INTERFACE_SPARE_NAMES; i++) {
                interface_spare_name(i, name);
                if (streq(name, rtnl_link_get_name(repair->link)))
                        return;
                r = link_rename(repair->home, repair->link, name);
        }
        repair_step(repair, "name", r);
        repair->misnamed = r < 0;
}

static void repair_numbers(Repair *repair) {
        static const struct {
                const char *key;
                uint32_t (*get)(struct rtnl_link *link);
                void (*set)(struct rtnl_link *link, uint32_t value);
        } table[] = {
                {"MTU", rtnl_link_get_mtu, rtnl_link_set_mtu},
                {"TXQLEN", rtnl_link_get_txqlen, rtnl_link_set_txqlen},
                {"GROUP", rtnl_link_get_group, rtnl_link_set_group},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(rtnl_link_putp) struct rtnl_link *change = NULL;
                uint32_t value = interface_state_number(repair->state, table[i].key);

                if (!property_list_get(repair->state, table[i].key) || table[i].get(repair->link) == value)
                        continue;
                change = rtnl_link_alloc();
                if (!change) {
                        repair_note(repair, -ENOMEM);
                        return;
                }
                table[i].set(change, value);
                repair_request(repair, table[i].key, change);
        }
}

static void repair_address(Repair *repair) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = NULL;
        _cleanup_(nl_addr_putp) struct nl_addr *saved = NULL;
        const char *text = interface_port_address(repair->link, repair->state);

        if (!text)
                return;
        if (nl_addr_parse(text, AF_LLC, &saved) < 0) {
                repair_note(repair, -EBADMSG);
                return;
        }
        if (rtnl_link_get_addr(repair->link) && nl_addr_cmp(saved, rtnl_link_get_addr(repair->link)) == 0)
                return;
        change = rtnl_link_alloc();
        if (!change) {
                repair_note(repair, -ENOMEM);
                return;
        }
        rtnl_link_set_addr(change, saved);
        /* Most drivers take another address only while the interface is down. */
        repair_step(repair, "hardware address", link_set_flags(repair->home, repair->link, 0, IFF_UP));
        repair_request(repair, "hardware address", change);
}

static void repair_alias(Repair *repair) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = NULL;
        char buffer[1024];
        const char *alias = state_text(repair->state, "ALIAS", buffer, sizeof(buffer)) ?: "";

        if (streq(alias, rtnl_link_get_ifalias(repair->link) ?: ""))
                return;
        change = rtnl_link_alloc();
        if (!change) {
                repair_note(repair, -ENOMEM);
                return;
        }
        rtnl_link_set_ifalias(change, alias);
        repair_request(repair, "alias", change);
}

/* Whether the state has @altname. */
static bool altname_saved(const PropertyList *state, const char *altname) {
        property_list_foreach(entry, state) {
                char name[512];

                if (startswith(entry, "ALTNAME_") &&
                    string_from_component(strchr(entry, '=') + 1, name, sizeof(name)) >= 0 &&
                    streq(name, altname))
                        return true;
        }
        return false;
}

/* Comes before the name: that may be among those which the container gave it. */
static void repair_remove_altnames(Repair *repair) {
        int more = 1;

        for (unsigned int i = 0; i < INTERFACE_ALTNAME_ROUNDS && more > 0; i++) {
                _cleanup_(property_list_deinit) PropertyList now = {};

                more = link_read_altnames(repair->home, repair->ifindex, &now);
                repair_note(repair, more);
                if (more < 0)
                        return;
                property_list_foreach(entry, &now) {
                        const char *altname = strchr(entry, '=') + 1;

                        if (!altname_saved(repair->state, altname))
                                repair_step(repair, "alternative names alone",
                                            link_remove_altname(repair->home, repair->ifindex, altname));
                }
        }
}

static void repair_add_altnames(Repair *repair) {
        property_list_foreach(entry, repair->state) {
                char name[512];
                int r;

                if (!startswith(entry, "ALTNAME_") ||
                    string_from_component(strchr(entry, '=') + 1, name, sizeof(name)) < 0)
                        continue;
                r = link_add_altname(repair->home, repair->ifindex, name);
                /* There already; or another interface has it by now, which then may keep it. */
                if (r != -EEXIST)
                        repair_step(repair, "alternative name", r);
        }
}

static void repair_addresses(Repair *repair) {
        /* A new name later would change their labels. */
        if (repair->misnamed || (repair->name_taken && repair->error < 0))
                return;
        repair_note(repair, interface_replay_addresses(repair->home, repair->link, repair->state));
        /* As former versions wrote them. */
        property_list_foreach(entry, repair->state)
                if (startswith(entry, "ADDRESS_"))
                        repair_step(repair, "address",
                                    interface_state_add_address(repair->home, repair->ifindex,
                                                                strchr(entry, '=') + 1));
}

static void repair_up(Repair *repair, unsigned int flags) {
        int r = link_set_flags(repair->home, repair->link, flags, IFF_UP);

        /* A radio that was switched off meanwhile was set down by that, and stays it on the host, too. */
        if (r != -ERFKILL)
                repair_step(repair, "being up", r);
}

/* What the host had set for it in its own network, but for what needs it to be up. */
static void repair_network(Repair *repair) {
        const char *kind = property_list_get(repair->state, "KIND");
        int r;

        repair_note(repair, interface_attribute_put_right(repair->home, repair->link, kind, repair->state));
        if (repair_reread(repair)) {
                r = interface_port_put_right(repair->home, repair->link, repair->state);
                repair_note(repair, r);
                repair->held = r > 0;
        }
        repair_note(repair, interface_sysctl_put_right(rtnl_link_get_name(repair->link), repair->state));
}

int interface_put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state) {
        Repair repair = {.home = home, .ifindex = (unsigned int)rtnl_link_get_ifindex(link), .state = state};
        unsigned int flags = interface_state_number(state, "FLAGS");

        nl_object_get((struct nl_object *)link);
        repair.link = link;

        /* As long as the card has set an address for it, it takes no other. */
        repair_step(&repair, "settings on its card", interface_function_put_right(home, state));
        repair_remove_altnames(&repair);
        repair_name(&repair);
        if (repair_reread(&repair)) {
                repair_numbers(&repair);
                repair_address(&repair);
                repair_alias(&repair);
                repair_add_altnames(&repair);
                /* IPv6 addresses go with the interface when it goes down, so this comes behind all that needs
                 * it. */
                if (repair_reread(&repair))
                        repair_step(&repair, "flags",
                                    link_set_flags(home, repair.link, flags, INTERFACE_FLAGS_KEPT & ~IFF_UP));
                repair_network(&repair);
                repair_addresses(&repair);
                if (repair_reread(&repair))
                        repair_up(&repair, flags);
                repair_step(&repair, "operational state",
                            interface_attribute_wake(home, repair.ifindex, state));
                repair_note(&repair, interface_replay_rest(home, repair.link, state));
        }
        rtnl_link_put(repair.link);
        return repair.error < 0 ? repair.error : repair.held ? 1 : repair.name_taken ? -EEXIST : 0;
}
