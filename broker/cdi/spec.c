/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A specification: its document, and its devices. What the reference library refuses is an error here
 * (container-device-interface, pkg/cdi/spec.go and specs-go/version.go); what it takes against the letter of
 * the specification is taken. Where it stops at the first fault we go on.
 *
 * What the library takes and we do not: anchors, aliases and tags of YAML, a NUL in a string, and what is
 * beyond the bounds in spec.h.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "cdi/spec-internal.h"
#include "model/cdi-name.h"
#include "util/string.h"
#include "yaml/file.h"

#define ANNOTATIONS_SIZE_MAX  (256U * 1024U)
#define ANNOTATION_NAME_MAX   63U
#define ANNOTATION_PREFIX_MAX 253U

void cdi_spec_deinit(CdiSpec *spec) {
        for (size_t i = 0; i < spec->n_devices; i++) {
                free(spec->devices[i].name);
                edits_deinit(&spec->devices[i].edits);
        }
        free(spec->devices);
        free(spec->file);
        free(spec->kind);
        free(spec->version);
        edits_deinit(&spec->edits);
        *spec = (CdiSpec){};
}

/* Read before all else, see read_version(). */
static int pass_over(_unused_ CdiParser *parser, _unused_ const PolicyNode *node, _unused_ void *target) {
        return 0;
}

static int read_version(CdiParser *parser, const PolicyNode *root) {
        const PolicyNode *node = cdi_member(root, "cdiVersion");
        size_t mark = cdi_enter(parser, "cdiVersion");
        const char *text;
        int r;

        parser->version = CDI_VERSION_INVALID;
        if (!node)
                r = policy_error(&parser->context, root, "is missing");
        else {
                r = node->type == POLICY_BAD ? 1 : cdi_string(parser, node, &parser->spec->version);
                if (r == 0) {
                        text = startswith(parser->spec->version, "v") ?: parser->spec->version;
                        for (CdiVersion i = 0; i < CDI_VERSION_MAX; i++)
                                if (streq(text, cdi_version_to_string(i)))
                                        parser->version = i;
                        if (parser->version < 0)
                                r = policy_error(&parser->context, node,
                                                 "no known version: \"%s\"; the latest is %s", quote(text),
                                                 cdi_version_to_string(CDI_VERSION_MAX - 1));
                        else
                                r = cdi_need(parser, node, CDI_V030, "all that is supported");
                }
        }
        cdi_leave(parser, mark);
        return r;
}

/* Before the devices, whose names begin with it. */
static int read_kind(CdiParser *parser, const PolicyNode *root) {
        const PolicyNode *node = cdi_member(root, "kind");
        size_t mark = cdi_enter(parser, "kind");
        const char *wrong, *slash, *kind;
        char **ret = &parser->spec->kind;
        int r, bad = 0;

        if (!node)
                r = policy_error(&parser->context, root, "is missing");
        else
                r = node->type == POLICY_BAD ? 1 : cdi_string(parser, node, ret);
        if (r != 0)
                goto finish;

        kind = *ret;
        slash = strchr(kind, '/');
        if (!slash)
                bad = policy_error(&parser->context, node, "\"%s\" is not VENDOR/CLASS", quote(kind));
        else {
                wrong = cdi_vendor_check(kind, (size_t)(slash - kind));
                if (wrong)
                        bad |= policy_error(&parser->context, node, "the vendor in \"%s\" %s", quote(kind),
                                            wrong);
                wrong = cdi_vendor_check(slash + 1, strlen(slash + 1));
                if (wrong)
                        bad |= policy_error(&parser->context, node, "the class in \"%s\" %s", quote(kind),
                                            wrong);
                if (!wrong && strchr(slash, '.'))
                        bad |= cdi_need(parser, node, CDI_V060, "a dot in the class");
        }
        r = bad < 0 ? -ENOMEM : bad;
finish:
        /* No name can be made of it. */
        if (r > 0) {
                free(*ret);
                *ret = NULL;
        }
        cdi_leave(parser, mark);
        return r;
}

/* A key of annotations: an optional DNS subdomain and a slash, then a name. The reference means to check it
 * and does not, so this is no error. */
