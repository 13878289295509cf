/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * containerEdits: what a device, or any device of the file, changes in a container. The rules are those of
 * the reference library (container-device-interface, pkg/cdi/container-edits.go); that a device's number has
 * to be one of Linux is ours.
 */

#include "config.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "cdi/spec-internal.h"
#include "util/string.h"

/* MINORBITS of the kernel's include/linux/kdev_t.h. */
#define MAJOR_MAX ((INT64_C(1) << 12) - 1)
#define MINOR_MAX ((INT64_C(1) << 20) - 1)

#define CLOS_NAME_MAX 4095

/* The next element of a list in Edits. */
#define GROW(items, n_items)                                                        \
        ({                                                                          \
                void *_grown = edits_grow((items), &(n_items), sizeof((items)[0])); \
                if (_grown)                                                         \
                        (items) = _grown;                                           \
                _grown ? &(items)[(n_items)-1] : NULL;                              \
        })

static int check_variable(const CdiParser *parser, const PolicyNode *node, const char *text) {
        const char *equals = strchr(text, '=');

        if (equals && equals > text)
                return 0;
        return policy_error(&parser->context, node, "\"%s\" is not NAME=VALUE", quote(text));
}

static int parse_variable(CdiParser *parser, const PolicyNode *node, void *target) {
        Edits *edits = target;
        char **variable = GROW(edits->env, edits->n_env);
        int r;

        if (!variable)
                return -ENOMEM;
        r = cdi_string(parser, node, variable);
        return r != 0 ? r : check_variable(parser, node, *variable);
}

static int parse_env(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_EDITS_MAX, parse_variable, target);
}

/* @value: of the member @key; NULL it is not there, or was complained of. */
static int check_given(const CdiParser *parser, const PolicyNode *node, const char *key, const char *value) {
        const PolicyNode *member = cdi_member(node, key);

        if (!string_empty(value) || (member && !value))
                return 0;
        return policy_error(&parser->context, member ?: node, member ? "%s is empty" : "%s is missing", key);
}

static int parse_node_host_path(CdiParser *parser, const PolicyNode *node, void *target) {
        char **path = target;
        int r = cdi_string(parser, node, path);

        if (r != 0 || **path)
                return r != 0 ? r : cdi_need(parser, node, CDI_V050, "hostPath");
        free(*path);
        *path = NULL;
        return 0;
}

static int parse_node_type(CdiParser *parser, const PolicyNode *node, void *target) {
        _cleanup_free_ char *text = NULL;
        EditNode *edit = target;
        int r;

        r = cdi_string(parser, node, &text);
        if (r != 0 || !*text)
                return r;
        if (!strchr("bcup", text[0]) || text[1])
                return policy_error(&parser->context, node, "\"%s\" is none of b, c, u and p", quote(text));
        edit->type = text[0] == 'u' ? 'c' : text[0];
        return 0;
}

static int parse_unsigned(CdiParser *parser, const PolicyNode *node, int64_t max, unsigned int *ret) {
        int64_t value;
        int r = cdi_number(parser, node, 0, max, &value);

        if (r == 0)
                *ret = (unsigned int)value;
        return r;
}

static int parse_major(CdiParser *parser, const PolicyNode *node, void *target) {
        return parse_unsigned(parser, node, MAJOR_MAX, target);
}

static int parse_minor(CdiParser *parser, const PolicyNode *node, void *target) {
        return parse_unsigned(parser, node, MINOR_MAX, target);
}

static int parse_file_mode(CdiParser *parser, const PolicyNode *node, void *target) {
        EditNode *edit = target;
        unsigned int mode;
        int r;

        r = parse_unsigned(parser, node, UINT32_MAX, &mode);
        if (r == 0) {
                edit->mode = mode & 0777;
                edit->has_mode = true;
        }
        return r;
}

static int parse_permissions(CdiParser *parser, const PolicyNode *node, void *target) {
        static const char letters[] = {'r', 'w', 'm'};
        static const unsigned int bits[] = {EDIT_READ, EDIT_WRITE, EDIT_MKNOD};
        _cleanup_free_ char *text = NULL;
        EditNode *edit = target;
        int r;

        r = cdi_string(parser, node, &text);
        if (r != 0 || !*text)
                return r;
        if (!streq(text, "none") && text[strspn(text, "rwm")])
                return policy_error(&parser->context, node, "\"%s\" is neither made of r, w and m nor none",
                                    quote(text));
        edit->access = 0;
        for (size_t i = 0; i < ELEMENTSOF(letters); i++)
                if (!streq(text, "none") && strchr(text, letters[i]))
                        edit->access |= bits[i];
        return 0;
}

static int parse_uid(CdiParser *parser, const PolicyNode *node, void *target) {
        EditNode *edit = target;

        edit->has_uid = true;
        return parse_unsigned(parser, node, UINT32_MAX, &edit->uid);
}

static int parse_gid(CdiParser *parser, const PolicyNode *node, void *target) {
        EditNode *edit = target;

        edit->has_gid = true;
        return parse_unsigned(parser, node, UINT32_MAX, &edit->gid);
}

