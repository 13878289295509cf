/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cdi/spec.h"
#include "yaml/node.h"

/* What the files of the parser share. All functions that return int say: 0 done; 1 complained of, or passed
 * over as it was complained of before; -ENOMEM. */

typedef enum CdiVersion {
        CDI_V010,
        CDI_V020,
        CDI_V030,
        CDI_V040,
        CDI_V050,
        CDI_V060,
        CDI_V070,
        CDI_V080,
        CDI_V100,
        CDI_V110,
        CDI_VERSION_MAX,
        CDI_VERSION_INVALID = -EINVAL,
} CdiVersion;

const char *cdi_version_to_string(CdiVersion version);

/* Longest field that is told: an index has ten digits at most, and nothing nests deeper. */
#define CDI_FIELD_MAX 256

typedef struct CdiParser {
        PolicyContext context; /* its field is the one below */
        char field[CDI_FIELD_MAX];
        CdiVersion version; /* CDI_VERSION_INVALID: unknown, complained of */
        CdiSpec *spec;
} CdiParser;

/* Goes into a member or an item; the result is for cdi_leave(). */
size_t cdi_enter(CdiParser *parser, const char *name);
size_t cdi_enter_item(CdiParser *parser, size_t index);
void cdi_leave(CdiParser *parser, size_t mark);

/* Nothing, as if it were not there: null, ~, or no text at all without quotes. */
bool cdi_is_null(const PolicyNode *node);

/* One member of a map: @parse fills what lies @offset bytes into the map's target. */
typedef struct CdiKey {
        const char *name;
        int (*parse)(CdiParser *parser, const PolicyNode *node, void *target);
        size_t offset;
} CdiKey;

/* A map with the members @keys, ended by a zeroed one. What is null was not given. @what names such a map. */
int cdi_map(CdiParser *parser, const PolicyNode *node, const char *what, const CdiKey *keys, void *target);

/* The member of that name, whatever its letter case, which is not null; NULL: there is none. */
const PolicyNode *cdi_member(const PolicyNode *node, const char *name);

/* Each item of a list through @parse. */
int cdi_list(CdiParser *parser, const PolicyNode *node, size_t max,
             int (*parse)(CdiParser *parser, const PolicyNode *node, void *target), void *target);

/* @target: char *, set once, to a string that may be empty. */
int cdi_string(CdiParser *parser, const PolicyNode *node, void *target);

/* A whole number, as YAML writes them: decimal, 0x, 0o or a leading 0 for octal, 0b. */
int cdi_number(CdiParser *parser, const PolicyNode *node, int64_t min, int64_t max, int64_t *ret);

int cdi_bool(CdiParser *parser, const PolicyNode *node, bool *ret);

/* Complains where the file's version lacks @what, which came with @floor. */
int cdi_need(CdiParser *parser, const PolicyNode *node, CdiVersion floor, const char *what);

/* spec-edits.c; @target: Edits. */
int cdi_edits(CdiParser *parser, const PolicyNode *node, void *target);