static bool annotation_is_clean(const char *key) {
        const char *slash = strchr(key, '/'), *name = slash ? slash + 1 : key;
        size_t n = strlen(name);

        if (cdi_device_check(name, n) || strchr(name, ':') || n > ANNOTATION_NAME_MAX)
                return false;
        if (!slash)
                return true;
        for (const char *label = key;;) {
                n = strcspn(label, "./");
                if (cdi_device_check(label, n) || memchr(label, '_', n) || memchr(label, ':', n))
                        return false;
                if (label[n] == '/')
                        return (size_t)(slash - key) <= ANNOTATION_PREFIX_MAX;
                label += n + 1;
        }
}

static int read_annotation(CdiParser *parser, const PolicyNode *member, size_t *total) {
        int r = 0;

        if (member->key->type != POLICY_SCALAR || member->type == POLICY_BAD)
                return 1;
        if (member->type != POLICY_SCALAR)
                return policy_error(&parser->context, member, "the annotation \"%s\" is not a string",
                                    quote(member->key->text));
        *total += strlen(member->key->text) + strlen(member->text);
        if (!annotation_is_clean(member->key->text))
                r = policy_warning(&parser->context, member->key, "\"%s\" is no name of an annotation",
                                   quote(member->key->text));
        return r;
}

static int parse_annotations(CdiParser *parser, const PolicyNode *node, _unused_ void *target) {
        size_t total = 0, n = 0;
        int bad = 0;

        if (node->type != POLICY_MAP)
                return policy_error(&parser->context, node, "takes a mapping of names to strings");
        if (node->children)
                bad = cdi_need(parser, node, CDI_V060, "annotations");
        for (const PolicyNode *member = node->children; member && bad >= 0; member = member->next) {
                int r;

                if (++n > CDI_EDITS_MAX)
                        return policy_error(&parser->context, member->key, "more than %u entries",
                                            CDI_EDITS_MAX);
                for (const PolicyNode *other = node->children; other != member; other = other->next)
                        if (other->key->type == POLICY_SCALAR && member->key->type == POLICY_SCALAR &&
                            streq(other->key->text, member->key->text))
                                bad |= policy_error(&parser->context, member->key, "\"%s\" is given twice",
                                                    quote(member->key->text));
                r = read_annotation(parser, member, &total);
                if (r < 0)
                        return r;
                bad |= r;
        }
        if (bad >= 0 && total > ANNOTATIONS_SIZE_MAX)
                bad |= policy_error(&parser->context, node, "more than %u KiB", ANNOTATIONS_SIZE_MAX / 1024U);
        return bad < 0 ? -ENOMEM : bad;
}

