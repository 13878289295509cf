/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The container file: its document, and the keys that are a line each. Root, network and limits have files of
 * their own beside.
 *
 * Text in, data or complaints out: nothing of the host is looked at here, so `davitctl container check` says
 * the same on any machine. What only the host can tell (an interface, a path, ids that are free) is said by
 * the launch.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <string.h>

#include "launch/container-file-internal.h"
#include "launch/container-file.h"
#include "util/fd.h"
#include "util/string.h"
#include "yaml/file.h"

#define FILE_VERSION  1
#define SUFFIX        ".yaml"
#define FILES_MAX     65536
#define ID_SLICE_LAST (UINT32_MAX - 65536)
#define LABEL_KEY     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-/"
#define LABEL_KEY_MAX 255
#define VARIABLE      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static void strings_free(char **strings) {
        for (char **s = strings; s && *s; s++)
                free(*s);
        free(strings);
}

void container_file_deinit(ContainerFile *file) {
        free(file->root.path);
        for (size_t i = 0; i < file->n_networks; i++) {
                strings_free(file->networks[i].addresses);
                free(file->networks[i].gateway4);
                free(file->networks[i].gateway6);
        }
        free(file->networks);
        strings_free(file->init);
        property_list_deinit(&file->environment);
        property_list_deinit(&file->labels);
        *file = (ContainerFile){};
}

int container_file_push(char ***strings, size_t *n, const char *text) {
        char **grown = reallocarray(*strings, *n + 2, sizeof(char *));

        if (!grown)
                return -ENOMEM;
        *strings = grown;
        grown[*n] = strdup(text);
        grown[*n + 1] = NULL;
        if (!grown[*n])
                return -ENOMEM;
        (*n)++;
        return 0;
}

static int parse_version(const PolicyContext *context, const PolicyNode *node, _unused_ void *target) {
        int r;

        r = policy_scalar(context, node, "a number");
        if (r != 0)
                return r;
        if (!streq(node->text, "1"))
                return policy_error(context, node, "unsupported version \"%s\": this is version %d",
                                    quote(node->text), FILE_VERSION);
        return 0;
}

static int parse_ids(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "auto or the first of 65536 ids of the host";
        uint64_t base;
        int r;

        if (node->type == POLICY_SCALAR && streq(node->text, "auto"))
                return 0;
        /* Not below what a host gives to its own users. */
        r = policy_number(context, node, takes, 65536, ID_SLICE_LAST, &base);
        if (r == 0)
                *(uint32_t *)target = (uint32_t)base;
        return r;
}

static int parse_init(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "a list of strings: the program and its arguments";
        char ***init = target;
        size_t n = 0;
        int bad = 0;

        if (node->type != POLICY_LIST)
                return policy_expected(context, node, takes, NULL);
        if (!node->children)
                return policy_error(context, node, "init is empty: it takes %s", takes);
        for (const PolicyNode *item = node->children; item; item = item->next) {
                int r;

                if (n >= CONTAINER_ARGUMENTS_MAX)
                        return policy_error(context, item, "init has more than %d strings",
                                            CONTAINER_ARGUMENTS_MAX);
                /* An argument may be empty, the program may not. */
                if (item->type != POLICY_SCALAR || (n == 0 && !*item->text)) {
                        r = policy_expected(context, item, "strings", NULL);
                        if (r < 0)
                                return r;
                        bad |= r;
                        n += n == 0;
                        continue;
                }
                if (bad)
                        continue;
                r = container_file_push(init, &n, item->text);
                if (r < 0)
                        return r;
        }
        return bad;
}

/* One member of environment or labels. */
static int add_entry(const PolicyContext *context, const PolicyNode *member, PropertyList *list) {
        int r;

        if (member->type != POLICY_SCALAR)
                return policy_expected(context, member, "a string", NULL);
        if (property_list_get(list, member->key->text))
                return policy_error(context, member->key, "\"%s\" is given twice", quote(member->key->text));
        r = property_list_set(list, member->key->text, member->text);
        if (r == -E2BIG)
                return policy_error(context, member, "more than %u KiB in all",
                                    PROPERTY_LIST_SIZE_MAX / 1024U);
        return r;
}

