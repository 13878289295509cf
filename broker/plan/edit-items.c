/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the edits of a CDI device mean in a container that runs: nodes, mounts and interfaces as items.
 *
 * All but the interfaces are shared and common (plan/item.h): several devices of one file bring the same
 * control node and the same libraries, and the hardware that the file is about may be given for its own sake.
 * A node that the host's udev knows comes with its entry and its event, like any other.
 *
 * What cannot be given to a container that runs (edits_report() says it for people) is of two kinds: a node
 * or mount fails the grant as a whole, as a device comes whole or not at all; what concerns the start of a
 * process alone is left to whoever starts it.
 */

#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "model/cdi-name.h"
#include "model/edits-report.h"
#include "model/mount.h"
#include "plan/items-internal.h"
#include "plan/wanted.h"
#include "util/string.h"

/* One device whose edits are given, and how. */
typedef struct EditGift {
        const Registry *registry;
        const char *owner;
        const Container *container;
        const Give *give;
        ItemSet *set;
} EditGift;

/* What is in the set already, by the device itself or by another file, is there once. Return: 0; -EEXIST
 * something else is there; -EINVAL; -ENOMEM. */
static int put_once(const EditGift *gift, const Item *fields) {
        _cleanup_(item_unrefp) Item *there = item_set_find(gift->set, fields);
        Item both;

        if (!there)
                return items_put(gift->set, fields);
        item_ref(there);
        if (!item_is_same_thing(fields, there))
                return -EEXIST;
        if (!(there->refused & ~fields->refused))
                return 0;
        both = *there;
        both.refused &= fields->refused;
        (void)item_set_remove(gift->set, there);
        return items_put(gift->set, &both);
}

static int put_right(const EditGift *gift, const EditNode *node, char type, dev_t rdev) {
        char right[32];

        /* It asks for a node that does not open. */
        if ((node->access & (EDIT_READ | EDIT_WRITE)) == 0)
                return 0;
        snprintf(right, sizeof(right), "%c%u:%u", type, major(rdev), minor(rdev));
        return put_once(gift, &(Item){.kind = ITEM_RIGHT,
                                      .device = ITEM_OWNER_SHARED,
                                      .path = right,
                                      .type = type,
                                      .rdev = rdev,
                                      .refused = ~node->access & (EDIT_READ | EDIT_WRITE),
                                      .common = true});
}

static int put_edit_node(const EditGift *gift, const EditNode *node) {
        const char *name = edit_node_name(node);
        dev_t rdev = node->numbered ? makedev(node->major, node->minor) : node->found_rdev;
        char type = node->numbered ? node->type : node->found_type;
        uint32_t uid, gid;
        const Part *part;
        int r;

        r = edit_node_check(node);
        if (r < 0)
                return r;
        if (id_map_to_host(&gift->container->uid_map, node->has_uid ? node->uid : gift->give->uid, &uid) <
                    0 ||
            id_map_to_host(&gift->container->gid_map, node->has_gid ? node->gid : gift->give->gid, &gid) < 0)
                return -ERANGE;

        r = put_right(gift, node, type, rdev);
        if (r >= 0)
                r = put_once(gift, &(Item){.kind = ITEM_NODE,
                                           .device = ITEM_OWNER_SHARED,
                                           .path = name,
                                           .type = type,
                                           .rdev = rdev,
                                           .uid = uid,
                                           .gid = gid,
                                           .mode = node->has_mode ? node->mode : gift->give->mode,
                                           .common = true});
        part = registry_part_by_rdev(gift->registry, type, rdev);
        if (r < 0 || !part || part->silent || !streq(part->name, name))
                return r;
        return items_put_news(gift->set, ITEM_OWNER_SHARED, part);
}

static int put_mount(const EditGift *gift, const EditMount *mount) {
        char options[MOUNT_OPTIONS_MAX];
        int r;

        r = edit_mount_check(mount);
        if (r >= 0)
                r = mount_options_format(mount->options, options);
        if (r < 0)
                return r;
        return put_once(gift, &(Item){.kind = ITEM_MOUNT,
                                      .device = ITEM_OWNER_SHARED,
                                      .path = edit_mount_place(mount),
                                      .target = mount->host_path,
                                      .text = options,
                                      .common = true});
}

/* What the host said of the interface, by which it is known again; NULL where it is not there. */
static const Part *find_interface(const Registry *registry, const char *name) {
        registry_devices_foreach(device, registry)
                device_parts_foreach(part, device)
                        if (part->kind == PART_NET && streq(part->name, name))
                                return part;
        return NULL;
}

/* An interface is in one hand alone: who brings it has it. */
static int put_net(const EditGift *gift, const EditNet *net) {
        const Part *part = find_interface(gift->registry, net->host_name);
        const Item fields = {
                .kind = ITEM_INTERFACE,
                .device = gift->owner,
                .path = net->name,
                .target = net->host_name,
                .net_mode = NET_MOVE,
                .up = true,
                .properties = part ? part->properties : (PropertyList){},
        };
        const Item *there = item_set_find(gift->set, &fields);

        return there && streq(there->target, fields.target) ? 0 : items_put(gift->set, &fields);
}

static int put_edits(const EditGift *gift, const Edits *edits) {
        int r = 0;

        for (size_t i = 0; i < edits->n_nodes && r >= 0; i++)
                r = put_edit_node(gift, &edits->nodes[i]);
        for (size_t i = 0; i < edits->n_mounts && r >= 0; i++)
                r = put_mount(gift, &edits->mounts[i]);
        for (size_t i = 0; i < edits->n_nets && r >= 0; i++)
                r = put_net(gift, &edits->nets[i]);
        return r;
}

const Edits *wanted_next_edits(const Registry *registry, const Device *device, const Give *give,
                               unsigned int *at) {
        char id[DEVICE_ID_MAX];
        unsigned int i = (*at)++;

        if (i == 0) {
                if (device->parts && device->parts->edits)
                        return device->parts->edits;
                i = (*at)++;
        }
        for (; i <= give->cdi.n_items; i = (*at)++) {
                const Device *other = NULL;

                if (cdi_name_to_id(give->cdi.items[i - 1].glob, id, sizeof(id)) >= 0)
                        other = registry_device(registry, id);
                if (other && other->parts && other->parts->edits)
                        return other->parts->edits;
        }
        return NULL;
}

int wanted_edits(const Registry *registry, const Device *device, const Container *container, const Give *give,
                 ItemSet *set) {
        const EditGift gift = {
                .registry = registry,
                .owner = device->id,
                .container = container,
                .give = give,
                .set = set,
        };
        unsigned int at = 0;
        const Edits *edits;
        int r = 0;

        assert(registry && device && container && give && set);

        while (r >= 0 && (edits = wanted_next_edits(registry, device, give, &at)))
                r = put_edits(&gift, edits);
        return r;
}
