/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <yaml.h>

#include "util/string.h"
#include "yaml/parse-error.h"

/*
 * YAML as values with places. One value of the document at a time is read whole: of a policy a rule, not the
 * file.
 */

/* Bounds: no policy nests deeper than six, no rule comes near the others. */
#define POLICY_DEPTH_MAX      16
#define POLICY_SKIP_DEPTH_MAX 64 /* below a value that is passed over */
#define POLICY_NODES_MAX      65536
#define POLICY_STRING_MAX     4096

/* Foreign text for a message, cut to a readable length. */
#define quote(s) string_escape((char[80]){}, 80, (s))

typedef enum PolicyNodeType {
        POLICY_SCALAR,
        POLICY_LIST,
        POLICY_MAP,
        POLICY_BAD, /* something that was complained about already; whoever meets it says nothing more */
} PolicyNodeType;

typedef struct PolicyNode {
        PolicyNodeType type;
        unsigned int line, column;
        char *text; /* of a scalar: without a NUL, and without control characters where the context
                     * allows none */
        bool plain; /* a scalar without quotes: it may be a number or a null to its reader */
        struct PolicyNode *key; /* of a member of a map: its key, a scalar or POLICY_BAD */
        const char *name; /* for messages: the text of its key or of its list's; borrowed from the tree */
        struct PolicyNode *children, *next;
} PolicyNode;

PolicyNode *policy_node_free(PolicyNode *node);
DEFINE_CLEANUP(PolicyNode *, policy_node_free);

/* Where complaints go. */
typedef struct PolicyContext {
        const char *file;
        ParseErrors *errors;
        const char *subject; /* what the file is, for messages: "a policy" */
        const char *unit;    /* what is read whole: "one rule" */
        const char
                *field; /* of the file, that is being looked at: goes into each complaint; NULL or "": none */
        bool any_text;  /* strings may hold control characters, but for NUL */
} PolicyContext;

/* Records an error at @node, or about the whole file for NULL.
 * Return: 1, so that `return policy_error(…)` says "complained of"; -ENOMEM. */
int policy_error(const PolicyContext *context, const PolicyNode *node, const char *format, ...)
        _printf_(3, 4);

/* The same for something that does not keep the file from being used. Return: 0 or -ENOMEM. */
int policy_warning(const PolicyContext *context, const PolicyNode *node, const char *format, ...)
        _printf_(3, 4);

typedef struct PolicyReader {
        const PolicyContext *context;
        yaml_parser_t parser;
        yaml_event_t event; /* the current one */
        const char *text;
        size_t size;
        size_t n_nodes;
} PolicyReader;

/* @text stays the caller's. Return: 0 or -ENOMEM; policy_reader_deinit() is due after 0 alone. */
int policy_reader_init(PolicyReader *reader, const PolicyContext *context, const char *text, size_t size);
void policy_reader_deinit(PolicyReader *reader);

/* Goes on to the next event. Return: 0; 1 the text is no YAML from here on, complained of; -ENOMEM. */
int policy_reader_next(PolicyReader *reader);

/**
 * policy_reader_read() - read one value whole
 * @name:       what it is called in messages; must outlive the value
 *
 * The current event must be the value's first; afterwards it is the value's last.
 *
 * Return: 0; 1 the text cannot be read on, complained of; -ENOMEM.
 */
int policy_reader_read(PolicyReader *reader, const char *name, PolicyNode **ret);

/* A bare place, the current event's, for complaints. */
PolicyNode policy_reader_place(const PolicyReader *reader);
