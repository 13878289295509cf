/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The made-up radio. What it does is what cfg80211 does as far as an observer can tell: all on it moves with
 * it, goes down by that, and gets another name where its own is taken; numbers are given out once.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/nl80211.h>
#include <netlink/route/link/veth.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inject/radio-fixture.h"
#include "util/fd.h"
#include "util/string.h"

/* The peers' indexes, in a namespace of their own. */
#define PEER_FIRST 100000
#define PEER_LAST  199999
#define LINK_FIRST 200000

struct WiphySocket {
        RadioPlace place;
};

Radio *radio;

/* One test at a time. */
static struct {
        Fixture *fixture;
        int netns_fds[3]; /* by place */
        pid_t hidden, ether;
        int ether_fd;
} stage;

static RouteSocket *open_place(RadioPlace place) {
        RouteSocket *socket = NULL;

        assert_int_equal(route_socket_open(stage.netns_fds[place], &socket), 0);
        return socket;
}

/* What the radio does to its links is the kernel's own: none of that fails. */
typedef struct Pause {
        unsigned int fail_at, die_at, calls;
} Pause;

static Pause pause_begin(void) {
        Pause pause = {
                .fail_at = interface_fail_at,
                .die_at = interface_die_at,
                .calls = interface_calls,
        };

        interface_fail_at = interface_die_at = 0;
        return pause;
}

static void pause_end(Pause *pause) {
        interface_fail_at = pause->fail_at;
        interface_die_at = pause->die_at;
        interface_calls = pause->calls;
}

static bool is_here(const WiphySocket *socket, uint32_t wiphy) {
        return wiphy == RADIO_NUMBER && socket->place == radio->place;
}

static Wdev *find_number(uint32_t id) {
        for (size_t i = 0; i < radio->n_wdevs; i++)
                if (radio->wdevs[i].id == id)
                        return &radio->wdevs[i];
        return NULL;
}

/* Return: 0; -EEXIST. */
static int add_veth(const char *name, uint32_t id, uint32_t *ret_ifindex) {
        _cleanup_(pause_end) _unused_ Pause pause = pause_begin();
        _cleanup_(route_socket_closep) RouteSocket *socket = open_place(radio->place);
        struct rtnl_link *veth = rtnl_link_veth_alloc(), *peer = rtnl_link_veth_get_peer(veth), *link;
        char ether[IFNAMSIZ];
        int r;

        sprintf(ether, "ether%u", id);
        rtnl_link_set_name(veth, name);
        /* The kernel takes that of the peer only together with it. */
        rtnl_link_set_ifindex(veth, LINK_FIRST + (int)id);
        rtnl_link_set_name(peer, ether);
        rtnl_link_set_ifindex(peer, PEER_FIRST + (int)id);
        rtnl_link_set_ns_fd(peer, stage.ether_fd);
        socket->error = 0;
        r = route_errno(socket, rtnl_link_add(socket->nl, veth, NLM_F_CREATE | NLM_F_EXCL));
        rtnl_link_put(peer);
        rtnl_link_put(veth);
        if (r < 0)
                return r;
        link = get_link(socket, name);
        *ret_ifindex = (uint32_t)rtnl_link_get_ifindex(link);
        rtnl_link_put(link);
        return 0;
}

static int make(const char *name, const Wdev *like, const Wdev **ret) {
        Wdev *wdev = &radio->wdevs[radio->n_wdevs];
        uint32_t ifindex = 0;
        int r = 0;

        assert_true(radio->n_wdevs < RADIO_WDEVS_MAX);
        if (name)
                r = add_veth(name, radio->last + 1, &ifindex);
        if (r < 0)
                return r;
        *wdev = (Wdev){
                .wiphy = RADIO_NUMBER,
                .id = ++radio->last,
                .ifindex = ifindex,
                .type = like->type,
                .four_address = like->four_address,
        };
        radio->n_wdevs++;
        *ret = wdev;
        return 0;
}

static void unmake(Wdev *wdev) {
        _cleanup_(pause_end) _unused_ Pause pause = pause_begin();
        _cleanup_(route_socket_closep) RouteSocket *socket = open_place(radio->place);
        struct rtnl_link *link = NULL;

        if (wdev->ifindex > 0) {
                assert_int_equal(link_get(socket, wdev->ifindex, NULL, &link), 0);
                assert_int_equal(rtnl_link_delete(socket->nl, link), 0);
                rtnl_link_put(link);
        }
        *wdev = radio->wdevs[--radio->n_wdevs];
}

