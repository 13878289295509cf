/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What an interface was before it moved.
 *
 * The state is collected and written before the interface moves and removed after it is back, so that a crash
 * at any point leaves enough to put it right. Values which somebody may have chosen freely (alias,
 * alternative names) are written by string_to_component(): no newline of theirs makes a line of its own.
 */

#include "config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "inject/interface-attribute.h"
#include "inject/interface-port.h"
#include "inject/interface-replay.h"
#include "inject/interface-state.h"
#include "inject/interface-sysctl.h"
#include "util/fd.h"
#include "util/string.h"

#define STATE_SIZE_MAX PROPERTY_LIST_SIZE_MAX

/* Of the host's properties; each grows up to four times by being escaped. */
#define PROPERTIES_KEPT_MAX 64
#define PROPERTY_KEPT_MAX   192
#define ALTNAMES_MAX        64

uint32_t interface_state_number(const PropertyList *state, const char *key) {
        const char *text = property_list_get(state, key);
        uint64_t value;

        return text && string_to_u64(text, 10, UINT32_MAX, &value) >= 0 ? (uint32_t)value : 0;
}

int interface_state_set_number(PropertyList *state, const char *key, uint32_t value) {
        char text[16];

        snprintf(text, sizeof(text), "%u", value);
        return property_list_set(state, key, text);
}

static int set_text(PropertyList *state, const char *key, const char *value) {
        return string_empty(value) ? 0 : property_list_set(state, key, value);
}

int interface_state_set_text(PropertyList *state, const char *key, const char *value) {
        char component[PATH_MAX];
        int r;

        if (string_empty(value))
                return 0;
        r = string_to_component(value, component, sizeof(component));
        return r < 0 ? r : property_list_set(state, key, component);
}

/*
 * The kinds whose return is safe. The container is root in its namespace and may delete what it was given and
 * make a twin with the same name, index and address. A twin of a veth or macvlan is told by its peer, which
 * is on the host; a twin of a dummy does nothing. But with a tap or a tunnel of its own, given the host's
 * name and addresses, the container would sit on the host's traffic.
 */
static bool kind_returns_safely(const char *kind) {
        static const char *const kinds[] = {"dummy",   "ifb",  "ipvlan", "ipvtap", "macvlan",
                                            "macvtap", "vcan", "veth",   "vlan",   "vxcan"};

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kind, kinds[i]))
                        return true;
        return false;
}

static int collect_virtual(struct rtnl_link *link, PropertyList *state) {
        const char *kind = rtnl_link_get_type(link);
        int nsid, r;

        /* A peer in a third namespace cannot be told by its index. */
        if (!kind_returns_safely(kind) || rtnl_link_get_link_netnsid(link, &nsid) >= 0)
                return -EOPNOTSUPP;
        r = property_list_set(state, "KIND", kind);
        if (r >= 0)
                r = interface_state_set_number(state, "LOWER", (uint32_t)rtnl_link_get_link(link));
        return r;
}

/* Where the folder of @name's interface is below /sys, without the name, which changes; "" where it is not
 * seen. */
static void read_parent(const char *name, char parent[PATH_MAX]) {
        char path[sizeof("/sys/class/net/") + IFNAMSIZ], *slash;
        const char *devices;
        ssize_t n;

        parent[0] = '\0';
        snprintf(path, sizeof(path), "/sys/class/net/%s", name);
        n = readlink(path, parent, PATH_MAX - 1);
        if (n < 0)
                return;
        parent[n] = '\0';
        slash = strrchr(parent, '/');
        devices = strstr(parent, "/devices/");
        if (!slash || !devices || startswith(devices, "/devices/virtual/")) {
                parent[0] = '\0';
                return;
        }
        *slash = '\0';
        memmove(parent, devices, strlen(devices) + 1);
}

static int collect_physical(RouteSocket *socket, struct rtnl_link *link, PropertyList *state) {
        char bus[LINK_BUS_SIZE], permanent[LINK_PERMANENT_SIZE], parent[PATH_MAX];
        int r;

        link_read_hardware(socket, rtnl_link_get_name(link), bus, permanent);
        read_parent(rtnl_link_get_name(link), parent);
        r = interface_state_set_text(state, "BUS", bus);
        if (r >= 0)
                r = set_text(state, "PERMANENT", permanent);
        if (r >= 0)
                r = interface_state_set_text(state, "PARENT", parent);
        return r;
}