static int parse_node(CdiParser *parser, const PolicyNode *node, void *target) {
        static const CdiKey keys[] = {
                {"path", cdi_string, offsetof(EditNode, path)},
                {"hostPath", parse_node_host_path, offsetof(EditNode, host_path)},
                {"type", parse_node_type, 0},
                {"major", parse_major, offsetof(EditNode, major)},
                {"minor", parse_minor, offsetof(EditNode, minor)},
                {"fileMode", parse_file_mode, 0},
                {"permissions", parse_permissions, 0},
                {"uid", parse_uid, 0},
                {"gid", parse_gid, 0},
                {},
        };
        Edits *edits = target;
        EditNode *edit = GROW(edits->nodes, edits->n_nodes);
        int bad;

        if (!edit)
                return -ENOMEM;
        edit->access = EDIT_ALL;
        bad = cdi_map(parser, node, "a device node", keys, edit);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        bad |= check_given(parser, node, "path", edit->path);
        edit->numbered = edit->type != '\0' && (edit->major != 0 || edit->type == 'p');
        return bad < 0 ? -ENOMEM : bad;
}

static int parse_nodes(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_EDITS_MAX, parse_node, target);
}

static int parse_net(CdiParser *parser, const PolicyNode *node, void *target) {
        static const CdiKey keys[] = {
                {"hostInterfaceName", cdi_string, offsetof(EditNet, host_name)},
                {"name", cdi_string, offsetof(EditNet, name)},
                {},
        };
        Edits *edits = target;
        EditNet *net = GROW(edits->nets, edits->n_nets);
        int bad;

        if (!net)
                return -ENOMEM;
        bad = cdi_map(parser, node, "a network device", keys, net);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        bad |= check_given(parser, node, "hostInterfaceName", net->host_name);
        bad |= check_given(parser, node, "name", net->name);
        for (EditNet *other = edits->nets; bad == 0 && other != net; other++) {
                if (streq_ptr(other->host_name, net->host_name))
                        bad = policy_error(&parser->context, node, "the interface \"%s\" is given twice",
                                           quote(net->host_name));
                else if (streq_ptr(other->name, net->name))
                        bad = policy_error(&parser->context, node, "the name \"%s\" is given twice",
                                           quote(net->name));
        }
        return bad < 0 ? -ENOMEM : bad;
}

static int parse_nets(CdiParser *parser, const PolicyNode *node, void *target) {
        int bad = node->type == POLICY_LIST && node->children ? cdi_need(parser, node, CDI_V110, "netDevices")
                                                              : 0;
        int r;

        if (bad < 0)
                return bad;
        r = cdi_list(parser, node, CDI_EDITS_MAX, parse_net, target);
        return r < 0 ? r : r | bad;
}

static int parse_mount_type(CdiParser *parser, const PolicyNode *node, void *target) {
        char **type = target;
        int r = cdi_string(parser, node, type);

        if (r != 0 || **type)
                return r != 0 ? r : cdi_need(parser, node, CDI_V040, "type of a mount");
        free(*type);
        *type = NULL;
        return 0;
}

static int parse_option(CdiParser *parser, const PolicyNode *node, void *target) {
        char ***options = target, **grown;
        size_t n = 0;

        while (*options && (*options)[n])
                n++;
        grown = reallocarray(*options, n + 2, sizeof(char *));
        if (!grown)
                return -ENOMEM;
        *options = grown;
        grown[n] = grown[n + 1] = NULL;
        return cdi_string(parser, node, &grown[n]);
}

static int parse_options(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_EDITS_MAX, parse_option, target);
}

static int parse_mount(CdiParser *parser, const PolicyNode *node, void *target) {
        static const CdiKey keys[] = {
                {"hostPath", cdi_string, offsetof(EditMount, host_path)},
                {"containerPath", cdi_string, offsetof(EditMount, path)},
                {"type", parse_mount_type, offsetof(EditMount, type)},
                {"options", parse_options, offsetof(EditMount, options)},
                {},
        };
        Edits *edits = target;
        EditMount *mount = GROW(edits->mounts, edits->n_mounts);
        int bad;

        if (!mount)
                return -ENOMEM;
        bad = cdi_map(parser, node, "a mount", keys, mount);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        bad |= check_given(parser, node, "hostPath", mount->host_path);
        bad |= check_given(parser, node, "containerPath", mount->path);
        return bad < 0 ? -ENOMEM : bad;
}

static int parse_mounts(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_EDITS_MAX, parse_mount, target);
}

/* Known, and of no use here. */
static int parse_argument(CdiParser *parser, const PolicyNode *node, _unused_ void *target) {
        _cleanup_free_ char *text = NULL;

        return cdi_string(parser, node, &text);
}

static int parse_arguments(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_EDITS_MAX, parse_argument, target);
}

static int parse_hook_variable(CdiParser *parser, const PolicyNode *node, _unused_ void *target) {
        _cleanup_free_ char *text = NULL;
        int r = cdi_string(parser, node, &text);

        return r != 0 ? r : check_variable(parser, node, text);
}

