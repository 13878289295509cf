/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Moving network interfaces into a container and back: the host's own, and those of a card's functions, which
 * differ in how the one that moves is chosen (interface-function.c) and in nothing after.
 *
 * In: save, one RTM_SETLINK which moves and renames, then MTU and up through a socket of the container's
 * namespace. Out: one RTM_SETLINK back to the saved name, then everything that was saved is compared and put
 * right. A Wi-Fi interface moves by its radio, and is renamed behind that; on the way out the radio is made
 * to have nothing but it. The same way out serves as undo of a failed way in, so there is one path for "make
 * it as it was".
 *
 * While it is inside, the container's root does with it what he likes: renames it, gives it odd addresses and
 * flags, alternative names that clash with the host's, moves it to a namespace of his own, deletes it and
 * makes a twin. So nothing that he can choose tells which interface is ours: a physical one is told by bus
 * place and burnt-in address, a virtual one by its kind and by its peer or lower interface on the host. See
 * interface-find.c.
 *
 * Containers' steps run side by side. What a container that died has left is put right under the lock under
 * which the next one's choice is made, and by that one itself where it is the faster: the state that it saves
 * is the host's.
 *
 * Invariant: between the writing and the removal of the state file the interface is in the container, or on
 * the host and perhaps not put right, or gone.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "inject/interface-find.h"
#include "inject/interface-function.h"
#include "inject/interface-make.h"
#include "inject/interface-port.h"
#include "inject/interface-restore.h"
#include "inject/interface-settle.h"
#include "inject/interface-state.h"
#include "inject/interface-upper.h"
#include "inject/interface-wifi.h"
#include "inject/interface.h"
#include "inject/link.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

/* The kernel takes namespaces down one behind the other, each for some grace periods of RCU: on a busy host
 * that may be seconds. */
#define GIVEN_BACK_USEC (5 * 1000 * 1000)
#define HELD_USEC       (200 * 1000)

/* What came with its radio has the name that it had. */
static int rename_inside(InterfaceFinder *finder, struct rtnl_link *link, const Item *item,
                         const PropertyList *state) {
        int r;

        if (!interface_is_wifi(state) || property_list_get(state, "INSIDE_IFINDEX") ||
            streq(item->path, rtnl_link_get_name(link)))
                return 0;
        /* Before Linux 6.2 an interface that is up cannot be renamed. */
        r = link_set_flags(finder->inside, link, 0, IFF_UP);
        return r < 0 ? r : link_rename(finder->inside, link, item->path);
}

/* Sets the interface up inside as @item wants it, and notes its index there. */
static int settle_inside(InterfaceFinder *finder, const Item *item, PropertyList *state, int state_fd,
                         const char *container) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        int r;

        r = interface_finder_learn_nsid(finder);
        if (r >= 0)
                r = interface_find_inside(finder, state, &link);
        if (r >= 0)
                r = rename_inside(finder, link, item, state);
        if (r >= 0)
                r = interface_state_set_number(state, "INSIDE_IFINDEX",
                                               (uint32_t)rtnl_link_get_ifindex(link));
        if (r >= 0)
                r = interface_state_save(state_fd, container, state);
        return r < 0 ? r : interface_settle(finder->inside, link, item);
}

/* The container may have given it names that are the host's: those would keep it from coming back. */
static void drop_altnames(RouteSocket *socket, unsigned int ifindex) {
        int more = 1;

        for (unsigned int i = 0; i < INTERFACE_ALTNAME_ROUNDS && more > 0; i++) {
                _cleanup_(property_list_deinit) PropertyList names = {};

                more = link_read_altnames(socket, ifindex, &names);
                if (more >= 0)
                        property_list_foreach(entry, &names)
                                (void)link_remove_altname(socket, ifindex, strchr(entry, '=') + 1);
        }
}

/* Moves @link from inside to the host, as @name or the first free davitN, which then is @name. Return: 0;
 * errno. */
