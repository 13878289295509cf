/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The catalog: files become specifications, and these a sorted array of devices, as the reference library
 * merges them (container-device-interface, pkg/cdi/cache.go).
 *
 * A conflict within one folder makes a device of that name unusable, also where a later folder has one of its
 * own: the library does so, and to guess which of the three was meant would be worse.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "cdi/catalog.h"
#include "util/string.h"

static const char *const status_names[CDI_STATUS_MAX] = {
        [CDI_USED] = "used",
        [CDI_SHADOWED] = "shadowed",
        [CDI_CONFLICT] = "conflict",
};

const char *cdi_status_to_string(CdiStatus status) {
        return status >= 0 && status < CDI_STATUS_MAX ? status_names[status] : NULL;
}

CdiCatalog *cdi_catalog_free(CdiCatalog *catalog) {
        if (!catalog)
                return NULL;
        for (size_t i = 0; i < catalog->n_specs; i++)
                cdi_spec_deinit(&catalog->specs[i]);
        free(catalog->specs);
        free(catalog->folders);
        free(catalog->entries);
        free(catalog);
        return NULL;
}

bool cdi_is_spec_file(const char *name) {
        const char *dot = strrchr(name, '.');

        return dot && (streq(dot, ".json") || streq(dot, ".yaml"));
}

static int filter_entry(const struct dirent *entry) {
        return cdi_is_spec_file(entry->d_name);
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* Takes @spec over on success. */
static int add_spec(CdiCatalog *catalog, CdiSpec *spec, size_t folder) {
        CdiSpec *specs = reallocarray(catalog->specs, catalog->n_specs + 1, sizeof(*specs));
        size_t *folders;

        if (!specs)
                return -ENOMEM;
        catalog->specs = specs;
        folders = reallocarray(catalog->folders, catalog->n_specs + 1, sizeof(*folders));
        if (!folders)
                return -ENOMEM;
        catalog->folders = folders;
        specs[catalog->n_specs] = *spec;
        folders[catalog->n_specs++] = folder;
        catalog->n_entries += spec->n_devices;
        *spec = (CdiSpec){};
        return 0;
}

static int load_file(CdiCatalog *catalog, const char *folder, size_t place, const struct dirent *entry,
                     ParseErrors *errors) {
        _cleanup_(cdi_spec_deinit) CdiSpec spec = {};
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (lstat(path, &st) >= 0 && S_ISDIR(st.st_mode))
                return 0;
        r = cdi_spec_load(path, &spec, errors);
        if (r != 0)
                return r < 0 ? r : 0;
        if (catalog->n_entries + spec.n_devices > CDI_ENTRIES_MAX)
                return parse_errors_add(errors, PARSE_ERROR, path, 0, 0,
                                        "not used: there are more than %u devices in all", CDI_ENTRIES_MAX);
        return add_spec(catalog, &spec, place);
}

static int load_folder(CdiCatalog *catalog, const char *folder, size_t place, ParseErrors *errors) {
        struct dirent **entries;
        int n, r = 0;

        n = scandir(folder, &entries, filter_entry, compare_names);
        if (n < 0) {
                if (errno == ENOENT)
                        return 0;
                return errno == ENOMEM ? -ENOMEM
                                       : parse_errors_add(errors, PARSE_ERROR, folder, 0, 0,
                                                          "cannot be read: %s", strerror(errno));
        }
        if (n > (int)CDI_FILES_MAX)
                r = parse_errors_add(errors, PARSE_ERROR, folder, 0, 0,
                                     "more than %u files: the others are not read", CDI_FILES_MAX);
        for (int i = 0; i < n; i++) {
                if (r >= 0 && i < (int)CDI_FILES_MAX)
                        r = load_file(catalog, folder, place, entries[i], errors);
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int compare_entries(const void *a, const void *b) {
        const CdiEntry *x = a, *y = b;
        int r = strcmp(x->device->name, y->device->name);

        if (r != 0)
                return r;
        if (x->folder != y->folder)
                return x->folder > y->folder ? -1 : 1;
        return strcmp(x->spec->file, y->spec->file);
}

/* Decides among the entries of one name. Return: 0; -ENOMEM. */
static int resolve(CdiEntry *entries, size_t n, ParseErrors *errors) {
        bool conflict = false;

        for (size_t i = 0; i < n; i++) {
                const CdiEntry *other = i > 0 && entries[i - 1].folder == entries[i].folder ? &entries[i - 1]
                                        : i + 1 < n && entries[i + 1].folder == entries[i].folder
                                                ? &entries[i + 1]
                                                : NULL;
                int r;

                if (!other)
                        continue;
                conflict = true;
                r = parse_errors_add(errors, PARSE_ERROR, entries[i].spec->file, entries[i].device->line,
                                     entries[i].device->column, "%s is in %s too: it can not be used",
                                     entries[i].device->name,
                                     string_escape((char[256]){}, 256, other->spec->file));
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n; i++)
                entries[i].status = conflict ? CDI_CONFLICT : i > 0 ? CDI_SHADOWED : CDI_USED;
        return 0;
}

static int build_entries(CdiCatalog *catalog, ParseErrors *errors) {
        size_t n = 0;

        catalog->entries = calloc(MAX(catalog->n_entries, 1U), sizeof(*catalog->entries));
        if (!catalog->entries)
                return -ENOMEM;
        for (size_t i = 0; i < catalog->n_specs; i++)
                for (size_t j = 0; j < catalog->specs[i].n_devices; j++)
                        catalog->entries[n++] = (CdiEntry){
                                .spec = &catalog->specs[i],
                                .device = &catalog->specs[i].devices[j],
                                .folder = catalog->folders[i],
                        };
        assert(n == catalog->n_entries);
        qsort(catalog->entries, n, sizeof(*catalog->entries), compare_entries);
        for (size_t i = 0, next; i < n; i = next) {
                int r;

                for (next = i + 1; next < n; next++)
                        if (!streq(catalog->entries[i].device->name, catalog->entries[next].device->name))
                                break;
                r = resolve(&catalog->entries[i], next - i, errors);
                if (r < 0)
                        return r;
        }
        return 0;
}

int cdi_catalog_load(const char *const *folders, CdiCatalog **ret, ParseErrors *errors) {
        _cleanup_(cdi_catalog_freep) CdiCatalog *catalog = calloc(1, sizeof(*catalog));
        int r;

        assert(folders && ret && errors);

        if (!catalog)
                return -ENOMEM;
        for (size_t i = 0; folders[i]; i++) {
                r = load_folder(catalog, folders[i], i, errors);
                if (r < 0)
                        return r;
        }
        r = build_entries(catalog, errors);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(catalog);
        return 0;
}

const CdiEntry *cdi_catalog_find(const CdiCatalog *catalog, const char *name) {
        size_t low = 0, high = catalog->n_entries;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(catalog->entries[middle].device->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == catalog->n_entries || !streq(catalog->entries[low].device->name, name) ||
            catalog->entries[low].status != CDI_USED)
                return NULL;
        return &catalog->entries[low];
}

int cdi_entry_edits(const CdiEntry *entry, Edits **ret) {
        _cleanup_(edits_freep) Edits *edits = calloc(1, sizeof(*edits));
        int r;

        if (!edits)
                return -ENOMEM;
        r = edits_append(edits, &entry->spec->edits);
        if (r >= 0)
                r = edits_append(edits, &entry->device->edits);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(edits);
        return 0;
}
