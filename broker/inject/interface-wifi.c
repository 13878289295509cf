/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Wi-Fi interfaces, which move by their radio.
 *
 * While the radio is inside, the container's root makes interfaces on it, deletes the one that he was given,
 * makes an access point or a monitor of it, renames the radio and sets it up as he likes. What tells the
 * radio is its number, and the interface the number that it has on the radio: neither can be chosen. He may
 * move the radio to a namespace of his own, where it is out of sight until that one dies.
 *
 * When it is on the host again, only the host can still change it: then all on it goes but the interface that
 * was given. It cannot be told what was made by whom: whoever makes another interface on a radio that its
 * container has left, while davitd does not run, loses it when davitd puts the radio right. The deleting
 * before the way home is for those who watch the host: they see nothing come but the interface, under its
 * name.
 *
 * Invariant: from the writing of the state on, recovering and putting right may be done again from any point.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "inject/interface-restore.h"
#include "inject/interface-state.h"
#include "inject/interface-wifi.h"
#include "inject/wiphy.h"
#include "util/string.h"

/* How often all that is on a radio is listed to be deleted: their number has no bound but the kernel's. */
#define DROP_ROUNDS 64

static const char *const setting_keys[WIPHY_SETTING_MAX] = {
        [WIPHY_RETRY_SHORT] = "PHY_RETRY_SHORT", [WIPHY_RETRY_LONG] = "PHY_RETRY_LONG",
        [WIPHY_FRAGMENT] = "PHY_FRAGMENT",       [WIPHY_RTS] = "PHY_RTS",
        [WIPHY_COVERAGE] = "PHY_COVERAGE",
};

bool interface_is_wifi(const PropertyList *state) {
        return property_list_get(state, "WIPHY") != NULL;
}

/* The interface as it was. */
static Wdev saved_wdev(const PropertyList *state) {
        return (Wdev){
                .wiphy = interface_state_number(state, "WIPHY"),
                .id = interface_state_number(state, "WDEV"),
                .type = interface_state_number(state, "IFTYPE"),
                .four_address = interface_state_number(state, "FOUR_ADDRESS") > 0,
        };
}

static int save_radio(const Wiphy *wiphy, PropertyList *state) {
        int r = interface_state_set_text(state, "PHY", wiphy->name);

        for (size_t i = 0; r >= 0 && i < WIPHY_SETTING_MAX; i++)
                if (wiphy->has[i])
                        r = interface_state_set_number(state, setting_keys[i], wiphy->settings[i]);
        return r;
}

static int save_wdev(const Wdev *wdev, uint32_t last, PropertyList *state) {
        int r = interface_state_set_number(state, "WIPHY", wdev->wiphy);

        if (r >= 0)
                r = interface_state_set_number(state, "WDEV", wdev->id);
        if (r >= 0)
                r = interface_state_set_number(state, "WDEV_LAST", last);
        if (r >= 0)
                r = interface_state_set_number(state, "IFTYPE", wdev->type);
        if (r >= 0)
                r = interface_state_set_number(state, "FOUR_ADDRESS", wdev->four_address);
        return r;
}

int interface_wifi_collect(struct rtnl_link *link, PropertyList *state) {
        _cleanup_(wiphy_socket_closep) WiphySocket *socket = NULL;
        uint32_t last = 0;
        WdevList list;
        Wiphy wiphy;
        Wdev wdev;
        int r;

        /* Nobody else has to wait for nl80211. */
        if (!wiphy_has_link(rtnl_link_get_name(link)))
                return 0;
        if ((r = wiphy_socket_open(-EBADF, &socket)) < 0 ||
            (r = wdev_get_link(socket, (uint32_t)rtnl_link_get_ifindex(link), &wdev)) < 0 ||
            (r = wiphy_read(socket, wdev.wiphy, &wiphy)) < 0 ||
            (r = wdev_get_all(socket, wdev.wiphy, &list)) < 0)
                return r;
        if (list.more)
                return -EBUSY;
        for (size_t i = 0; i < list.n_items; i++) {
                if (list.items[i].ifindex > 0 && list.items[i].id != wdev.id)
                        return -EBUSY;
                last = MAX(last, list.items[i].id);
        }
        r = save_wdev(&wdev, last, state);
        return r < 0 ? r : save_radio(&wiphy, state);
}

