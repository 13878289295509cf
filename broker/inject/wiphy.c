/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Radios through nl80211.
 *
 * As with links, nothing but the opening of the socket happens in a foreign namespace, and only the kernel is
 * heard on it. A radio answers only in the namespace where it is: that is how it is found.
 */

#include "config.h"

#include <errno.h>
#include <linux/nl80211.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inject/link.h"
#include "inject/wiphy.h"
#include "util/string.h"

struct WiphySocket {
        RouteSocket *generic;
        int family;
};

static const struct {
        int attribute;
        size_t size;
} settings[WIPHY_SETTING_MAX] = {
        [WIPHY_RETRY_SHORT] = {NL80211_ATTR_WIPHY_RETRY_SHORT, 1},
        [WIPHY_RETRY_LONG] = {NL80211_ATTR_WIPHY_RETRY_LONG, 1},
        [WIPHY_FRAGMENT] = {NL80211_ATTR_WIPHY_FRAG_THRESHOLD, 4},
        [WIPHY_RTS] = {NL80211_ATTR_WIPHY_RTS_THRESHOLD, 4},
        [WIPHY_COVERAGE] = {NL80211_ATTR_WIPHY_COVERAGE_CLASS, 1},
};

int wiphy_socket_open(int netns_fd, WiphySocket **ret) {
        _cleanup_(wiphy_socket_closep) WiphySocket *socket = calloc(1, sizeof(*socket));
        int r;

        if (!socket)
                return -ENOMEM;
        r = route_socket_open_generic(netns_fd, &socket->generic);
        if (r < 0)
                return r;
        socket->family = genl_ctrl_resolve(socket->generic->nl, NL80211_GENL_NAME);
        if (socket->family < 0) {
                r = route_errno(socket->generic, socket->family);
                return r == -ENOENT ? -ENODEV : r;
        }
        *ret = TAKE_PTR(socket);
        return 0;
}

WiphySocket *wiphy_socket_close(WiphySocket *socket) {
        if (socket) {
                route_socket_close(socket->generic);
                free(socket);
        }
        return NULL;
}

bool wiphy_has_link(const char *name) {
        char path[sizeof("/sys/class/net//phy80211") + IFNAMSIZ];

        snprintf(path, sizeof(path), "/sys/class/net/%.*s/phy80211", IFNAMSIZ, name);
        return access(path, F_OK) == 0;
}

static struct nl_msg *new_message(const WiphySocket *socket, int flags, uint8_t command) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc();

        if (!message || !genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, socket->family, /* hdrlen= */ 0,
                                     flags, command, /* version= */ 0))
                return NULL;
        return TAKE_PTR(message);
}

static uint64_t wdev_number(const Wdev *wdev) {
        return (uint64_t)wdev->wiphy << 32 | wdev->id;
}

/* What is acknowledged alone. Takes @message over. */
static int request(WiphySocket *socket, struct nl_msg *message) {
        socket->generic->error = 0;
        return route_errno(socket->generic, nl_send_sync(socket->generic->nl, message));
}

static bool parse(struct nl_msg *message, struct nlattr *attributes[NL80211_ATTR_MAX + 1]) {
        return genlmsg_parse(nlmsg_hdr(message), /* hdrlen= */ 0, attributes, NL80211_ATTR_MAX,
                             /* policy= */ NULL) >= 0;
}

/* The number in @attribute, of the size that the kernel gave it. */
static uint64_t number(const struct nlattr *attribute) {
        switch (nla_len(attribute)) {
        case sizeof(uint8_t):
                return nla_get_u8(attribute);
        case sizeof(uint32_t):
                return nla_get_u32(attribute);
        case sizeof(uint64_t):
                return nla_get_u64((struct nlattr *)attribute);
        default:
                return 0;
        }
}

typedef struct WiphyAnswer {
        Wiphy wiphy;
        bool found;
} WiphyAnswer;