static int bring_link_home(InterfaceFinder *finder, struct rtnl_link *link, char name[IFNAMSIZ]) {
        unsigned int ifindex = (unsigned int)rtnl_link_get_ifindex(link);
        int r;

        r = link_move(finder->inside, link, finder->home_fd, name);
        if (r != -EEXIST)
                return r;
        drop_altnames(finder->inside, ifindex);
        r = link_move(finder->inside, link, finder->home_fd, name);
        for (unsigned int i = 0; r == -EEXIST && i < INTERFACE_SPARE_NAMES; i++) {
                interface_spare_name(i, name);
                r = link_move(finder->inside, link, finder->home_fd, name);
        }
        return r;
}

static int bring_radio_home(InterfaceFinder *finder, const PropertyList *state) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        int r;

        r = interface_wifi_move_out(finder->inside_fd, finder->inside, finder->home_fd, state);
        if (r != -EEXIST)
                return r;
        if (interface_find_inside(finder, state, &link) >= 0)
                drop_altnames(finder->inside, (unsigned int)rtnl_link_get_ifindex(link));
        r = interface_wifi_move_out(finder->inside_fd, finder->inside, finder->home_fd, state);
        return r == -EEXIST ? -EBUSY : r;
}

/* From inside to the host, where it may not have its name yet, nor a radio that interface alone. Return: 0;
 * -ENODEV it is not inside; errno. */
static int bring_home(InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        char name[IFNAMSIZ];
        int r;

        if (interface_is_wifi(state)) {
                r = bring_radio_home(finder, state);
                return r < 0 ? r : interface_wifi_recover(finder->home, state, ret);
        }
        r = string_from_component(property_list_get(state, "NAME"), name, sizeof(name));
        if (r >= 0)
                r = interface_find_inside(finder, state, &link);
        if (r >= 0)
                r = bring_link_home(finder, link, name);
        return r < 0 ? r : link_get(finder->home, /* ifindex= */ 0, name, ret);
}

/* What is on the host already. Return: 0; -ENODEV; errno. */
static int find_home(InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret) {
        return interface_is_wifi(state) ? interface_wifi_recover(finder->home, state, ret)
                                        : interface_find_home(finder, state, ret);
}

/* Return: as interface_put_right(). */
static int put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state) {
        int r, k;

        if (interface_state_is_of_port(state))
                return interface_port_put_right(home, link, state);
        k = interface_is_wifi(state) ? interface_wifi_put_right(home, link, state) : 0;
        r = interface_put_right(home, link, state);
        return k < 0 && (r >= 0 || r == -EEXIST) ? k : r;
}

/* The same while nobody else chooses an interface: he would note what it is now for what it was. */
static int put_right_locked(RouteSocket *home, struct rtnl_link *link, const PropertyList *state,
                            int state_fd) {
        _cleanup_close_ int lock_fd = interface_state_lock(state_fd);

        return lock_fd < 0 ? lock_fd : put_right(home, link, state);
}

/* The interface is the host's again and as it was, but for being a port: for that alone the state is kept,
 * until the container ends. Return: 0; errno. */
static int keep_port(PropertyList *state, int state_fd, const char *container) {
        char name[IFNAMSIZ] = "", master[IFNAMSIZ] = "";
        int r;

        (void)string_from_component(property_list_get(state, "NAME") ?: "", name, sizeof(name));
        (void)string_from_component(property_list_get(state, "MASTER_NAME") ?: "", master, sizeof(master));
        log_full(LOG_WARNING, 0, &(LogSubject){.container = container},
                 "%s is back on the host, but cannot be a port of %s: the container keeps something on top "
                 "of it, "
                 "out of sight",
                 name, master);
        r = interface_state_reduce_to_port(state);
        return r < 0 ? r : interface_state_save(state_fd, container, state);
}

/* From wherever it is to the host and as it was. Return: 0; 1 but for what the container hides on top of it;
 * -ENODEV it is in neither namespace; -EEXIST it is back, but its name is taken; errno. */
static int give_back(InterfaceFinder *finder, const PropertyList *state, int state_fd,
                     const char *container) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *home = NULL;
        int r, k;

        r = bring_home(finder, state, &home);
        /* After an error it may have come home nevertheless: the kernel moves first and renames then. */
        if (r == -EEXIST || r == -ENODEV)
                r = find_home(finder, state, &home);
        if (r < 0)
                return r;
        k = interface_drop_uppers(finder->inside, finder->home_fd, (unsigned int)rtnl_link_get_ifindex(home),
                                  state_fd, container);
        r = put_right_locked(finder->home, home, state, state_fd);
        return k < 0 && (r >= 0 || r == -EEXIST) ? k : r;
}

