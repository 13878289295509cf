/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cdi/spec.h"

/*
 * All specifications of a list of folders, merged: which device is which file's.
 */

/* Where specifications are, in rising priority. */
#define CDI_FOLDERS "/etc/cdi", "/var/run/cdi"

#define CDI_FILES_MAX   4096U  /* of one folder */
#define CDI_ENTRIES_MAX 16384U /* devices in all */

typedef enum CdiStatus {
        CDI_USED,
        CDI_SHADOWED, /* a later folder has it too */
        CDI_CONFLICT, /* two files of one folder have it: nobody can use it, whatever other folders have */
        CDI_STATUS_MAX,
        CDI_STATUS_INVALID = -EINVAL,
} CdiStatus;

const char *cdi_status_to_string(CdiStatus status);

/* One device of one file. */
typedef struct CdiEntry {
        const CdiSpec *spec;     /* borrowed from the catalog */
        const CdiDevice *device; /* likewise */
        size_t folder;           /* its place in the list: a later one goes before */
        CdiStatus status;
} CdiEntry;

typedef struct CdiCatalog {
        CdiSpec *specs;
        size_t *folders; /* of each spec */
        size_t n_specs;
        CdiEntry *entries; /* by name; those of one name by folder, the last first */
        size_t n_entries;
} CdiCatalog;

CdiCatalog *cdi_catalog_free(CdiCatalog *catalog);
DEFINE_CLEANUP(CdiCatalog *, cdi_catalog_free);

/**
 * cdi_catalog_load() - read all files of some folders
 * @folders:    in rising priority, NULL-terminated. Of each the files *.json and *.yaml are read, in order of
 * their names, those that start with a dot too; folders in it are passed over.
 * @errors:     gets what is wrong with files and folders, and the conflicts
 *
 * A file with errors has no devices; the others are used. A folder that does not exist is empty.
 *
 * Return: 0, also with errors; -ENOMEM.
 */
int cdi_catalog_load(const char *const *folders, CdiCatalog **ret, ParseErrors *errors);

/* The device of that name, if it can be used; borrowed; NULL. */
const CdiEntry *cdi_catalog_find(const CdiCatalog *catalog, const char *name);

/* What the device of an entry changes: what its file says for all, then its own. To be freed by the caller.
 * Return: 0; -ENOMEM. */
int cdi_entry_edits(const CdiEntry *entry, Edits **ret);

/* Whether a file of that name in a folder is read. */
bool cdi_is_spec_file(const char *name);
