/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"

/* The reader for `attribute:` rules: a file below /sys, its name checked against leaving the device's folder,
 * sizes bounded; nothing kept between calls. */
extern const AttributeReader sysfs_reader;