static int parse_entries(const PolicyContext *context, const PolicyNode *node, const char *allowed,
                         const char *what, PropertyList *list) {
        size_t n = 0;
        int bad = 0;

        if (node->type != POLICY_MAP)
                return policy_expected(context, node, "a mapping of names to strings", NULL);
        for (const PolicyNode *member = node->children; member; member = member->next) {
                const char *key = member->key->text;
                int r;

                if (++n > CONTAINER_ENTRIES_MAX)
                        return policy_error(context, member->key, "%s has more than %d names", node->name,
                                            CONTAINER_ENTRIES_MAX);
                if (member->key->type != POLICY_SCALAR)
                        r = 1;
                else if (!*key || key[strspn(key, allowed)] || strlen(key) > LABEL_KEY_MAX)
                        r = policy_error(context, member->key, "\"%s\" is no name of %s", quote(key), what);
                else
                        r = add_entry(context, member, list);
                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}

static int parse_environment(const PolicyContext *context, const PolicyNode *node, void *target) {
        int bad = parse_entries(context, node, VARIABLE, "a variable", target);

        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        for (const PolicyNode *member = node->children; member; member = member->next)
                if (member->key->text && member->key->text[0] >= '0' && member->key->text[0] <= '9')
                        bad |= policy_error(context, member->key, "\"%s\" is no name of a variable",
                                            quote(member->key->text));
        return bad < 0 ? -ENOMEM : bad;
}

static int parse_labels(const PolicyContext *context, const PolicyNode *node, void *target) {
        return parse_entries(context, node, LABEL_KEY, "a label", target);
}

static int parse_autostart(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_bool(context, node, target);
}

enum {
        SEEN_VERSION,
        SEEN_ROOT,
        SEEN_IDS,
        SEEN_NETWORK,
        SEEN_INIT,
        SEEN_ENVIRONMENT,
        SEEN_LIMITS,
        SEEN_LABELS,
        SEEN_AUTOSTART,
        SEEN_MAX,
};

static int parse_top(const PolicyContext *context, const PolicyNode *node, ContainerFile *file) {
        static const PolicyKey keys[] = {
                [SEEN_VERSION] = {"version", parse_version, 0},
                [SEEN_ROOT] = {"root", container_file_root, offsetof(ContainerFile, root)},
                [SEEN_IDS] = {"ids", parse_ids, offsetof(ContainerFile, ids)},
                [SEEN_NETWORK] = {"network", container_file_network, 0},
                [SEEN_INIT] = {"init", parse_init, offsetof(ContainerFile, init)},
                [SEEN_ENVIRONMENT] = {"environment", parse_environment, offsetof(ContainerFile, environment)},
                [SEEN_LIMITS] = {"limits", container_file_limits, offsetof(ContainerFile, limits)},
                [SEEN_LABELS] = {"labels", parse_labels, offsetof(ContainerFile, labels)},
                [SEEN_AUTOSTART] = {"autostart", parse_autostart, offsetof(ContainerFile, autostart)},
                [SEEN_MAX] = {},
        };
        unsigned int seen[SEEN_MAX] = {};
        int r;

        if (node->type == POLICY_BAD)
                return 1;
        if (node->type != POLICY_MAP)
                return policy_error(context, node, "a container file is a mapping with the key version");
        r = policy_map(context, node, "a container file", "a mapping", keys, file, seen);
        if (r >= 0 && !seen[SEEN_VERSION])
                r = policy_error(context, node, "container file without \"version\": it is %d", FILE_VERSION);
        return r;
}

/* The one document of the file. Return: 0; 1 complained of; -ENOMEM. */
static int read_document(PolicyReader *reader, ContainerFile *file) {
        _cleanup_(policy_node_freep) PolicyNode *node = NULL;
        PolicyNode place;
        int r;

        do {
                r = policy_reader_next(reader);
                if (r != 0)
                        return r;
                if (reader->event.type == YAML_STREAM_END_EVENT)
                        return policy_error(reader->context, NULL, "no container in the file");
        } while (reader->event.type != YAML_DOCUMENT_START_EVENT);
        r = policy_reader_next(reader);
        if (r == 0)
                r = policy_reader_read(reader, "file", &node);
        if (r == 0)
                r = parse_top(reader->context, node, file);
        if (r < 0 || !node)
                return r;
        /* The document's end, then the stream's. */
        for (int i = 0; i < 2; i++) {
                r = policy_reader_next(reader);
                if (r != 0)
                        return r;
        }
        if (reader->event.type == YAML_STREAM_END_EVENT)
                return 0;
        place = policy_reader_place(reader);
        return policy_error(reader->context, &place, "second document: a file has one container");
}

int container_file_parse(const char *name, const char *text, size_t size, ContainerFile *ret,
                         ParseErrors *errors) {
        const PolicyContext context = {
                .file = name,
                .errors = errors,
                .subject = "a container file",
                .unit = "one file",
        };
        size_t n_errors = errors->n_errors, first = errors->n_items;
        PolicyReader reader;
        int r;

        assert(name && (text || size == 0) && ret);

        *ret = (ContainerFile){};
        if (size > CONTAINER_FILE_SIZE_MAX) {
                r = policy_error(&context, NULL, "larger than %u MiB",
                                 CONTAINER_FILE_SIZE_MAX / (1024U * 1024U));
                return r;
        }
        r = policy_reader_init(&reader, &context, text ?: "", size);
        if (r < 0)
                return r;
        r = read_document(&reader, ret);
        policy_reader_deinit(&reader);
        if (r < 0)
                return r;
        parse_errors_sort(errors, first);
        return errors->n_errors > n_errors;
}

int container_file_load(const char *path, ContainerFile *ret, ParseErrors *errors) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        *ret = (ContainerFile){};
        r = yaml_file_read(path, CONTAINER_FILE_SIZE_MAX, &text, &size, errors);
        return r == 0 ? container_file_parse(path, text, size, ret, errors) : r;
}

