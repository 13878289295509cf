/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/part.h"
#include "plan/item.h"

/* What the files that make items share. */

/* Makes one item and hands it to @set. Return: 0; -EEXIST; -EINVAL; -ENOMEM. */
int items_put(ItemSet *set, const Item *fields);

/* The entry in the udev database and the event of a node that is given by another than its own device, where
 * they are not in @set already. Return: 0; -E2BIG; -ENOMEM. */
int items_put_news(ItemSet *set, const char *owner, const Part *part);
