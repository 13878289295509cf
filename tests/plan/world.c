/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "plan/world.h"

unsigned int world_draw(World *world, unsigned int n) {
        /* The row of numbers must be the same everywhere: POSIX' example generator. */
        world->seed = world->seed * 1103515245U + 12345U;
        return (world->seed / 65536U) % n;
}

Item *world_item(World *world) {
        static const char *const devices[] = {"usb-3-1", "usb-3-10", "pci-0000:01:00.0", ITEM_OWNER_SHARED};
        static const char *const paths[] = {"bus/usb/003/001", "bus/usb/003/010", "dri/card0", "ttyUSB0"};
        static const char *const rights[] = {"c189:256", "c189:265", "c226:0", "c188:0"};
        static const char *const links[] = {"phones/a", "phones/b"};
        static const char *const names[] = {"wan0", "eth0"};
        static const char *const devpaths[] = {"/devices/a", "/devices/b", "/devices/c", "/devices/d"};
        Item fields = {
                .kind = (ItemKind)world_draw(world, ITEM_KIND_MAX),
                .device = devices[world_draw(world, 4)],
                .type = 'c',
                .rdev = makedev(189, world_draw(world, 2)),
                .uid = 100000 + world_draw(world, 2),
                .gid = 100000,
                .mode = 0660,
        };
        unsigned int k = world_draw(world, 4);
        Item *item;

        switch (fields.kind) {
        case ITEM_RIGHT:
                fields.path = rights[k];
                break;
        case ITEM_NODE:
                fields.path = paths[k];
                break;
        case ITEM_LINK:
                fields.path = links[k % 2];
                fields.target = paths[world_draw(world, 2)];
                break;
        case ITEM_MOUNT:
                fields.path = links[k % 2];
                fields.target = world_draw(world, 2) ? "/usr/lib/a.so" : "/usr/lib/b.so";
                fields.text = "ro";
                break;
        case ITEM_INTERFACE:
                fields.path = names[k % 2];
                fields.target = names[world_draw(world, 2)];
                break;
        case ITEM_DATA:
                fields.path = rights[k];
                fields.text = world_draw(world, 2) ? "E:ID_A=1\nV:1\n" : "V:1\n";
                break;
        case ITEM_EVENT:
                fields.path = devpaths[k];
                assert(property_list_set(&fields.properties, "DEVNAME", paths[k]) >= 0);
                break;
        case ITEM_KIND_MAX:
        case ITEM_KIND_INVALID:
                break;
        }
        assert(item_new(&fields, &item) >= 0);
        property_list_deinit(&fields.properties);
        return item;
}

void world_set(World *world, unsigned int max, ItemSet *ret) {
        *ret = (ItemSet){};
        for (unsigned int n = world_draw(world, max + 1); n > 0; n--) {
                Item *item = world_item(world);
                int r = item_set_add(ret, item);

                assert(r >= 0 || r == -EEXIST);
                item_unref(item);
        }
}
