/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "source/report.h"
#include "util/cleanup.h"

/*
 * The devices that the host's CDI files describe. Each is told of by events of our own making, as
 * /devices/virtual/cdi/VENDOR:CLASS:NAME with its edits; a change of its file, or of the host's nodes that it
 * names, is told of as another add.
 *
 * A file that is bad now keeps the devices that it had: who is writing it takes nothing from a container.
 * They go when the file does, or when it is good again and has them no more.
 */
typedef struct CdiSource CdiSource;

/* Nothing is read yet. @folders: in rising priority, NULL-terminated, copied. @event is called from within
 * cdi_source_dispatch() and cdi_source_scan(). Return: 0; errno. */
int cdi_source_new(const char *const *folders, ReportEvent event, void *userdata, CdiSource **ret);
CdiSource *cdi_source_free(CdiSource *source);
DEFINE_CLEANUP(CdiSource *, cdi_source_free);

/* Whether there is no device just now. */
bool cdi_source_is_empty(const CdiSource *source);

/* Readable when cdi_source_dispatch() has something to do. */
int cdi_source_fd(const CdiSource *source);
/* Return: 0; errno, logged. */
int cdi_source_dispatch(CdiSource *source);

/* Reads the files now, and tells of all devices. What is wrong with the files is logged, once for as long as
 * it stays so. Return: 0; -ENOMEM. */
int cdi_source_scan(CdiSource *source);
