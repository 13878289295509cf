/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Virtual functions of a card, dealt one by one.
 *
 * Steps for several containers run side by side, each in a process of its own. What keeps two of them from
 * one function is its state file: it is written under a lock, by who has looked through all the other files,
 * and it is there until the function is on the host again and put right. So a function on its way back, which
 * can be seen on the host already, is nobody else's yet, and one that was chosen before a crash is kept for
 * the container that comes back to it. The lock is held for what is on the host alone; no container can make
 * it last.
 *
 * What the container's root must not change is set by the card itself: with a hardware address from the card
 * the driver of the function takes no other, and a tag the function does not even see.
 */

#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <string.h>
#include <unistd.h>

#include "inject/interface-function.h"
#include "inject/interface-state.h"
#include "inject/link-function.h"
#include "model/grant.h"
#include "util/fd.h"
#include "util/string.h"

typedef struct Claim {
        RouteSocket *home;
        const Item *item;
        int state_fd;
        const char *container;
        uint32_t card; /* its index */
} Claim;

typedef struct Taken {
        uint32_t card, number, ifindex;
        bool found;
} Taken;

static int compare(const PropertyList *state, void *userdata) {
        Taken *taken = userdata;

        if (property_list_get(state, "FUNCTION") && interface_state_number(state, "CARD") == taken->card &&
            interface_state_number(state, "FUNCTION") == taken->number)
                taken->found = true;
        /* It may be given by itself, too. */
        if (!net_mode_makes(interface_state_mode(state)) &&
            interface_state_number(state, "IFINDEX") == taken->ifindex)
                taken->found = true;
        return 0;
}

/* Return: 1 it is in somebody's state; 0; errno. */
static int is_taken(const Claim *claim, uint32_t number, uint32_t ifindex) {
        Taken taken = {
                .card = claim->card,
                .number = number,
                .ifindex = ifindex,
        };
        int r = interface_state_foreach(claim->state_fd, /* container= */ NULL, compare, &taken);

        return r < 0 ? r : taken.found;
}

/* The folder of a function's interfaces, as far as they are on the host. Return: 0; -ENOENT the function has
 * none, as it has no driver or one for virtual machines; errno. */
static int open_interfaces(const char *card, uint32_t number, DIR **ret) {
        char path[sizeof("/sys/class/net//device/virtfn/net") + IFNAMSIZ + 10];
        DIR *folder;

        snprintf(path, sizeof(path), "/sys/class/net/%s/device/virtfn%u/net", card, number);
        folder = opendir(path);
        if (!folder)
                return -errno;
        *ret = folder;
        return 0;
}

static bool function_exists(const char *card, uint32_t number) {
        char path[sizeof("/sys/class/net//device/virtfn") + IFNAMSIZ + 10];

        snprintf(path, sizeof(path), "/sys/class/net/%s/device/virtfn%u", card, number);
        return access(path, F_OK) >= 0;
}

static uint32_t read_index(int folder_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        char path[NAME_MAX + sizeof("/ifindex")];
        uint64_t index;

        snprintf(path, sizeof(path), "%s/ifindex", name);
        if (fd_read_file(folder_fd, path, 32, &text, NULL) < 0)
                return 0;
        text[strcspn(text, "\n")] = '\0';
        return string_to_u64(text, 10, INT_MAX, &index) >= 0 ? (uint32_t)index : 0;
}

/* The index of the function's interface, the first one where it has several; by its name it could be another
 * one by the time that it is used. Return: it; 0 none is on the host. */
static uint32_t function_index(const char *card, uint32_t number) {
        _cleanup_(closedirp) DIR *folder = NULL;
        uint32_t first = 0;

        if (open_interfaces(card, number, &folder) < 0)
                return 0;
        for (const struct dirent *de; (de = readdir(folder));) {
                uint32_t index = de->d_name[0] == '.' ? 0 : read_index(dirfd(folder), de->d_name);

                if (index > 0 && (first == 0 || index < first))
                        first = index;
        }
        return first;
}

bool interface_function_is_hidden(const PropertyList *state) {
        _cleanup_(closedirp) DIR *folder = NULL;
        uint32_t number = interface_state_number(state, "FUNCTION");
        char card[IFNAMSIZ];

        if (!property_list_get(state, "FUNCTION") ||
            string_from_component(property_list_get(state, "TARGET") ?: "", card, sizeof(card)) < 0 ||
            open_interfaces(card, number, &folder) < 0)
                return false;
        /* The folder is there for as long as there is something in it, wherever that is seen. */
        for (const struct dirent *de; (de = readdir(folder));)
                if (de->d_name[0] != '.')
                        return false;
        return true;
}

/* Whether somebody on the host uses the interface; its addresses are looked at later. */
static bool is_used(struct rtnl_link *link) {
        return (rtnl_link_get_flags(link) & IFF_UP) || rtnl_link_get_master(link) > 0;
}