static int take_wiphy(struct nl_msg *message, void *userdata) {
        struct nlattr *attributes[NL80211_ATTR_MAX + 1];
        WiphyAnswer *answer = userdata;

        if (!parse(message, attributes) || !attributes[NL80211_ATTR_WIPHY_NAME])
                return NL_OK;
        answer->found = true;
        nla_strlcpy(answer->wiphy.name, attributes[NL80211_ATTR_WIPHY_NAME], sizeof(answer->wiphy.name));
        for (size_t i = 0; i < WIPHY_SETTING_MAX; i++) {
                const struct nlattr *attribute = attributes[settings[i].attribute];

                answer->wiphy.has[i] = attribute != NULL;
                if (attribute)
                        answer->wiphy.settings[i] = (uint32_t)number(attribute);
        }
        return NL_OK;
}

int wiphy_read(WiphySocket *socket, uint32_t wiphy, Wiphy *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_GET_WIPHY);
        WiphyAnswer answer = {};
        int r;

        if (!message || nla_put_u32(message, NL80211_ATTR_WIPHY, wiphy) < 0)
                return -ENOMEM;
        r = route_request(socket->generic, message, take_wiphy, &answer);
        if (r < 0)
                return r;
        if (!answer.found)
                return -EBADMSG;
        *ret = answer.wiphy;
        return 0;
}

int wiphy_rename(WiphySocket *socket, uint32_t wiphy, const char *name) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_SET_WIPHY);

        if (!message || nla_put_u32(message, NL80211_ATTR_WIPHY, wiphy) < 0 ||
            nla_put_string(message, NL80211_ATTR_WIPHY_NAME, name) < 0)
                return -ENOMEM;
        return request(socket, TAKE_PTR(message));
}

int wiphy_set(WiphySocket *socket, uint32_t wiphy, WiphySetting setting, uint32_t value) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_SET_WIPHY);
        int attribute = settings[setting].attribute;

        if (!message || nla_put_u32(message, NL80211_ATTR_WIPHY, wiphy) < 0 ||
            (settings[setting].size == 1 ? nla_put_u8(message, attribute, (uint8_t)value)
                                         : nla_put_u32(message, attribute, value)) < 0)
                return -ENOMEM;
        return request(socket, TAKE_PTR(message));
}

int wiphy_move(WiphySocket *socket, uint32_t wiphy, int netns_fd) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_SET_WIPHY_NETNS);

        if (!message || nla_put_u32(message, NL80211_ATTR_WIPHY, wiphy) < 0 ||
            nla_put_u32(message, NL80211_ATTR_NETNS_FD, (uint32_t)netns_fd) < 0)
                return -ENOMEM;
        return request(socket, TAKE_PTR(message));
}

static int take_wdev(struct nl_msg *message, void *userdata) {
        struct nlattr *attributes[NL80211_ATTR_MAX + 1], *value;
        WdevList *list = userdata;
        Wdev *wdev = &list->items[list->n_items];

        if (!parse(message, attributes) || !(value = attributes[NL80211_ATTR_WDEV]))
                return NL_OK;
        if (list->n_items == WDEV_LIST_MAX) {
                list->more = true;
                return NL_OK;
        }
        *wdev = (Wdev){.wiphy = (uint32_t)(number(value) >> 32), .id = (uint32_t)number(value)};
        if ((value = attributes[NL80211_ATTR_IFINDEX]))
                wdev->ifindex = (uint32_t)number(value);
        if ((value = attributes[NL80211_ATTR_IFTYPE]))
                wdev->type = (uint32_t)number(value);
        if ((value = attributes[NL80211_ATTR_4ADDR]))
                wdev->four_address = number(value) > 0;
        list->n_items++;
        return NL_OK;
}

typedef struct WdevReader {
        uint32_t wiphy;
        WdevList list;
} WdevReader;

