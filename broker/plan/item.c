/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Items and sets of them.
 *
 * An item is one allocation: the structure, then its strings, then its properties. It never changes after
 * item_new(), so that wanted, present and a step that waits in a queue can share it; the count of references
 * is all that moves.
 *
 * A set is an array of pointers ordered by key. Sets are small (three items a node, a handful of nodes a
 * device), and the planner walks two of them side by side, which the order gives for nothing.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "model/udev-data.h"
#include "plan/item.h"
#include "util/string.h"

static const char *const item_kind_table[ITEM_KIND_MAX] = {
        [ITEM_RIGHT] = "right",         [ITEM_NODE] = "node", [ITEM_LINK] = "link",   [ITEM_MOUNT] = "mount",
        [ITEM_INTERFACE] = "interface", [ITEM_DATA] = "data", [ITEM_EVENT] = "event",
};

const char *item_kind_to_string(ItemKind kind) {
        return kind >= 0 && kind < ITEM_KIND_MAX ? item_kind_table[kind] : NULL;
}

ItemKind item_kind_from_string(const char *s) {
        for (ItemKind kind = 0; kind < ITEM_KIND_MAX; kind++)
                if (streq(s, item_kind_table[kind]))
                        return kind;
        return ITEM_KIND_INVALID;
}

/* Relative, and without a component that is empty, "." or "..". */
static bool path_is_plain(const char *path) {
        for (const char *p = path;;) {
                size_t n = strcspn(p, "/");

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                if (!p[n])
                        return true;
                p += n + 1;
        }
}

static bool item_is_whole(const Item *item) {
        if (!item->device || string_empty(item->path))
                return false;

        switch (item->kind) {
        case ITEM_RIGHT:
                return item->type == 'c' || item->type == 'b';
        case ITEM_NODE:
                return (item->type == 'c' || item->type == 'b') && path_is_plain(item->path) &&
                       (item->mode & ~(mode_t)07777) == 0;
        case ITEM_LINK:
                return !string_empty(item->target) && path_is_plain(item->path);
        case ITEM_MOUNT:
                return item->target && item->target[0] == '/' && item->text && path_is_plain(item->path);
        case ITEM_INTERFACE:
                return !string_empty(item->target) && strlen(item->path) < IFNAMSIZ &&
                       !strchr(item->path, '/') && path_is_plain(item->path);
        case ITEM_DATA:
                return item->text && udev_data_id_is_valid(item->path);
        case ITEM_EVENT:
                return item->path[0] == '/';
        case ITEM_KIND_MAX:
        case ITEM_KIND_INVALID:
                break;
        }
        return false;
}

static size_t string_size(const char *s) {
        return s ? strlen(s) + 1 : 0;
}

/* Puts a copy of @s at *@at and moves *@at behind it. */
static const char *pack_string(char **at, const char *s) {
        char *packed = *at;

        if (!s)
                return NULL;
        *at = stpcpy(packed, s) + 1;
        return packed;
}

int item_new(const Item *from, Item **ret) {
        size_t strings, properties = from->properties.size;
        Item *item;
        char *at;

        if (!item_is_whole(from))
                return -EINVAL;

        strings = string_size(from->device) + string_size(from->path) + string_size(from->target) +
                  string_size(from->text) + string_size(from->mac) + string_size(from->addresses);
        item = malloc(sizeof(*item) + strings + properties);
        if (!item)
                return -ENOMEM;

        *item = *from;
        item->n_refs = 1;
        at = (char *)(item + 1);
        item->device = pack_string(&at, from->device);
        item->path = pack_string(&at, from->path);
        item->target = pack_string(&at, from->target);
        item->text = pack_string(&at, from->text);
        item->mac = pack_string(&at, from->mac);
        item->addresses = pack_string(&at, from->addresses);
        if (properties > 0)
                memcpy(at, from->properties.data, properties);
        item->properties = (PropertyList){
                .data = properties > 0 ? at : NULL,
                .size = properties,
                .allocated = properties,
        };

        *ret = item;
        return 0;
}

Item *item_ref(Item *item) {
        assert(item->n_refs > 0);

        item->n_refs++;
        return item;
}