/* A state that is there already: the interface is inside, or on its way back somebody was interrupted.
 * Return: 1 it is inside and as wanted; 0 it is not; -EBUSY the container hides it, or something on top of
 * it; errno. */
static int take_up_earlier(InterfaceFinder *finder, const Item *item, int state_fd, const char *container) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL, *home = NULL;
        int r;

        r = interface_state_load(state_fd, container, item->path, &state);
        if (r < 0)
                return r == -ENOENT || r == -EBADMSG ? 0 : r;
        r = interface_find_inside(finder, &state, &link);
        if (r >= 0) {
                r = settle_inside(finder, item, &state, state_fd, container);
                return r < 0 ? r : 1;
        }
        if (r != -ENODEV)
                return r;
        /* Root inside may delete it; on the radio he can make another one. */
        if (interface_is_wifi(&state) && interface_wifi_locate(finder->inside_fd, &state) >= 0)
                return 1;
        r = find_home(finder, &state, &home);
        if (r >= 0) {
                r = put_right_locked(finder->home, home, &state, state_fd);
                return r == -EEXIST ? 0 : r > 0 ? -EBUSY : r;
        }
        if (r != -ENODEV)
                return r;
        /* Who hides one gets no other: he could have all of them, and none would be put right. */
        return interface_function_is_hidden(&state) ? -EBUSY : 0;
}

/* Whether there is no such name, or alternative name, inside. Return: 0; -EEXIST; errno. */
static int check_name_free(InterfaceFinder *finder, const char *name) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        int r = link_get(finder->inside, /* ifindex= */ 0, name, &link);

        return r >= 0 ? -EEXIST : r == -ENODEV ? 0 : r;
}

typedef struct Former {
        InterfaceFinder *finder;
        struct rtnl_link *link;
        bool found;
} Former;

/* Whether @link is what a former container had. Of a function the hardware's place may be that of two. */
static bool is_former(const Former *former, const PropertyList *state) {
        if (net_mode_makes(interface_state_mode(state)))
                return false;
        if (property_list_get(state, "FUNCTION") &&
            interface_state_number(state, "IFINDEX") != (uint32_t)rtnl_link_get_ifindex(former->link))
                return false;
        return interface_is_saved(former->finder, state, former->link) > 0;
}

static int put_right_former(const PropertyList *state, void *userdata) {
        Former *former = userdata;
        int r;

        if (!is_former(former, state))
                return 0;
        former->found = true;
        r = put_right(former->finder->home, former->link, state);
        return r > 0 ? -EBUSY : r == -EEXIST ? 0 : r;
}

/* An interface may be back from a container that died, and not be put right yet: what it is now is not what
 * it was. Return: 0; -ENODEV that is another one by its right name; -EBUSY a container keeps something on top
 * of it; errno. */
static int finish_former(InterfaceFinder *finder, int state_fd, const char *target, struct rtnl_link **link) {
        Former former = {.finder = finder, .link = *link};
        unsigned int ifindex = (unsigned int)rtnl_link_get_ifindex(*link);
        struct rtnl_link *now;
        int r;

        r = interface_state_foreach(state_fd, /* container= */ NULL, put_right_former, &former);
        if (r < 0 || !former.found)
                return r;
        r = link_get(finder->home, ifindex, /* name= */ NULL, &now);
        if (r < 0)
                return r;
        rtnl_link_put(*link);
        *link = now;
        return streq(rtnl_link_get_name(now), target) ? 0 : -ENODEV;
}