int interface_wifi_locate(int netns_fd, const PropertyList *state) {
        _cleanup_(wiphy_socket_closep) WiphySocket *socket = NULL;
        Wiphy wiphy;
        int r = wiphy_socket_open(netns_fd, &socket);

        return r < 0 ? r : wiphy_read(socket, saved_wdev(state).wiphy, &wiphy);
}

static int find_link(WiphySocket *wiphys, RouteSocket *socket, const PropertyList *state,
                     struct rtnl_link **ret) {
        const Wdev saved = saved_wdev(state);
        Wdev wdev;
        int r = wdev_get(wiphys, saved.wiphy, saved.id, &wdev);

        if (r < 0)
                return r;
        return wdev.ifindex == 0 ? -ENODEV : link_get(socket, wdev.ifindex, /* name= */ NULL, ret);
}

int interface_wifi_find(int netns_fd, RouteSocket *socket, const PropertyList *state,
                        struct rtnl_link **ret) {
        _cleanup_(wiphy_socket_closep) WiphySocket *wiphys = NULL;
        int r = wiphy_socket_open(netns_fd, &wiphys);

        return r < 0 ? r : find_link(wiphys, socket, state, ret);
}

int interface_wifi_move_in(int netns_fd, const PropertyList *state) {
        _cleanup_(wiphy_socket_closep) WiphySocket *wiphys = NULL;
        int r = wiphy_socket_open(-EBADF, &wiphys);

        return r < 0 ? r : wiphy_move(wiphys, saved_wdev(state).wiphy, netns_fd);
}

/* Deletes what was made on the radio since it was saved. What is no network interface and was there before,
 * may stay. Return: 0; -EAGAIN there is always more; errno. */
static int drop_others(WiphySocket *wiphys, const PropertyList *state) {
        const Wdev saved = saved_wdev(state);
        uint32_t last = interface_state_number(state, "WDEV_LAST");

        for (unsigned int round = 0; round < DROP_ROUNDS; round++) {
                bool found = false;
                WdevList list;
                int r = wdev_get_all(wiphys, saved.wiphy, &list);

                if (r < 0)
                        return r;
                for (size_t i = 0; i < list.n_items; i++) {
                        const Wdev *wdev = &list.items[i];
                        int k;

                        if (wdev->id == saved.id || (wdev->ifindex == 0 && wdev->id <= last))
                                continue;
                        found = true;
                        k = wdev_delete(wiphys, wdev);
                        if (k < 0 && r >= 0)
                                r = k;
                }
                if (r < 0 || !found)
                        return r;
        }
        return -EAGAIN;
}

/* So that it does not come home under a name of the container's choice, which is put right there otherwise.
 */
static void rename_inside(WiphySocket *wiphys, RouteSocket *inside, const PropertyList *state) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        char name[IFNAMSIZ];

        if (find_link(wiphys, inside, state, &link) < 0 ||
            string_from_component(property_list_get(state, "NAME"), name, sizeof(name)) < 0 ||
            streq(name, rtnl_link_get_name(link)))
                return;
        if (link_set_flags(inside, link, 0, IFF_UP) >= 0)
                (void)link_rename(inside, link, name);
}

int interface_wifi_move_out(int netns_fd, RouteSocket *inside, int home_fd, const PropertyList *state) {
        _cleanup_(wiphy_socket_closep) WiphySocket *wiphys = NULL;
        Wiphy wiphy;
        int r;

        if ((r = wiphy_socket_open(netns_fd, &wiphys)) < 0 ||
            (r = wiphy_read(wiphys, saved_wdev(state).wiphy, &wiphy)) < 0)
                return r;
        (void)drop_others(wiphys, state);
        rename_inside(wiphys, inside, state);
        return wiphy_move(wiphys, saved_wdev(state).wiphy, home_fd);
}

/* Once cfg80211 was loaded anew, another radio may have the number of one that was inside then, and is gone.
 */
static int check_hardware(RouteSocket *home, const WdevList *list, const PropertyList *state) {
        char saved[LINK_BUS_SIZE] = "";
        const char *text = property_list_get(state, "BUS");

        if (text && string_from_component(text, saved, sizeof(saved)) < 0)
                return -EBADMSG;
        for (size_t i = 0; i < list->n_items; i++) {
                _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
                char bus[LINK_BUS_SIZE], permanent[LINK_PERMANENT_SIZE];

                if (list->items[i].ifindex == 0 ||
                    link_get(home, list->items[i].ifindex, /* name= */ NULL, &link) < 0)
                        continue;
                link_read_hardware(home, rtnl_link_get_name(link), bus, permanent);
                if (!string_empty(bus) && !streq(bus, saved))
                        return -ENODEV;
        }
        return 0;
}