/* Return: 0; -EEXIST for an alternative name, which is not made up for. */
static int move_link(RouteSocket *from, RouteSocket *to, RadioPlace place, Wdev *wdev) {
        struct rtnl_link *link = NULL;
        char name[IFNAMSIZ];
        int r;

        assert_int_equal(link_get(from, wdev->ifindex, NULL, &link), 0);
        assert_int_equal(link_set_flags(from, link, 0, IFF_UP), 0);
        strcpy(name, rtnl_link_get_name(link));
        r = link_move(from, link, stage.netns_fds[place], name);
        for (unsigned int i = 0; r == -EEXIST && i < 10; i++) {
                sprintf(name, "wlan%u", i);
                r = link_move(from, link, stage.netns_fds[place], name);
        }
        rtnl_link_put(link);
        if (r < 0)
                return r;
        link = get_link(to, name);
        wdev->ifindex = (uint32_t)rtnl_link_get_ifindex(link);
        rtnl_link_put(link);
        return 0;
}

static int try_move(RadioPlace place) {
        _cleanup_(route_socket_closep) RouteSocket *from = open_place(radio->place), *to = open_place(place);
        _cleanup_(pause_end) _unused_ Pause pause = pause_begin();

        if (place == radio->place)
                return 0;
        for (size_t i = 0; i < radio->n_wdevs; i++)
                if (radio->wdevs[i].ifindex > 0) {
                        int r = move_link(from, to, place, &radio->wdevs[i]);

                        /* Nothing has moved then. */
                        assert_true(r == 0 || (r == -EEXIST && i == 0));
                        if (r < 0)
                                return r;
                }
        radio->place = place;
        return 0;
}

void radio_move(RadioPlace place) {
        assert_int_equal(try_move(place), 0);
}

const Wdev *radio_make(const char *name, uint32_t type) {
        const Wdev *wdev = NULL;

        assert_int_equal(make(name, &(Wdev){.type = type}, &wdev), 0);
        return wdev;
}

Wdev *radio_find(const char *name) {
        _cleanup_(pause_end) _unused_ Pause pause = pause_begin();
        _cleanup_(route_socket_closep) RouteSocket *socket = open_place(radio->place);
        struct rtnl_link *link = NULL;
        Wdev *found = NULL;

        if (link_get(socket, 0, name, &link) < 0)
                return NULL;
        for (size_t i = 0; i < radio->n_wdevs; i++)
                if (radio->wdevs[i].ifindex == (uint32_t)rtnl_link_get_ifindex(link))
                        found = &radio->wdevs[i];
        rtnl_link_put(link);
        return found;
}

void radio_delete(const char *name) {
        Wdev *wdev = radio_find(name);

        assert_non_null(wdev);
        unmake(wdev);
}

size_t radio_count_links(void) {
        size_t n = 0;

        for (size_t i = 0; i < radio->n_wdevs; i++)
                n += radio->wdevs[i].ifindex > 0;
        return n;
}