static int collect_altnames(RouteSocket *socket, struct rtnl_link *link, PropertyList *state) {
        _cleanup_(property_list_deinit) PropertyList names = {};
        unsigned int n = 0;
        int r;

        r = link_read_altnames(socket, (unsigned int)rtnl_link_get_ifindex(link), &names);
        if (r < 0)
                return r;
        property_list_foreach(entry, &names) {
                char key[32];

                if (n >= ALTNAMES_MAX)
                        return -E2BIG;
                snprintf(key, sizeof(key), "ALTNAME_%u", n++);
                r = interface_state_set_text(state, key, strchr(entry, '=') + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the host said of the interface, for a davitd that starts while it is away. */
static int collect_properties(const PropertyList *properties, PropertyList *state) {
        unsigned int n = 0;
        int r;

        property_list_foreach(entry, properties) {
                char key[sizeof("PROPERTY_") + 10];

                /* What identifies it is short; the file is bounded, and the move does not fail for the rest.
                 */
                if (n >= PROPERTIES_KEPT_MAX || strlen(entry) >= PROPERTY_KEPT_MAX)
                        continue;
                snprintf(key, sizeof(key), "PROPERTY_%u", n++);
                r = interface_state_set_text(state, key, entry);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_properties(const PropertyList *state, PropertyList *ret) {
        _cleanup_(property_list_deinit) PropertyList properties = {};
        int r;

        for (unsigned int n = 0;; n++) {
                char key[sizeof("PROPERTY_") + 10], entry[PROPERTY_KEPT_MAX];
                const char *text;

                snprintf(key, sizeof(key), "PROPERTY_%u", n);
                text = property_list_get(state, key);
                if (!text)
                        break;
                r = string_from_component(text, entry, sizeof(entry));
                if (r >= 0)
                        r = property_list_append(&properties, entry, strlen(entry) + 1);
                if (r < 0)
                        return r == -ENOMEM ? r : -EBADMSG;
        }
        *ret = properties;
        properties = (PropertyList){};
        return 0;
}

int interface_state_set_item(PropertyList *state, const Item *item) {
        int r;

        r = interface_state_set_text(state, "DEVICE", item->device);
        if (r >= 0)
                r = interface_state_set_text(state, "INSIDE", item->path);
        if (r >= 0)
                r = interface_state_set_text(state, "TARGET", item->target);
        if (r >= 0)
                r = property_list_set(state, "ITEM_MODE", net_mode_to_string(item->net_mode));
        if (r >= 0)
                r = set_text(state, "ITEM_VARIANT", net_variant_to_string(item->net_mode, item->net_variant));
        if (r >= 0)
                r = interface_state_set_number(state, "ITEM_VLAN", item->vlan);
        if (r >= 0 && item->own_name)
                r = interface_state_set_number(state, "ITEM_OWN_NAME", item->own_name);
        if (r >= 0)
                r = interface_state_set_number(state, "ITEM_MTU", item->mtu);
        if (r >= 0)
                r = interface_state_set_number(state, "ITEM_UP", item->up);
        if (r >= 0)
                r = set_text(state, "ITEM_MAC", item->mac);
        if (r >= 0)
                r = set_text(state, "ITEM_ADDRESSES", item->addresses);
        if (r >= 0)
                r = collect_properties(&item->properties, state);
        return r;
}

NetMode interface_state_mode(const PropertyList *state) {
        const char *mode = property_list_get(state, "ITEM_MODE");

        /* There was nothing else once. */
        return mode ? net_mode_from_string(mode) : NET_MOVE;
}

int interface_state_item(const PropertyList *state, Item **ret) {
        _cleanup_(property_list_deinit) PropertyList properties = {};
        char device[PATH_MAX], inside[IFNAMSIZ], target[IFNAMSIZ];
        const char *variant = property_list_get(state, "ITEM_VARIANT");
        NetMode mode = interface_state_mode(state);
        int r, v = variant ? net_variant_from_string(mode, variant) : 0;

        if (mode < 0 || v < 0)
                return -EBADMSG;
        r = read_properties(state, &properties);
        if (r >= 0)
                r = string_from_component(property_list_get(state, "DEVICE") ?: "", device, sizeof(device));
        if (r >= 0)
                r = string_from_component(property_list_get(state, "INSIDE"), inside, sizeof(inside));
        if (r >= 0)
                r = string_from_component(property_list_get(state, "TARGET")
                                                  ?: property_list_get(state, "NAME"),
                                          target, sizeof(target));
        if (r < 0)
                return r;
        return item_new(
                &(Item){
                        .kind = ITEM_INTERFACE,
                        .device = device,
                        .path = inside,
                        .target = target,
                        .net_mode = mode,
                        .net_variant = (NetVariant)v,
                        .own_name = interface_state_number(state, "ITEM_OWN_NAME") > 0,
                        .vlan = (uint16_t)interface_state_number(state, "ITEM_VLAN"),
                        .up = interface_state_number(state, "ITEM_UP") > 0,
                        .mtu = interface_state_number(state, "ITEM_MTU"),
                        .mac = property_list_get(state, "ITEM_MAC"),
                        .addresses = property_list_get(state, "ITEM_ADDRESSES"),
                        .properties = properties,
                },
                ret);
}

static int collect_settings(struct rtnl_link *link, PropertyList *state) {
        char mac[128] = "";
        int r;

        if (rtnl_link_get_addr(link))
                nl_addr2str(rtnl_link_get_addr(link), mac, sizeof(mac));
        r = interface_state_set_text(state, "NAME", rtnl_link_get_name(link));
        if (r >= 0)
                r = interface_state_set_number(state, "IFINDEX", (uint32_t)rtnl_link_get_ifindex(link));
        if (r >= 0)
                r = set_text(state, "MAC", mac);
        if (r >= 0)
                r = interface_state_set_number(state, "MTU", rtnl_link_get_mtu(link));
        if (r >= 0)
                r = interface_state_set_number(state, "TXQLEN", rtnl_link_get_txqlen(link));
        if (r >= 0)
                r = interface_state_set_number(state, "GROUP", rtnl_link_get_group(link));
        if (r >= 0)
                r = interface_state_set_number(state, "FLAGS",
                                               rtnl_link_get_flags(link) & INTERFACE_FLAGS_KEPT);
        if (r >= 0)
                r = interface_state_set_text(state, "ALIAS", rtnl_link_get_ifalias(link));
        return r;
}

/* What the kernel forgets when the interface leaves, and what else can be set. */
static int collect_network(RouteSocket *socket, struct rtnl_link *link, PropertyList *state) {
        unsigned int ifindex = (unsigned int)rtnl_link_get_ifindex(link);
        int r;

        r = interface_attribute_collect(socket, ifindex, rtnl_link_get_type(link), state);
        if (r >= 0)
                r = interface_sysctl_collect(rtnl_link_get_name(link), state);
        if (r >= 0)
                r = interface_port_collect(socket, link, state);
        return r < 0 ? r : interface_replay_collect(socket, link, state);
}

int interface_state_collect(RouteSocket *socket, struct rtnl_link *link, const Item *item,
                            PropertyList *ret) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        int r;

        if (rtnl_link_get_arptype(link) == ARPHRD_LOOPBACK)
                return -EOPNOTSUPP;
        r = interface_state_set_item(&state, item);
        if (r >= 0)
                r = collect_settings(link, &state);
        if (r >= 0)
                r = rtnl_link_get_type(link) ? collect_virtual(link, &state)
                                             : collect_physical(socket, link, &state);
        if (r >= 0)
                r = collect_altnames(socket, link, &state);
        if (r >= 0)
                r = collect_network(socket, link, &state);
        if (r < 0)
                return r;
        *ret = state;
        state = (PropertyList){};
        return 0;
}

static int file_name(const char *container, const char *inside, char name[NAME_MAX + 1]) {
        int n = snprintf(name, NAME_MAX + 1, "interface-%s@", container);

        if (!string_is_name(container))
                return -EINVAL;
        return string_to_component(inside, name + n, (size_t)(NAME_MAX + 1 - n));
}

int interface_state_save(int state_fd, const char *container, const PropertyList *state) {
        _cleanup_free_ char *text = NULL;
        char name[NAME_MAX + 1], inside[NAME_MAX + 1];
        int r;

        r = string_from_component(property_list_get(state, "INSIDE") ?: "", inside, sizeof(inside));
        if (r >= 0)
                r = file_name(container, inside, name);
        if (r < 0)
                return r;
        text = malloc(state->size + 1);
        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < state->size; i++)
                text[i] = state->data[i] ?: '\n';
        return fd_write_file(state_fd, name, text, state->size, 0600);
}

static int load_file(int state_fd, const char *name, PropertyList *ret) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = fd_read_file(state_fd, name, STATE_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        for (char *p = text; (p = strchr(p, '\n')); p++)
                *p = '\0';
        r = property_list_append(&state, text, size);
        if (r < 0)
                return r;
        if (!property_list_get(&state, "INSIDE") || !property_list_get(&state, "NAME"))
                return -EBADMSG;
        *ret = state;
        state = (PropertyList){};
        return 0;
}

int interface_state_load(int state_fd, const char *container, const char *inside, PropertyList *ret) {
        char name[NAME_MAX + 1];
        int r = file_name(container, inside, name);

        return r < 0 ? r : load_file(state_fd, name, ret);
}

int interface_state_remove(int state_fd, const char *container, const char *inside) {
        char name[NAME_MAX + 1];
        int r = file_name(container, inside, name);

        if (r < 0)
                return r;
        return unlinkat(state_fd, name, /* flags= */ 0) < 0 && errno != ENOENT ? -errno : 0;
}

#define PORT_ALONE_KEY "PORT_ALONE"

int interface_state_reduce_to_port(PropertyList *state) {
        static const char *const kept[] = {
                "DEVICE=",         "INSIDE=", "TARGET=", "ITEM_", "PROPERTY_",  "NAME=",   "IFINDEX=",
                "INSIDE_IFINDEX=", "KIND=",   "LOWER=",  "BUS=",  "PERMANENT=", "PARENT=", "MAC=",
                "FUNCTION=",       "CARD=",   "MASTER",  "PORT_",
        };
        _cleanup_(property_list_deinit) PropertyList reduced = {};
        int r = 0;

        property_list_foreach(entry, state)
                for (size_t i = 0; i < ELEMENTSOF(kept) && r >= 0; i++)
                        if (startswith(entry, kept[i])) {
                                r = property_list_append(&reduced, entry, strlen(entry) + 1);
                                break;
                        }
        if (r >= 0)
                r = property_list_set(&reduced, PORT_ALONE_KEY, "1");
        if (r < 0)
                return r;
        property_list_deinit(state);
        *state = reduced;
        reduced = (PropertyList){};
        return 0;
}

bool interface_state_is_of_port(const PropertyList *state) {
        return property_list_get(state, PORT_ALONE_KEY);
}

int interface_state_lock(int state_fd) {
        /* Of our own: what was inherited is one and the same lock to all children of davitd. */
        _cleanup_close_ int fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;
        return TAKE_FD(fd);
}

int interface_state_foreach(int state_fd, const char *container,
                            int (*each)(const PropertyList *state, void *userdata), void *userdata) {
        char prefix[NAME_MAX + 1];
        DIR *folder;
        int fd, r = 0;

        snprintf(prefix, sizeof(prefix), "interface-%s%s", container ?: "", container ? "@" : "");
        fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        folder = fdopendir(fd);
        if (!folder) {
                r = -errno;
                safe_close(fd);
                return r;
        }
        for (const struct dirent *de; (de = readdir(folder));) {
                _cleanup_(property_list_deinit) PropertyList state = {};
                int k;

                if (!startswith(de->d_name, prefix) || load_file(state_fd, de->d_name, &state) < 0)
                        continue;
                k = each(&state, userdata);
                if (r >= 0 && k < 0)
                        r = k;
        }
        closedir(folder);
        return r;
}

static int set_address_field(struct rtnl_addr *address, const char *text,
                             int (*set)(struct rtnl_addr *, struct nl_addr *)) {
        _cleanup_(nl_addr_putp) struct nl_addr *value = NULL;

        if (streq(text, "-"))
                return 0;
        if (nl_addr_parse(text, AF_UNSPEC, &value) < 0)
                return -EBADMSG;
        return set(address, value) < 0 ? -EBADMSG : 0;
}

int interface_state_add_address(RouteSocket *socket, unsigned int ifindex, const char *text) {
        _cleanup_(rtnl_addr_putp) struct rtnl_addr *address = NULL;
        char local[80], peer[80], broadcast[80];
        unsigned int flags;
        int scope, r;

        if (sscanf(text, "%79s %79s %79s %d %u", local, peer, broadcast, &scope, &flags) != 5)
                return -EBADMSG;
        address = rtnl_addr_alloc();
        if (!address)
                return -ENOMEM;
        rtnl_addr_set_ifindex(address, (int)ifindex);
        rtnl_addr_set_scope(address, scope);
        if (flags)
                rtnl_addr_set_flags(address, flags);
        r = set_address_field(address, local, rtnl_addr_set_local);
        if (r >= 0)
                r = set_address_field(address, peer, rtnl_addr_set_peer);
        if (r >= 0)
                r = set_address_field(address, broadcast, rtnl_addr_set_broadcast);
        if (r < 0)
                return r;

        socket->error = 0;
        r = route_errno(socket, rtnl_addr_add(socket->nl, address, /* flags= */ 0));
        return r == -EEXIST ? 0 : r;
}
