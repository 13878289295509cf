/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Names of CDI devices: VENDOR/CLASS=NAME, "nvidia.com/gpu=0". Vendor and class start with a letter, a
 * device's name with a letter or digit; they end with a letter or digit, and have letters, digits and any of
 * ._- between, a device's name also colons.
 */

#define CDI_DEVICE_PREFIX "cdi-"

/* What is wrong with one of them, for people; NULL: nothing. @name need not end in a NUL. */
const char *cdi_vendor_check(const char *name, size_t n); /* of a class too */
const char *cdi_device_check(const char *name, size_t n);

/* Whether @name is a qualified name. *ret_kind is the length of VENDOR/CLASS; may be NULL. */
bool cdi_name_is_valid(const char *name, size_t *ret_kind);

/**
 * cdi_name_to_id() - the id of the device in the model: "cdi-VENDOR:CLASS:NAME"
 *
 * A colon is in no vendor and class, so that different devices have different ids.
 *
 * Return: 0; -EINVAL no qualified name; -ENAMETOOLONG.
 */
int cdi_name_to_id(const char *name, char *buffer, size_t size);

/* Makes the qualified name of "VENDOR:CLASS:NAME", in place; what is none stays as it is. */
void cdi_name_from_component(char *text);
