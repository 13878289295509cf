/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The policy folders: which files there are, and which of those with the same name counts.
 *
 * A file that cannot be used is reported and left out; it still replaces the one of the same name in an
 * earlier folder, as falling back to a policy that someone meant to replace would give what was meant to be
 * kept.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rule/policy.h"
#include "rule/rule-set.h"
#include "util/fd.h"
#include "util/string.h"
#include "yaml/file.h"

#define POLICY_FILES_MAX 65536

typedef struct FileEntry {
        char *name;
        size_t folder; /* its place among the folders: a later one goes before */
} FileEntry;

typedef struct FileList {
        FileEntry *items;
        size_t n_items, allocated;
} FileList;

static void file_list_deinit(FileList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                free(list->items[i].name);
        free(list->items);
        *list = (FileList){};
}

static int file_list_add(FileList *list, const char *name, size_t folder) {
        char *copy;

        if (list->n_items >= POLICY_FILES_MAX)
                return -E2BIG;
        if (list->n_items == list->allocated) {
                size_t want = list->allocated ? list->allocated * 2 : 16;
                FileEntry *grown = reallocarray(list->items, want, sizeof(FileEntry));

                if (!grown)
                        return -ENOMEM;
                list->items = grown;
                list->allocated = want;
        }
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        list->items[list->n_items++] = (FileEntry){.name = copy, .folder = folder};
        return 0;
}

static int file_entry_compare(const void *a, const void *b) {
        const FileEntry *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        return r ?: (x->folder > y->folder) - (x->folder < y->folder);
}

static bool ends_with(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && streq(s + n - m, suffix);
}

/* Takes one name of a folder, or says why not. */
static int file_list_take(FileList *list, const char *folder, size_t place, const char *name,
                          ParseErrors *errors) {
        _cleanup_free_ char *path = NULL;

        if (name[0] == '.')
                return 0;
        if (ends_with(name, ".yaml") && string_is_name(name))
                return file_list_add(list, name, place);
        if (!ends_with(name, ".yaml") && !ends_with(name, ".yml"))
                return 0;
        if (asprintf(&path, "%s/%s", folder, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (ends_with(name, ".yml"))
                return parse_errors_add(errors, PARSE_WARNING, path, 0, 0,
                                        "not read: a policy file ends in .yaml");
        return parse_errors_add(
                errors, PARSE_ERROR, path, 0, 0,
                "not read: a policy file is called by at most 63 letters, digits and any of ._-");
}

static int file_list_read(FileList *list, const char *folder, size_t place, ParseErrors *errors) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd;

        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        dir = fdopendir(fd);
        if (!dir) {
                int r = negative_errno(EIO);

                safe_close(fd);
                return r;
        }
        for (;;) {
                const struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno;
                r = file_list_take(list, folder, place, entry->d_name, errors);
                if (r < 0)
                        return r;
        }
}

static int complain_file(const char *path, int error, ParseErrors *errors) {
        if (error == -ENOMEM)
                return -ENOMEM;
        return parse_errors_add(errors, PARSE_ERROR, path, 0, 0, "cannot be read: %s", strerror(-error));
}

/* A link to /dev/null masks a file of that name in an earlier folder. */
static bool is_masked(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static int load_file(RuleSet *set, const char *path, ParseErrors *errors) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (is_masked(path))
                return 0;
        r = yaml_file_read(path, RULE_FILE_SIZE_MAX, &text, &size, errors);
        if (r == -ENOENT)
                return complain_file(path, r, errors);
        if (r != 0 || size == 0)
                return r < 0 ? r : 0;
        r = rule_set_parse(set, path, text, size, errors);
        return r < 0 ? r : 0;
}

int rule_set_load(const char *const *folders, RuleSet **ret, ParseErrors *errors) {
        _cleanup_(rule_set_freep) RuleSet *set = NULL;
        _cleanup_(file_list_deinit) FileList list = {};
        int r;

        assert(folders && ret && errors);

        for (size_t i = 0; folders[i]; i++) {
                r = file_list_read(&list, folders[i], i, errors);
                if (r < 0)
                        return r;
        }
        if (list.n_items > 0)
                qsort(list.items, list.n_items, sizeof(FileEntry), file_entry_compare);

        r = rule_set_new(&set);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list.n_items; i++) {
                const FileEntry *entry = &list.items[i];
                _cleanup_free_ char *path = NULL;

                if (i + 1 < list.n_items && streq(entry->name, list.items[i + 1].name))
                        continue;
                if (asprintf(&path, "%s/%s", folders[entry->folder], entry->name) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                r = load_file(set, path, errors);
                if (r < 0)
                        return r;
        }
        r = rule_set_seal(set, errors);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(set);
        return 0;
}