int radio_setup(void **state) {
        int r = interface_setup(state);

        if (r != 0 || !*state)
                return r;
        stage.fixture = *state;
        stage.netns_fds[RADIO_HOME] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        assert_true(stage.netns_fds[RADIO_HOME] >= 0);
        stage.netns_fds[RADIO_INSIDE] = stage.fixture->netns_fd;
        stage.hidden = start_namespace(&stage.netns_fds[RADIO_HIDDEN]);
        stage.ether = start_namespace(&stage.ether_fd);
        mock_card = (struct MockCard){
                .lower = PEER_FIRST,
                .lower_last = PEER_LAST,
                .permanent = "02:00:00:00:00:01",
        };
        radio = mmap(NULL, sizeof(*radio), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(radio, MAP_FAILED);
        *radio = (Radio){
                .wiphy =
                        {
                                .name = "attic",
                                .has = {[WIPHY_RETRY_SHORT] = true, [WIPHY_RTS] = true},
                                .settings = {[WIPHY_RETRY_SHORT] = 7, [WIPHY_RTS] = UINT32_MAX},
                        },
        };
        radio_make("host0", NL80211_IFTYPE_STATION);
        radio_make(NULL, NL80211_IFTYPE_P2P_DEVICE);
        return 0;
}

int radio_teardown(void **state) {
        if (!*state)
                return interface_teardown(state);
        interface_fail_at = 0;
        while (radio->n_wdevs > 0)
                unmake(&radio->wdevs[0]);
        munmap(radio, sizeof(*radio));
        end_namespace(stage.hidden);
        end_namespace(stage.ether);
        close(stage.netns_fds[RADIO_HOME]);
        close(stage.netns_fds[RADIO_HIDDEN]);
        close(stage.ether_fd);
        return interface_teardown(state);
}

/* ---- what is wrapped */

int __wrap_wiphy_socket_open(int netns_fd, WiphySocket **ret);
int __wrap_wiphy_socket_open(int netns_fd, WiphySocket **ret) {
        WiphySocket *socket;

        if (interface_fails_now() || !(socket = malloc(sizeof(*socket))))
                return -ENOMEM;
        socket->place = netns_fd < 0 ? RADIO_HOME : RADIO_INSIDE;
        *ret = socket;
        return 0;
}

WiphySocket *__wrap_wiphy_socket_close(WiphySocket *socket);
WiphySocket *__wrap_wiphy_socket_close(WiphySocket *socket) {
        free(socket);
        return NULL;
}

bool __wrap_wiphy_has_link(const char *name);
bool __wrap_wiphy_has_link(const char *name) {
        return radio->place == RADIO_HOME && radio_find(name);
}

int __wrap_wiphy_read(WiphySocket *socket, uint32_t wiphy, Wiphy *ret);
int __wrap_wiphy_read(WiphySocket *socket, uint32_t wiphy, Wiphy *ret) {
        if (interface_fails_now())
                return -ENOMEM;
        if (!is_here(socket, wiphy))
                return -ENODEV;
        *ret = radio->wiphy;
        return 0;
}

int __wrap_wiphy_rename(WiphySocket *socket, uint32_t wiphy, const char *name);
int __wrap_wiphy_rename(WiphySocket *socket, uint32_t wiphy, const char *name) {
        if (interface_fails_now())
                return -ENOMEM;
        assert_true(is_here(socket, wiphy));
        if (streq(name, "taken"))
                return -EINVAL;
        strcpy(radio->wiphy.name, name);
        return 0;
}

int __wrap_wiphy_set(WiphySocket *socket, uint32_t wiphy, WiphySetting setting, uint32_t value);
int __wrap_wiphy_set(WiphySocket *socket, uint32_t wiphy, WiphySetting setting, uint32_t value) {
        if (interface_fails_now())
                return -ENOMEM;
        assert_true(is_here(socket, wiphy));
        radio->wiphy.settings[setting] = value;
        return 0;
}

int __wrap_wiphy_move(WiphySocket *socket, uint32_t wiphy, int netns_fd);
int __wrap_wiphy_move(WiphySocket *socket, uint32_t wiphy, int netns_fd) {
        if (interface_fails_now())
                return -ENOMEM;
        if (!is_here(socket, wiphy))
                return -ENODEV;
        if (radio->cannot_move)
                return -EOPNOTSUPP;
        return try_move(netns_fd == stage.netns_fds[RADIO_INSIDE] ? RADIO_INSIDE : RADIO_HOME);
}

int __wrap_wdev_get_all(WiphySocket *socket, uint32_t wiphy, WdevList *ret);
int __wrap_wdev_get_all(WiphySocket *socket, uint32_t wiphy, WdevList *ret) {
        *ret = (WdevList){};
        if (interface_fails_now())
                return -ENOMEM;
        for (size_t i = 0; is_here(socket, wiphy) && i < radio->n_wdevs && !ret->more; i++)
                if (ret->n_items < WDEV_LIST_MAX)
                        ret->items[ret->n_items++] = radio->wdevs[i];
                else
                        ret->more = true;
        return 0;
}

int __wrap_wdev_get(WiphySocket *socket, uint32_t wiphy, uint32_t id, Wdev *ret);
int __wrap_wdev_get(WiphySocket *socket, uint32_t wiphy, uint32_t id, Wdev *ret) {
        if (interface_fails_now())
                return -ENOMEM;
        if (!is_here(socket, wiphy) || !find_number(id))
                return -ENODEV;
        *ret = *find_number(id);
        return 0;
}

int __wrap_wdev_get_link(WiphySocket *socket, uint32_t ifindex, Wdev *ret);
int __wrap_wdev_get_link(WiphySocket *socket, uint32_t ifindex, Wdev *ret) {
        if (interface_fails_now())
                return -ENOMEM;
        for (size_t i = 0; socket->place == radio->place && i < radio->n_wdevs; i++)
                if (radio->wdevs[i].ifindex == ifindex) {
                        *ret = radio->wdevs[i];
                        return 0;
                }
        return -ENODEV;
}

int __wrap_wdev_make(WiphySocket *socket, const Wdev *like, const char *name, Wdev *ret);
int __wrap_wdev_make(WiphySocket *socket, const Wdev *like, const char *name, Wdev *ret) {
        const Wdev *made = NULL;
        int r;

        if (interface_fails_now())
                return -ENOMEM;
        assert_true(is_here(socket, like->wiphy));
        r = make(name, like, &made);
        if (r >= 0)
                *ret = *made;
        return r;
}

int __wrap_wdev_set_type(WiphySocket *socket, const Wdev *wdev, const Wdev *like);
int __wrap_wdev_set_type(WiphySocket *socket, const Wdev *wdev, const Wdev *like) {
        if (interface_fails_now())
                return -ENOMEM;
        assert_true(is_here(socket, wdev->wiphy));
        find_number(wdev->id)->type = like->type;
        find_number(wdev->id)->four_address = like->four_address;
        return 0;
}

int __wrap_wdev_delete(WiphySocket *socket, const Wdev *wdev);
int __wrap_wdev_delete(WiphySocket *socket, const Wdev *wdev) {
        if (interface_fails_now())
                return -ENOMEM;
        assert_true(is_here(socket, wdev->wiphy));
        unmake(find_number(wdev->id));
        return 0;
}