/* The interface of that name, to be moved; its state is written. */
static int choose_named(InterfaceFinder *finder, const Item *item, int state_fd, const char *container,
                        PropertyList *ret_state, struct rtnl_link **ret) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        _cleanup_close_ int lock_fd = -EBADF;
        int r;

        lock_fd = interface_state_lock(state_fd);
        if (lock_fd < 0)
                return lock_fd;
        r = link_get(finder->home, /* ifindex= */ 0, item->target, &link);
        if (r >= 0)
                r = finish_former(finder, state_fd, item->target, &link);
        if (r >= 0)
                r = check_name_free(finder, item->path);
        if (r >= 0)
                r = interface_state_collect(finder->home, link, item, &state);
        if (r >= 0)
                r = interface_wifi_collect(link, &state);
        if (r >= 0)
                r = interface_state_save(state_fd, container, &state);
        if (r < 0)
                return r;
        *ret_state = state;
        state = (PropertyList){};
        *ret = TAKE_PTR(link);
        return 0;
}

static const char *name_inside(const Item *item, struct rtnl_link *link) {
        return item->own_name ? rtnl_link_get_name(link) : item->path;
}

/* A free function of the card of that name; its state is written. */
static int choose_function(InterfaceFinder *finder, const Item *item, int state_fd, const char *container,
                           PropertyList *ret_state, struct rtnl_link **ret) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        int r;

        r = interface_function_claim(finder->home, item, state_fd, container, &state, &link);
        if (r < 0)
                return r;
        r = check_name_free(finder, name_inside(item, link));
        if (r < 0) {
                (void)interface_state_remove(state_fd, container, item->path);
                return r;
        }
        *ret_state = state;
        state = (PropertyList){};
        *ret = TAKE_PTR(link);
        return 0;
}

/* Moves what was chosen. Return: 0; 1 it was not on the host any more; errno: it is there again as it was, or
 * its state is kept. */
static int move_chosen(InterfaceFinder *finder, const Item *item, struct rtnl_link *link, PropertyList *state,
                       int netns_fd, int state_fd, const char *container) {
        bool gone;
        int r, k;

        r = item->net_mode == NET_SRIOV ? interface_function_set_up(finder->home, item, state) : 0;
        if (r >= 0)
                r = interface_is_wifi(state)
                            ? interface_wifi_move_in(netns_fd, state)
                            : link_move(finder->home, link, netns_fd, name_inside(item, link));
        gone = r == -ENODEV;
        if (r >= 0)
                r = settle_inside(finder, item, state, state_fd, container);
        if (r >= 0)
                return 0;

        /* Where the way back fails too, the state stays: interface_restore() tries again. */
        (void)interface_finder_learn_nsid(finder);
        k = give_back(finder, state, state_fd, container);
        gone = gone && k == -ENODEV;
        if (gone)
                k = interface_function_put_right(finder->home, state);
        if (k == 0)
                (void)interface_state_remove(state_fd, container, item->path);
        else if (k > 0)
                (void)keep_port(state, state_fd, container);
        return gone ? 1 : r;
}

static int move_in(InterfaceFinder *finder, const Item *item, int netns_fd, int state_fd,
                   const char *container) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        int r;

        r = item->net_mode == NET_SRIOV ? choose_function(finder, item, state_fd, container, &state, &link)
                                        : choose_named(finder, item, state_fd, container, &state, &link);
        return r < 0 ? r : move_chosen(finder, item, link, &state, netns_fd, state_fd, container);
}

int interface_move_in(const Item *item, int netns_fd, int state_fd, const char *container) {
        _cleanup_(interface_finder_close) InterfaceFinder finder = INTERFACE_FINDER_NULL;
        int r;

        assert(item && item->kind == ITEM_INTERFACE && container);

        if (strlen(item->path) >= IFNAMSIZ || strlen(item->target) >= IFNAMSIZ)
                return -EINVAL;
        r = interface_finder_open(netns_fd, &finder);
        if (r < 0)
                return r;
        r = take_up_earlier(&finder, item, state_fd, container);
        if (r != 0)
                return r < 0 ? r : 0;

        r = move_in(&finder, item, netns_fd, state_fd, container);
        /* Somebody else took the function; there may be others. */
        for (unsigned int i = 1; r > 0 && item->net_mode == NET_SRIOV && i < INTERFACE_FUNCTION_TRIES; i++)
                r = move_in(&finder, item, netns_fd, state_fd, container);
        return r > 0 ? -ENODEV : r;
}

/* Whether the state of one that is neither inside nor on the host is to be kept: a virtual one is gone then,
 * a physical one is unplugged, or hidden until its namespace dies; of a function it can be told which. */
