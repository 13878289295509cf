/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading YAML with places: libyaml's events made into small trees.
 *
 * libyaml's own document tree would hold the whole file at some hundred bytes a scalar; here a tree is one
 * rule. Aliases are refused, so what is read is never larger than the text. Scalars keep their text as it
 * stands in the file: an unquoted 0403 or no is that text, not a number or a truth value. Anchors, tags and
 * control characters have no use in our files and are refused with the advice to quote, as a pattern that
 * starts with `*` or `!` is what they mostly were meant to be.
 */

#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "util/string.h"
#include "yaml/node.h"

static const char *event_text(const yaml_char_t *s) {
        return (const char *)s;
}

PolicyNode *policy_node_free(PolicyNode *node) {
        while (node) {
                PolicyNode *next = node->next;

                /* Bounded by POLICY_DEPTH_MAX. */
                policy_node_free(node->children);
                policy_node_free(node->key);
                free(node->text);
                free(node);
                node = next;
        }
        return NULL;
}

/* Return: 0 or -ENOMEM. */
static int complain(const PolicyContext *context, ParseSeverity severity, const PolicyNode *node,
                    const char *format, va_list ap) {
        _cleanup_free_ char *message = NULL;
        size_t n = context->errors->n_items;
        int r;

        if (vasprintf(&message, format, ap) < 0) {
                message = NULL;
                return -ENOMEM;
        }
        r = parse_errors_add(context->errors, severity, context->file, node ? node->line : 0,
                             node ? node->column : 0, "%s", message);
        if (r < 0 || string_empty(context->field) || context->errors->n_items == n)
                return r;
        return parse_errors_set_field(context->errors, context->field);
}

int policy_error(const PolicyContext *context, const PolicyNode *node, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = complain(context, PARSE_ERROR, node, format, ap);
        va_end(ap);
        return r < 0 ? r : 1;
}

int policy_warning(const PolicyContext *context, const PolicyNode *node, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = complain(context, PARSE_WARNING, node, format, ap);
        va_end(ap);
        return r;
}

int policy_reader_init(PolicyReader *reader, const PolicyContext *context, const char *text, size_t size) {
        /* A byte order mark would count as the first column. */
        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                text += 3;
                size -= 3;
        }
        *reader = (PolicyReader){.context = context, .text = text, .size = size};
        if (!yaml_parser_initialize(&reader->parser))
                return -ENOMEM;
        yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, size);
        return 0;
}

void policy_reader_deinit(PolicyReader *reader) {
        yaml_event_delete(&reader->event);
        yaml_parser_delete(&reader->parser);
}

static void node_set_place(PolicyNode *node, const yaml_mark_t *mark) {
        node->line = (unsigned int)mark->line + 1;
        node->column = (unsigned int)mark->column + 1;
}

PolicyNode policy_reader_place(const PolicyReader *reader) {
        PolicyNode place = {};

        node_set_place(&place, &reader->event.start_mark);
        return place;
}

/* A byte that is no text: libyaml reads ahead and gives its offset alone. */
static int complain_bytes(PolicyReader *reader) {
        const yaml_parser_t *parser = &reader->parser;
        PolicyNode place = {.line = 1, .column = 1};

        for (size_t i = 0; i < MIN(parser->problem_offset, reader->size); i++) {
                unsigned char byte = (unsigned char)reader->text[i];

                if (byte == '\n') {
                        place.line++;
                        place.column = 1;
                } else if ((byte & 0xc0) != 0x80)
                        place.column++;
        }
        return policy_error(reader->context, &place, "no readable text: %s", parser->problem);
}

static int complain_syntax(PolicyReader *reader) {
        const yaml_parser_t *parser = &reader->parser;
        const char *context = parser->context ?: "";
        const char *hint = "";
        PolicyNode place = {};

        node_set_place(&place, &parser->problem_mark);
        if (!*context)
                return policy_error(reader->context, &place, "no valid YAML: %s", parser->problem);
        if (streq(context, "while scanning an alias"))
                hint = "; a pattern that starts with * needs quotes";
        else if (streq(context, "while scanning a tag"))
                hint = "; a pattern that starts with ! needs quotes";
        return policy_error(reader->context, &place, "no valid YAML: %s %s that starts in line %zu%s",
                            parser->problem, context, parser->context_mark.line + 1, hint);
}

