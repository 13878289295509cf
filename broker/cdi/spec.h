/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/edits.h"
#include "yaml/parse-error.h"

/*
 * One specification of the Container Device Interface, version 1.1.0 and before: devices of one kind, and
 * what each changes in a container. JSON is read as the YAML that it is, as the reference library does.
 */

/* Bounds of ours; the specification has none. */
#define CDI_FILE_SIZE_MAX (4U * 1024U * 1024U)
#define CDI_DEVICES_MAX   4096U /* of one file */
#define CDI_EDITS_MAX     1024U /* entries of one list */
#define CDI_NAME_MAX      180   /* bytes of a qualified name: it becomes a device's id */

typedef struct CdiDevice {
        char *name; /* qualified: VENDOR/CLASS=NAME */
        Edits edits;
        unsigned int line, column;
} CdiDevice;

typedef struct CdiSpec {
        char *file;
        char *kind; /* VENDOR/CLASS */
        char *version;
        CdiDevice *devices;
        size_t n_devices;
        Edits edits; /* for a container that has any of the devices */
} CdiSpec;

void cdi_spec_deinit(CdiSpec *spec);

/**
 * cdi_spec_parse() - read the text of a specification
 * @file:       its name, for messages; copied
 * @text:       YAML or JSON, @size bytes
 * @ret:        to be freed in any case; of use after 0 only
 * @errors:     gets all errors and warnings of the file, each with its field, not the first alone
 *
 * Return: 0; 1 the file has errors; -ENOMEM.
 */
int cdi_spec_parse(const char *file, const char *text, size_t size, CdiSpec *ret, ParseErrors *errors);

/* The same for a file. One that cannot be read has that as its error. Return: as above. */
int cdi_spec_load(const char *file, CdiSpec *ret, ParseErrors *errors);