static bool is_kept(const PropertyList *state) {
        if (property_list_get(state, "FUNCTION"))
                return interface_function_is_hidden(state);
        return !property_list_get(state, "KIND");
}

/* Forgets one that is nowhere any more. A function may be there without its interface, as its driver was
 * taken: the card is told, as far as it listens. Return: 0; errno. */
static int drop_gone(RouteSocket *home, const PropertyList *state, int state_fd, const char *container) {
        char inside[IFNAMSIZ];
        int r;

        (void)interface_function_put_right(home, state);
        r = string_from_component(property_list_get(state, "INSIDE"), inside, sizeof(inside));
        return r < 0 ? r : interface_state_remove(state_fd, container, inside);
}

int interface_move_out(const Item *item, int netns_fd, int state_fd, const char *container) {
        _cleanup_(interface_finder_close) InterfaceFinder finder = INTERFACE_FINDER_NULL;
        _cleanup_(property_list_deinit) PropertyList state = {};
        int r, k;

        assert(item && item->kind == ITEM_INTERFACE && container);

        r = interface_state_load(state_fd, container, item->path, &state);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = interface_finder_open(netns_fd, &finder);
        if (r < 0)
                return r;

        r = give_back(&finder, &state, state_fd, container);
        if (r == -ENODEV)
                return is_kept(&state) ? 0 : drop_gone(finder.home, &state, state_fd, container);
        if (r < 0 && r != -EEXIST)
                return r;
        if (r > 0)
                return keep_port(&state, state_fd, container);
        k = interface_state_remove(state_fd, container, item->path);
        return k < 0 ? k : r;
}

static int add_item(const PropertyList *state, ItemSet *set) {
        _cleanup_(item_unrefp) Item *item = NULL;
        int r = interface_state_item(state, &item);

        return r < 0 ? r : item_set_add(set, item);
}

int interface_add(const Item *item, int netns_fd, int state_fd, const char *container) {
        return net_mode_makes(item->net_mode) ? interface_make(item, netns_fd, state_fd, container)
                                              : interface_move_in(item, netns_fd, state_fd, container);
}

int interface_remove(const Item *item, int netns_fd, int state_fd, const char *container) {
        return net_mode_makes(item->net_mode) ? interface_unmake(item, netns_fd, state_fd, container)
                                              : interface_move_out(item, netns_fd, state_fd, container);
}

typedef struct Reader {
        InterfaceFinder finder;
        int netns_fd;
        int state_fd;
        const char *container;
        ItemSet set;
} Reader;

static int read_one(const PropertyList *state, void *userdata) {
        Reader *reader = userdata;
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL, *home = NULL;
        int r;

        /* Most containers have none, and reading must not wait for a lock that theirs can keep busy. */
        if (!reader->finder.inside) {
                r = interface_finder_open(reader->netns_fd, &reader->finder);
                if (r < 0)
                        return r;
        }
        if (interface_is_wifi(state)) {
                /* With its radio it is given, whatever became of it there. */
                r = interface_wifi_locate(reader->netns_fd, state);
                return r >= 0 ? add_item(state, &reader->set) : r == -ENODEV ? 0 : r;
        }
        r = net_mode_makes(interface_state_mode(state))
                    ? interface_find_made(&reader->finder, state, &link)
                    : interface_find_inside(&reader->finder, state, &link);
        /* What cannot be told is as it was: it must not keep the rest from being read. */
        if (r >= 0 || r == -EAGAIN)
                return add_item(state, &reader->set);
        if (r != -ENODEV)
                return r;
        if (!net_mode_makes(interface_state_mode(state))) {
                r = interface_find_home(&reader->finder, state, &home);
                if (r != -ENODEV || is_kept(state))
                        return r == -ENODEV || r == -EAGAIN ? 0 : r;
        }
        return drop_gone(reader->finder.home, state, reader->state_fd, reader->container);
}

int interface_read(int netns_fd, int state_fd, const char *container, ItemSet *ret) {
        Reader reader = {
                .finder = INTERFACE_FINDER_NULL,
                .netns_fd = netns_fd,
                .state_fd = state_fd,
                .container = container,
        };
        int r;

        r = interface_state_foreach(state_fd, container, read_one, &reader);
        if (r >= 0) {
                *ret = reader.set;
                reader.set = (ItemSet){};
        }
        item_set_deinit(&reader.set);
        interface_finder_close(&reader.finder);
        return r;
}