/* Before Linux 4.9 a dump is of all radios. */
static int take_wdev_of(struct nl_msg *message, void *userdata) {
        struct nlattr *attributes[NL80211_ATTR_MAX + 1];
        WdevReader *reader = userdata;

        if (!parse(message, attributes) || !attributes[NL80211_ATTR_WIPHY] ||
            number(attributes[NL80211_ATTR_WIPHY]) != reader->wiphy)
                return NL_OK;
        return take_wdev(message, &reader->list);
}

int wdev_get_all(WiphySocket *socket, uint32_t wiphy, WdevList *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, NLM_F_DUMP, NL80211_CMD_GET_INTERFACE);
        WdevReader reader = {.wiphy = wiphy};
        int r;

        if (!message || nla_put_u32(message, NL80211_ATTR_WIPHY, wiphy) < 0)
                return -ENOMEM;
        r = route_request(socket->generic, message, take_wdev_of, &reader);
        if (r < 0)
                return r;
        reader.list.more = reader.list.more || socket->generic->interrupted;
        *ret = reader.list;
        return 0;
}

/* Sends what is answered with one wdev, and frees it. */
static int request_wdev(WiphySocket *socket, struct nl_msg *message, Wdev *ret) {
        WdevList list = {};
        int r = route_request(socket->generic, message, take_wdev, &list);

        nlmsg_free(message);
        if (r < 0)
                return r;
        if (list.n_items == 0)
                return -EBADMSG;
        *ret = list.items[0];
        return 0;
}

int wdev_get(WiphySocket *socket, uint32_t wiphy, uint32_t id, Wdev *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_GET_INTERFACE);
        const Wdev wdev = {.wiphy = wiphy, .id = id};

        if (!message || nla_put_u64(message, NL80211_ATTR_WDEV, wdev_number(&wdev)) < 0)
                return -ENOMEM;
        return request_wdev(socket, TAKE_PTR(message), ret);
}

int wdev_get_link(WiphySocket *socket, uint32_t ifindex, Wdev *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_GET_INTERFACE);

        if (!message || nla_put_u32(message, NL80211_ATTR_IFINDEX, ifindex) < 0)
                return -ENOMEM;
        return request_wdev(socket, TAKE_PTR(message), ret);
}

int wdev_make(WiphySocket *socket, const Wdev *like, const char *name, Wdev *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_NEW_INTERFACE);
        int r;

        if (!message || nla_put_u32(message, NL80211_ATTR_WIPHY, like->wiphy) < 0 ||
            nla_put_string(message, NL80211_ATTR_IFNAME, name) < 0 ||
            nla_put_u32(message, NL80211_ATTR_IFTYPE, like->type) < 0 ||
            (like->four_address && nla_put_u8(message, NL80211_ATTR_4ADDR, 1) < 0))
                return -ENOMEM;
        r = request_wdev(socket, TAKE_PTR(message), ret);
        /* Older kernels say so. */
        return r == -ENFILE ? -EEXIST : r;
}

int wdev_set_type(WiphySocket *socket, const Wdev *wdev, const Wdev *like) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_SET_INTERFACE);

        if (!message || nla_put_u32(message, NL80211_ATTR_IFINDEX, wdev->ifindex) < 0 ||
            nla_put_u32(message, NL80211_ATTR_IFTYPE, like->type) < 0 ||
            (wdev->four_address != like->four_address &&
             nla_put_u8(message, NL80211_ATTR_4ADDR, like->four_address) < 0))
                return -ENOMEM;
        return request(socket, TAKE_PTR(message));
}

int wdev_delete(WiphySocket *socket, const Wdev *wdev) {
        _cleanup_(nlmsg_freep) struct nl_msg *message =
                new_message(socket, /* flags= */ 0, NL80211_CMD_DEL_INTERFACE);
        int r;

        if (!message || nla_put_u64(message, NL80211_ATTR_WDEV, wdev_number(wdev)) < 0)
                return -ENOMEM;
        r = request(socket, TAKE_PTR(message));
        return r == -ENODEV ? 0 : r;
}