/* Notes what the card has set of that which @item changes. */
static int note_settings(const Claim *claim, uint32_t number, PropertyList *state) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *card = NULL;
        LinkTag tag;
        char mac[32];
        int r;

        r = interface_state_set_number(state, "FUNCTION", number);
        if (r >= 0)
                r = interface_state_set_number(state, "CARD", claim->card);
        if (r < 0 || (!claim->item->mac && claim->item->vlan == 0))
                return r;
        r = link_get(claim->home, claim->card, /* name= */ NULL, &card);
        if (r >= 0)
                r = link_function_get(card, number, mac, &tag);
        if (r >= 0 && claim->item->mac)
                r = interface_state_set_text(state, "FUNCTION_MAC", mac);
        if (r >= 0 && claim->item->vlan > 0) {
                r = interface_state_set_number(state, "FUNCTION_VLAN", tag.vlan);
                if (r >= 0)
                        r = interface_state_set_number(state, "FUNCTION_QOS", tag.qos);
                if (r >= 0)
                        r = interface_state_set_number(state, "FUNCTION_PROTOCOL", tag.protocol);
        }
        return r;
}

/* Return: 0; 1 it is not free; errno. */
static int try_function(const Claim *claim, uint32_t number, PropertyList *ret_state,
                        struct rtnl_link **ret) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        uint32_t index = function_index(claim->item->target, number);
        int r;

        if (index == 0)
                return 1;
        /* Before it is looked at: one that is being put right is so when its state is gone. */
        r = is_taken(claim, number, index);
        if (r != 0)
                return r;
        r = link_get(claim->home, index, /* name= */ NULL, &link);
        if (r < 0)
                return r == -ENODEV ? 1 : r;
        if (is_used(link))
                return 1;
        r = interface_state_collect(claim->home, link, claim->item, &state);
        if (r < 0)
                return r == -ENODEV ? 1 : r;
        if (property_list_get(&state, "ADDR_0"))
                return 1;
        r = note_settings(claim, number, &state);
        if (r >= 0)
                r = interface_state_save(claim->state_fd, claim->container, &state);
        if (r < 0)
                return r;
        *ret_state = state;
        state = (PropertyList){};
        *ret = TAKE_PTR(link);
        return 0;
}

int interface_function_claim(RouteSocket *home, const Item *item, int state_fd, const char *container,
                             PropertyList *ret_state, struct rtnl_link **ret) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *card = NULL;
        _cleanup_close_ int lock_fd = -EBADF;
        Claim claim = {.home = home, .item = item, .state_fd = state_fd, .container = container};
        int r;

        r = link_get(home, /* ifindex= */ 0, item->target, &card);
        if (r < 0)
                return r;
        claim.card = (uint32_t)rtnl_link_get_ifindex(card);
        lock_fd = interface_state_lock(state_fd);
        if (lock_fd < 0)
                return lock_fd;
        r = interface_state_remove(state_fd, container, item->path);
        if (r < 0)
                return r;
        for (uint32_t number = 0; function_exists(item->target, number); number++) {
                r = try_function(&claim, number, ret_state, ret);
                if (r <= 0)
                        return r;
        }
        return GRANT_NO_FUNCTION;
}

/* Return: 0; -ENODEV; errno. */
static int get_card(RouteSocket *home, const PropertyList *state, struct rtnl_link **ret) {
        return link_get(home, interface_state_number(state, "CARD"), /* name= */ NULL, ret);
}

int interface_function_set_up(RouteSocket *home, const Item *item, const PropertyList *state) {
        const LinkTag tag = {.vlan = item->vlan, .protocol = ETH_P_8021Q};
        _cleanup_(rtnl_link_putp) struct rtnl_link *card = NULL;
        int r;

        if (!item->mac && item->vlan == 0)
                return 0;
        r = get_card(home, state, &card);
        return r < 0 ? r
                     : link_function_set(home, card, interface_state_number(state, "FUNCTION"), item->mac,
                                         item->vlan > 0 ? &tag : NULL);
}

int interface_function_put_right(RouteSocket *home, const PropertyList *state) {
        const LinkTag saved = {
                .vlan = interface_state_number(state, "FUNCTION_VLAN"),
                .qos = interface_state_number(state, "FUNCTION_QOS"),
                .protocol = interface_state_number(state, "FUNCTION_PROTOCOL"),
        };
        const char *mac = property_list_get(state, "FUNCTION_MAC");
        bool has_tag = property_list_get(state, "FUNCTION_VLAN");
        uint32_t number = interface_state_number(state, "FUNCTION");
        _cleanup_(rtnl_link_putp) struct rtnl_link *card = NULL;
        char mac_now[32];
        LinkTag now;
        int r;

        if (!mac && !has_tag)
                return 0;
        r = get_card(home, state, &card);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        r = link_function_get(card, number, mac_now, &now);
        if (r < 0)
                return r == -EOPNOTSUPP ? 0 : r; /* the function is gone */
        if (mac && streq(mac, mac_now))
                mac = NULL;
        if (has_tag && now.vlan == saved.vlan && now.qos == saved.qos && now.protocol == saved.protocol)
                has_tag = false;
        return mac || has_tag ? link_function_set(home, card, number, mac, has_tag ? &saved : NULL) : 0;
}