int policy_reader_next(PolicyReader *reader) {
        yaml_event_delete(&reader->event);
        if (yaml_parser_parse(&reader->parser, &reader->event))
                return 0;
        switch (reader->parser.error) {
        case YAML_READER_ERROR:
                return complain_bytes(reader);
        case YAML_SCANNER_ERROR:
        case YAML_PARSER_ERROR:
                return complain_syntax(reader);
        case YAML_MEMORY_ERROR:
        default:
                return -ENOMEM;
        }
}

/* Tags and anchors. Return: 0 there is none; 1 complained of; -ENOMEM. */
static int check_decoration(PolicyReader *reader, const PolicyNode *node) {
        const yaml_event_t *event = &reader->event;
        const yaml_char_t *tag = NULL, *anchor = NULL;

        switch (event->type) {
        case YAML_SCALAR_EVENT:
                tag = event->data.scalar.tag;
                anchor = event->data.scalar.anchor;
                break;
        case YAML_SEQUENCE_START_EVENT:
                tag = event->data.sequence_start.tag;
                anchor = event->data.sequence_start.anchor;
                break;
        case YAML_MAPPING_START_EVENT:
                tag = event->data.mapping_start.tag;
                anchor = event->data.mapping_start.anchor;
                break;
        default:
                break;
        }
        if (anchor)
                return policy_error(reader->context, node, "anchor &%s: %s has no anchors and aliases",
                                    quote(event_text(anchor)), reader->context->subject);
        if (tag && *tag == '!')
                return policy_error(reader->context, node,
                                    "without quotes YAML reads %s as a tag: write \"%s\" if it is a pattern",
                                    quote(event_text(tag)), quote(event_text(tag)));
        if (tag)
                return policy_error(reader->context, node, "tag %s: %s has no tags", quote(event_text(tag)),
                                    reader->context->subject);
        return 0;
}

/* Control characters, in which a NUL could hide the rest of a pattern, and absurd length. Same codes. */
static int check_text(PolicyReader *reader, const PolicyNode *node) {
        const yaml_char_t *text = reader->event.data.scalar.value;
        size_t n = reader->event.data.scalar.length;

        if (n > POLICY_STRING_MAX)
                return policy_error(reader->context, node, "string longer than %d bytes", POLICY_STRING_MAX);
        for (size_t i = 0; i < n; i++)
                if (text[i] == '\0' || ((text[i] < 0x20 || text[i] == 0x7f) && !reader->context->any_text))
                        return policy_error(reader->context, node, "control character \\x%02x in a string",
                                            text[i]);
        return 0;
}

static int read_scalar(PolicyReader *reader, PolicyNode *node) {
        int r = check_text(reader, node);

        if (r < 0)
                return r;
        if (r > 0) {
                node->type = POLICY_BAD;
                return 0;
        }
        node->plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->text = strdup(event_text(reader->event.data.scalar.value));
        return node->text ? 0 : -ENOMEM;
}

/* Passes over the list or map whose start is the current event, which was complained of. libyaml 0.2.5 takes
 * the longer for each token the deeper brackets are nested, so what is too deep for that ends the reading. */
static int skip_collection(PolicyReader *reader) {
        size_t depth = 1;

        while (depth > 0) {
                int r = policy_reader_next(reader);

                if (r != 0)
                        return r;
                if (reader->event.type == YAML_SEQUENCE_START_EVENT ||
                    reader->event.type == YAML_MAPPING_START_EVENT)
                        depth++;
                if (depth > POLICY_SKIP_DEPTH_MAX)
                        return 1;
                if (reader->event.type == YAML_SEQUENCE_END_EVENT ||
                    reader->event.type == YAML_MAPPING_END_EVENT)
                        depth--;
        }
        return 0;
}