/* The name of a device, made whole. */
static int parse_device_name(CdiParser *parser, const PolicyNode *node, void *target) {
        const char *kind = parser->spec->kind, *wrong;
        _cleanup_free_ char *name = NULL;
        char **ret = target;
        int r;

        r = cdi_string(parser, node, &name);
        if (r != 0)
                return r;
        wrong = cdi_device_check(name, strlen(name));
        if (wrong)
                return policy_error(&parser->context, node, "the name \"%s\" %s", quote(name), wrong);
        if (strlen(name) + strlen(kind ?: "") + 1 > CDI_NAME_MAX)
                return policy_error(&parser->context, node, "kind and name are longer than %d bytes together",
                                    CDI_NAME_MAX);
        r = name[0] >= '0' && name[0] <= '9'
                    ? cdi_need(parser, node, CDI_V050, "a name that starts with a digit")
                    : 0;
        if (r == 0 && asprintf(ret, "%s=%s", kind ?: "", name) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return r;
}

/* Whether another device of the file has that name. */
static const CdiDevice *find_device(const CdiSpec *spec, const CdiDevice *device) {
        for (size_t i = 0; device->name && i < spec->n_devices; i++)
                if (&spec->devices[i] != device && spec->devices[i].name &&
                    streq(spec->devices[i].name, device->name))
                        return &spec->devices[i];
        return NULL;
}

static int parse_device(CdiParser *parser, const PolicyNode *node, void *target) {
        static const CdiKey keys[] = {
                {"name", parse_device_name, offsetof(CdiDevice, name)},
                {"annotations", parse_annotations, 0},
                {"containerEdits", cdi_edits, offsetof(CdiDevice, edits)},
                {},
        };
        CdiSpec *spec = target;
        const CdiDevice *other;
        CdiDevice *device;
        void *grown;
        int bad;

        grown = edits_grow(spec->devices, &spec->n_devices, sizeof(*spec->devices));
        if (!grown)
                return -ENOMEM;
        spec->devices = grown;
        device = &spec->devices[spec->n_devices - 1];
        device->line = node->line;
        device->column = node->column;

        bad = cdi_map(parser, node, "a device", keys, device);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        if (!cdi_member(node, "name"))
                bad |= policy_error(&parser->context, node, "the device has no name");
        /* What was complained of is not also missing. */
        if (bad == 0 && edits_is_empty(&device->edits))
                bad = policy_error(&parser->context, node, "the device has no edits of its own");
        other = find_device(spec, device);
        if (other)
                bad |= policy_error(&parser->context, node, "\"%s\" is in line %u already",
                                    quote(strchr(device->name, '=') + 1), other->line);
        return bad < 0 ? -ENOMEM : bad;
}

static int parse_devices(CdiParser *parser, const PolicyNode *node, void *target) {
        return cdi_list(parser, node, CDI_DEVICES_MAX, parse_device, target);
}

static int parse_root(CdiParser *parser, const PolicyNode *node) {
        static const CdiKey keys[] = {
                {"cdiVersion", pass_over, 0},
                {"kind", pass_over, 0},
                {"annotations", parse_annotations, 0},
                {"devices", parse_devices, 0},
                {"containerEdits", cdi_edits, offsetof(CdiSpec, edits)},
                {},
        };
        const PolicyNode *devices;
        int r;

        if (node->type == POLICY_BAD)
                return 1;
        if (node->type != POLICY_MAP)
                return policy_error(&parser->context, node,
                                    "a specification is a mapping with cdiVersion, kind and devices");
        r = read_version(parser, node);
        if (r >= 0)
                r = read_kind(parser, node);
        if (r >= 0)
                r = cdi_map(parser, node, "a specification", keys, parser->spec);
        if (r < 0)
                return r;
        devices = cdi_member(node, "devices");
        if (!devices || (devices->type == POLICY_LIST && !devices->children))
                return policy_error(&parser->context, devices ?: node, "the specification has no devices");
        return r;
}

/* The one document of the file. Return: 0; 1 complained of; -ENOMEM. */
static int read_document(CdiParser *parser, PolicyReader *reader) {
        _cleanup_(policy_node_freep) PolicyNode *node = NULL;
        PolicyNode place;
        int r;

        do {
                r = policy_reader_next(reader);
                if (r != 0)
                        return r;
                if (reader->event.type == YAML_STREAM_END_EVENT)
                        return policy_error(&parser->context, NULL, "no specification in the file");
        } while (reader->event.type != YAML_DOCUMENT_START_EVENT);
        r = policy_reader_next(reader);
        if (r == 0)
                r = policy_reader_read(reader, "file", &node);
        if (r == 0)
                r = parse_root(parser, node);
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
        return policy_error(&parser->context, &place, "second document: a file has one specification");
}

int cdi_spec_parse(const char *file, const char *text, size_t size, CdiSpec *ret, ParseErrors *errors) {
        CdiParser parser = {
                .context =
                        {
                                .file = file,
                                .errors = errors,
                                .subject = "a CDI file",
                                .unit = "one file",
                                .any_text = true,
                        },
                .spec = ret,
        };
        size_t n_errors = errors->n_errors, first = errors->n_items;
        PolicyReader reader;
        int r;

        assert(file && (text || size == 0) && ret && errors);

        *ret = (CdiSpec){};
        parser.context.field = parser.field;
        ret->file = strdup(file);
        if (!ret->file)
                return -ENOMEM;
        if (size > CDI_FILE_SIZE_MAX)
                return policy_error(&parser.context, NULL, "larger than %u MiB",
                                    CDI_FILE_SIZE_MAX / (1024U * 1024U));
        r = policy_reader_init(&reader, &parser.context, text ?: "", size);
        if (r < 0)
                return r;
        r = read_document(&parser, &reader);
        policy_reader_deinit(&reader);
        if (r < 0)
                return r;
        parse_errors_sort(errors, first);
        return errors->n_errors > n_errors;
}

int cdi_spec_load(const char *file, CdiSpec *ret, ParseErrors *errors) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        *ret = (CdiSpec){};
        r = yaml_file_read(file, CDI_FILE_SIZE_MAX, &text, &size, errors);
        if (r == -ENOENT) {
                r = parse_errors_add(errors, PARSE_ERROR, file, 0, 0, "cannot be read: %s", strerror(ENOENT));
                return r < 0 ? r : 1;
        }
        return r == 0 ? cdi_spec_parse(file, text, size, ret, errors) : r;
}