typedef struct Restorer {
        InterfaceFinder finder;
        int links_fd; /* tells of every link that comes */
        uint64_t deadline;
        int state_fd;
        const char *container;
} Restorer;

static uint64_t now_usec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Whether the hardware is there, as far as is known. */
static bool is_plugged_in(const PropertyList *state) {
        const char *text = property_list_get(state, "PARENT");
        char parent[PATH_MAX], path[PATH_MAX + sizeof("/sys")], *slash;

        if (!text || string_from_component(text, parent, sizeof(parent)) < 0)
                return true;
        /* The folder of a card's interfaces goes with the last of them. */
        slash = strrchr(parent, '/');
        if (slash)
                *slash = '\0';
        snprintf(path, sizeof(path), "/sys%s", parent);
        return access(path, F_OK) == 0;
}

/* A namespace dies some time after its last process: the kernel tells when its interfaces are back. */
static int find_given_back(Restorer *restorer, const PropertyList *state, struct rtnl_link **ret) {
        for (;;) {
                int r = find_home(&restorer->finder, state, ret);
                struct pollfd p = {.fd = restorer->links_fd, .events = POLLIN};
                uint64_t now = now_usec();
                char message[4096];

                if ((r != -ENODEV && r != -EAGAIN) || property_list_get(state, "KIND") ||
                    now >= restorer->deadline || !is_plugged_in(state))
                        return r;
                if (poll(&p, 1, (int)((restorer->deadline - now) / 1000) + 1) < 0 && errno != EINTR)
                        return -errno;
                while (recv(restorer->links_fd, message, sizeof(message), MSG_DONTWAIT) > 0)
                        ;
        }
}

/* The last namespace is slow to die: whoever looks next finishes it. */
static int restore_later(const PropertyList *state, int state_fd, const char *container) {
        _cleanup_(property_list_deinit) PropertyList port = {};
        int r = property_list_copy(&port, state);

        return r < 0 ? r : keep_port(&port, state_fd, container);
}

static int restore_one(const PropertyList *state, void *userdata) {
        Restorer *restorer = userdata;
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
        char inside[IFNAMSIZ];
        int r, k;

        /* What was made went with the namespace. */
        r = net_mode_makes(interface_state_mode(state)) ? -ENODEV : find_given_back(restorer, state, &link);
        if (r >= 0)
                r = put_right_locked(restorer->finder.home, link, state, restorer->state_fd);
        /* Namespaces of the container's own die after it. */
        while (r > 0 && now_usec() < restorer->deadline) {
                usleep(HELD_USEC);
                r = put_right_locked(restorer->finder.home, link, state, restorer->state_fd);
        }
        if (r > 0)
                return restore_later(state, restorer->state_fd, restorer->container);
        if (r == -ENODEV)
                return drop_gone(restorer->finder.home, state, restorer->state_fd, restorer->container);
        if (r < 0 && r != -EEXIST)
                return r;
        k = string_from_component(property_list_get(state, "INSIDE"), inside, sizeof(inside));
        if (k >= 0)
                k = interface_state_remove(restorer->state_fd, restorer->container, inside);
        return k < 0 ? k : r;
}

int interface_restore(int state_fd, const char *container) {
        const struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
        _cleanup_(route_socket_closep) RouteSocket *home = NULL;
        _cleanup_close_ int links_fd = -EBADF;
        Restorer restorer = {
                .finder = INTERFACE_FINDER_NULL,
                .deadline = now_usec() + GIVEN_BACK_USEC,
                .state_fd = state_fd,
                .container = container,
        };
        int r;

        links_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (links_fd < 0 || bind(links_fd, (const struct sockaddr *)&links, sizeof(links)) < 0)
                return -errno;
        r = route_socket_open(-EBADF, &home);
        if (r < 0)
                return r;
        restorer.finder.home = home;
        restorer.links_fd = links_fd;
        return interface_state_foreach(state_fd, container, restore_one, &restorer);
}