static int make_anew(WiphySocket *wiphys, const PropertyList *state, Wdev *ret) {
        const Wdev saved = saved_wdev(state);
        char name[IFNAMSIZ];
        int r;

        r = string_from_component(property_list_get(state, "NAME"), name, sizeof(name));
        if (r >= 0)
                r = wdev_make(wiphys, &saved, name, ret);
        for (unsigned int i = 0; r == -EEXIST && i < INTERFACE_SPARE_NAMES; i++) {
                interface_spare_name(i, name);
                r = wdev_make(wiphys, &saved, name, ret);
        }
        return r == -EEXIST ? -EBUSY : r;
}

int interface_wifi_recover(RouteSocket *home, const PropertyList *state, struct rtnl_link **ret) {
        _cleanup_(wiphy_socket_closep) WiphySocket *wiphys = NULL;
        const Wdev saved = saved_wdev(state);
        WdevList list;
        Wiphy wiphy;
        Wdev wdev;
        int r;

        if ((r = wiphy_socket_open(-EBADF, &wiphys)) < 0 ||
            (r = wiphy_read(wiphys, saved.wiphy, &wiphy)) < 0 ||
            (r = wdev_get_all(wiphys, saved.wiphy, &list)) < 0 ||
            (r = check_hardware(home, &list, state)) < 0 || (r = drop_others(wiphys, state)) < 0)
                return r;
        r = wdev_get(wiphys, saved.wiphy, saved.id, &wdev);
        if (r == -ENODEV)
                r = make_anew(wiphys, state, &wdev);
        return r < 0 ? r : link_get(home, wdev.ifindex, /* name= */ NULL, ret);
}

static int put_type_right(WiphySocket *wiphys, RouteSocket *home, struct rtnl_link *link,
                          const PropertyList *state) {
        const Wdev saved = saved_wdev(state);
        Wdev wdev;
        int r;

        r = wdev_get_link(wiphys, (uint32_t)rtnl_link_get_ifindex(link), &wdev);
        if (r < 0 || (wdev.type == saved.type && wdev.four_address == saved.four_address))
                return r;
        r = link_set_flags(home, link, 0, IFF_UP);
        return r < 0 ? r : wdev_set_type(wiphys, &wdev, &saved);
}

/* Where another radio has its name by now it gets the one that the kernel keeps for it. */
static int put_name_right(WiphySocket *wiphys, const Wiphy *wiphy, const PropertyList *state) {
        uint32_t number = saved_wdev(state).wiphy;
        const char *text = property_list_get(state, "PHY");
        char name[WIPHY_NAME_SIZE];
        int r;

        r = string_from_component(text ?: "", name, sizeof(name));
        if (r < 0 || streq(name, wiphy->name))
                return r;
        r = wiphy_rename(wiphys, number, name);
        if (r != -EINVAL)
                return r;
        snprintf(name, sizeof(name), "phy%u", number);
        return streq(name, wiphy->name) ? 0 : wiphy_rename(wiphys, number, name);
}

int interface_wifi_put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state) {
        _cleanup_(wiphy_socket_closep) WiphySocket *wiphys = NULL;
        uint32_t number = saved_wdev(state).wiphy;
        Wiphy wiphy;
        int r, k;

        if ((r = wiphy_socket_open(-EBADF, &wiphys)) < 0 || (r = wiphy_read(wiphys, number, &wiphy)) < 0)
                return r;
        r = put_type_right(wiphys, home, link, state);
        k = put_name_right(wiphys, &wiphy, state);
        if (k < 0 && r >= 0)
                r = k;
        for (WiphySetting i = 0; i < WIPHY_SETTING_MAX; i++) {
                uint32_t value = interface_state_number(state, setting_keys[i]);

                if (!property_list_get(state, setting_keys[i]) || !wiphy.has[i] || wiphy.settings[i] == value)
                        continue;
                k = wiphy_set(wiphys, number, i, value);
                if (k < 0 && r >= 0)
                        r = k;
        }
        return r;
}
