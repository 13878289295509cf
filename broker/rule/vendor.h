/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The ids of a maker whose name people know: on USB and on PCI it may have different ones. NULL-terminated;
 * NULL for a name that is not known. */
const char *const *vendor_ids(const char *name);
/* All names, NULL-terminated. */
const char *const *vendor_names(void);