int container_file_path(const char *folder, const char *name, char **ret) {
        return asprintf(ret, "%s/%s" SUFFIX, folder, name) < 0 ? -ENOMEM : 0;
}

void container_names_free(char **names) {
        strings_free(names);
}

/* Takes one name of the folder, or says why not. */
static int take_name(const char *folder, const char *file, char ***names, size_t *n, ParseErrors *errors) {
        size_t length = strlen(file), suffix = strlen(SUFFIX);
        _cleanup_free_ char *name = NULL, *path = NULL;

        if (file[0] == '.' || length < suffix || !streq(file + length - suffix, SUFFIX))
                return 0;
        name = strndup(file, length - suffix);
        if (!name)
                return -ENOMEM;
        if (*n >= FILES_MAX)
                return -E2BIG;
        if (string_is_name(name))
                return container_file_push(names, n, name);
        if (asprintf(&path, "%s/%s", folder, file) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return parse_errors_add(errors, PARSE_ERROR, path, 0, 0,
                                "a container's name is 1 to 63 letters, digits, dots, dashes and "
                                "underscores, the first a letter or digit");
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int container_file_list(const char *folder, char ***ret, ParseErrors *errors) {
        _cleanup_(container_names_freep) char **names = NULL;
        _cleanup_(closedirp) DIR *dir = opendir(folder);
        const struct dirent *entry;
        size_t n = 0;
        int r = 0;

        if (!dir && errno != ENOENT)
                return -errno;
        names = calloc(1, sizeof(char *));
        if (!names)
                return -ENOMEM;
        errno = 0;
        while (dir && r >= 0 && (entry = readdir(dir))) {
                r = take_name(folder, entry->d_name, &names, &n, errors);
                errno = 0;
        }
        if (r >= 0 && errno > 0)
                r = -errno;
        if (r < 0)
                return r;
        if (n > 0)
                qsort(names, n, sizeof(char *), compare_names);
        *ret = TAKE_PTR(names);
        return 0;
}