static int read_node(PolicyReader *reader, unsigned int depth, const char *name, PolicyNode **ret);

static int read_items(PolicyReader *reader, unsigned int depth, PolicyNode *list) {
        PolicyNode **tail = &list->children;

        for (;;) {
                int r = policy_reader_next(reader);

                if (r != 0)
                        return r;
                if (reader->event.type == YAML_SEQUENCE_END_EVENT)
                        return 0;
                r = read_node(reader, depth + 1, list->name, tail);
                if (r != 0)
                        return r;
                tail = &(*tail)->next;
        }
}

static int read_members(PolicyReader *reader, unsigned int depth, PolicyNode *map) {
        PolicyNode **tail = &map->children;

        for (;;) {
                _cleanup_(policy_node_freep) PolicyNode *key = NULL;
                int r = policy_reader_next(reader);

                if (r != 0)
                        return r;
                if (reader->event.type == YAML_MAPPING_END_EVENT)
                        return 0;
                r = read_node(reader, depth + 1, map->name, &key);
                if (r != 0)
                        return r;
                if (key->type == POLICY_LIST || key->type == POLICY_MAP) {
                        r = policy_error(reader->context, key, "a key must be a string");
                        if (r < 0)
                                return r;
                        key->type = POLICY_BAD;
                }
                r = policy_reader_next(reader);
                if (r != 0)
                        return r;
                r = read_node(reader, depth + 1, key->text ?: map->name, tail);
                if (r != 0)
                        return r;
                (*tail)->key = TAKE_PTR(key);
                tail = &(*tail)->next;
        }
}

/* The content of @node, whose place is set. */
static int read_content(PolicyReader *reader, unsigned int depth, PolicyNode *node) {
        yaml_event_type_t type = reader->event.type;
        bool collection = type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
        int r;

        if (type == YAML_ALIAS_EVENT) {
                const char *anchor = event_text(reader->event.data.alias.anchor);

                node->type = POLICY_BAD;
                r = policy_error(
                        reader->context, node,
                        "without quotes YAML reads *%s as an alias: write \"*%s\" if it is a pattern",
                        quote(anchor), quote(anchor));
                return r < 0 ? r : 0;
        }
        r = check_decoration(reader, node);
        if (r == 0 && collection && depth >= POLICY_DEPTH_MAX)
                r = policy_error(reader->context, node, "nested deeper than %d levels", POLICY_DEPTH_MAX);
        if (r < 0)
                return r;
        if (r > 0) {
                node->type = POLICY_BAD;
                return collection ? skip_collection(reader) : 0;
        }
        node->type = type == YAML_SEQUENCE_START_EVENT  ? POLICY_LIST
                     : type == YAML_MAPPING_START_EVENT ? POLICY_MAP
                                                        : POLICY_SCALAR;
        switch (node->type) {
        case POLICY_LIST:
                return read_items(reader, depth, node);
        case POLICY_MAP:
                return read_members(reader, depth, node);
        case POLICY_SCALAR:
        case POLICY_BAD:
                break;
        }
        return read_scalar(reader, node);
}

static int read_node(PolicyReader *reader, unsigned int depth, const char *name, PolicyNode **ret) {
        _cleanup_(policy_node_freep) PolicyNode *node = NULL;
        int r;

        node = calloc(1, sizeof(PolicyNode));
        if (!node)
                return -ENOMEM;
        node_set_place(node, &reader->event.start_mark);
        node->name = name;
        if (++reader->n_nodes > POLICY_NODES_MAX)
                return policy_error(reader->context, node, "more than %d values in %s", POLICY_NODES_MAX,
                                    reader->context->unit);
        r = read_content(reader, depth, node);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(node);
        return 0;
}

int policy_reader_read(PolicyReader *reader, const char *name, PolicyNode **ret) {
        assert(reader && ret);

        reader->n_nodes = 0;
        return read_node(reader, /* depth= */ 0, name, ret);
}