Item *item_unref(Item *item) {
        if (!item)
                return NULL;

        assert(item->n_refs > 0);

        if (--item->n_refs == 0)
                free(item);
        return NULL;
}

int item_compare_key(const Item *a, const Item *b) {
        if (a->kind != b->kind)
                return a->kind < b->kind ? -1 : 1;
        return strcmp(a->path, b->path);
}

bool item_equal(const Item *a, const Item *b) {
        if (item_compare_key(a, b) != 0 || !streq(a->device, b->device))
                return false;

        switch (a->kind) {
        case ITEM_RIGHT:
                return a->type == b->type && a->rdev == b->rdev && a->refused == b->refused;
        case ITEM_NODE:
                return a->type == b->type && a->rdev == b->rdev && a->uid == b->uid && a->gid == b->gid &&
                       a->mode == b->mode;
        case ITEM_LINK:
                return streq_ptr(a->target, b->target);
        case ITEM_MOUNT:
                return streq(a->target, b->target) && streq(a->text, b->text);
        case ITEM_INTERFACE:
                return streq_ptr(a->target, b->target) && a->net_mode == b->net_mode &&
                       a->net_variant == b->net_variant && a->own_name == b->own_name && a->vlan == b->vlan &&
                       a->up == b->up && a->mtu == b->mtu && streq_ptr(a->mac, b->mac) &&
                       streq_ptr(a->addresses, b->addresses);
        case ITEM_DATA:
                return streq(a->text, b->text);
        case ITEM_EVENT:
        case ITEM_KIND_MAX:
        case ITEM_KIND_INVALID:
                break;
        }
        return true;
}

bool item_is_same_thing(const Item *a, const Item *b) {
        switch (a->kind) {
        case ITEM_RIGHT:
        case ITEM_NODE:
                return a->type == b->type && a->rdev == b->rdev;
        case ITEM_LINK:
        case ITEM_MOUNT:
                return streq_ptr(a->target, b->target);
        case ITEM_DATA: /* of one number, and so of one thing */
        case ITEM_EVENT:
                return true;
        case ITEM_INTERFACE: /* moved, and so in one hand alone */
        case ITEM_KIND_MAX:
        case ITEM_KIND_INVALID:
                break;
        }
        return false;
}

void item_set_deinit(ItemSet *set) {
        for (size_t i = 0; i < set->n_items; i++)
                item_unref(set->items[i]);
        free(set->items);
        *set = (ItemSet){};
}

/* Index of the first item that is not before @key; *ret_found tells whether it is the one. */
static size_t item_set_search(const ItemSet *set, const Item *key, bool *ret_found) {
        size_t low = 0, high = set->n_items;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = item_compare_key(set->items[middle], key);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

int item_set_add(ItemSet *set, Item *item) {
        bool found;
        size_t at = item_set_search(set, item, &found);

        if (found)
                return -EEXIST;

        if (set->n_items == set->allocated) {
                size_t want = MAX(set->allocated * 2, 8U);
                Item **grown = reallocarray(set->items, want, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                set->items = grown;
                set->allocated = want;
        }
        memmove(set->items + at + 1, set->items + at, (set->n_items - at) * sizeof(*set->items));
        set->items[at] = item_ref(item);
        set->n_items++;
        set->n_shared += item_is_shared(item);
        return 0;
}

int item_set_remove(ItemSet *set, const Item *key) {
        bool found;
        size_t at = item_set_search(set, key, &found);

        if (!found)
                return -ENOENT;
        set->n_shared -= item_is_shared(set->items[at]);
        item_unref(set->items[at]);
        set->n_items--;
        memmove(set->items + at, set->items + at + 1, (set->n_items - at) * sizeof(*set->items));
        return 0;
}

Item *item_set_find(const ItemSet *set, const Item *key) {
        bool found;
        size_t at = item_set_search(set, key, &found);

        return found ? set->items[at] : NULL;
}

int item_set_of_device(const ItemSet *set, const char *device, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet result = {};
        int r;

        for (size_t i = 0; i < set->n_items; i++) {
                if (!streq(set->items[i]->device, device))
                        continue;
                r = item_set_add(&result, set->items[i]);
                if (r < 0)
                        return r;
        }

        *ret = result;
        result = (ItemSet){};
        return 0;
}