static int parse_hook_env(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_EDITS_MAX, parse_hook_variable, target);
}

static int parse_timeout(CdiParser *parser, const PolicyNode *node, _unused_ void *target) {
        int64_t seconds;

        return cdi_number(parser, node, INT64_MIN, INT64_MAX, &seconds);
}

static int parse_hook_name(CdiParser *parser, const PolicyNode *node, void *target) {
        static const char *const names[] = {
                "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
        };
        char **name = target;
        int r;

        r = cdi_string(parser, node, name);
        if (r != 0)
                return r;
        if (string_table_find(names, ELEMENTSOF(names), *name) >= 0)
                return 0;
        r = policy_error(&parser->context, node,
                         "\"%s\" is none of prestart, createRuntime, createContainer, startContainer, "
                         "poststart and poststop",
                         quote(*name));
        free(*name);
        *name = NULL;
        return r;
}

static int parse_hook(CdiParser *parser, const PolicyNode *node, void *target) {
        static const CdiKey keys[] = {
                {"hookName", parse_hook_name, offsetof(EditHook, name)},
                {"path", cdi_string, offsetof(EditHook, path)},
                {"args", parse_arguments, 0},
                {"env", parse_hook_env, 0},
                {"timeout", parse_timeout, 0},
                {},
        };
        Edits *edits = target;
        EditHook *hook = GROW(edits->hooks, edits->n_hooks);
        int bad;

        if (!hook)
                return -ENOMEM;
        bad = cdi_map(parser, node, "a hook", keys, hook);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        bad |= check_given(parser, node, "hookName", hook->name);
        bad |= check_given(parser, node, "path", hook->path);
        return bad < 0 ? -ENOMEM : bad;
}

static int parse_hooks(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_EDITS_MAX, parse_hook, target);
}

static int parse_clos(CdiParser *parser, const PolicyNode *node, _unused_ void *target) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = cdi_string(parser, node, &name);
        if (r != 0 || streq(name, "/"))
                return r;
        if (strlen(name) > CLOS_NAME_MAX || streq(name, ".") || streq(name, "..") || strpbrk(name, "/\n"))
                return policy_error(&parser->context, node, "\"%s\" is no name of a class of service",
                                    quote(name));
        return 0;
}

static int parse_schemata(CdiParser *parser, const PolicyNode *node, _unused_ void *target) {
        int bad = cdi_need(parser, node, CDI_V110, "schemata"), r;

        if (bad < 0)
                return bad;
        r = cdi_list(parser, node, CDI_EDITS_MAX, parse_argument, NULL);
        return r < 0 ? r : r | bad;
}

static int parse_monitoring(CdiParser *parser, const PolicyNode *node, _unused_ void *target) {
        bool on = false;
        int r = cdi_bool(parser, node, &on);

        return r != 0 || !on ? r : cdi_need(parser, node, CDI_V110, "enableMonitoring");
}

static int parse_rdt(CdiParser *parser, const PolicyNode *node, void *target) {
        static const CdiKey keys[] = {
                {"closID", parse_clos, 0},
                {"l3CacheSchema", parse_argument, 0},
                {"memBwSchema", parse_argument, 0},
                {"schemata", parse_schemata, 0},
                {"enableMonitoring", parse_monitoring, 0},
                {},
        };
        int bad = cdi_need(parser, node, CDI_V070, "intelRdt"), r;

        if (bad < 0)
                return bad;
        *(bool *)target = true;
        r = cdi_map(parser, node, "intelRdt", keys, parser);
        return r < 0 ? r : r | bad;
}

static int parse_group(CdiParser *parser, const PolicyNode *node, void *target) {
        Edits *edits = target;
        unsigned int gid;
        uint32_t *last;
        int r;

        r = parse_unsigned(parser, node, UINT32_MAX, &gid);
        if (r != 0)
                return r;
        last = GROW(edits->gids, edits->n_gids);
        if (!last)
                return -ENOMEM;
        *last = gid;
        return 0;
}

static int parse_gids(CdiParser *parser, const PolicyNode *node, void *target) {
        int bad = node->type == POLICY_LIST && node->children
                          ? cdi_need(parser, node, CDI_V070, "additionalGids")
                          : 0;
        int r;

        if (bad < 0)
                return bad;
        r = cdi_list(parser, node, CDI_EDITS_MAX, parse_group, target);
        return r < 0 ? r : r | bad;
}

int cdi_edits(CdiParser *parser, const PolicyNode *node, void *target) {
        static const CdiKey keys[] = {
                {"env", parse_env, 0},
                {"deviceNodes", parse_nodes, 0},
                {"netDevices", parse_nets, 0},
                {"hooks", parse_hooks, 0},
                {"mounts", parse_mounts, 0},
                {"intelRdt", parse_rdt, offsetof(Edits, rdt)},
                {"additionalGids", parse_gids, 0},
                {},
        };
        int r;

        r = cdi_map(parser, node, "containerEdits", keys, target);
        /* What is half read can not be told apart. */
        return r == 0 ? edits_fold(target) : r;
}
