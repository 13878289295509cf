/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"

/* What a rule asks for ("class=usb vendor=18d1,04e8") and what it gives ("to=ci-* share=exclusive
 * nodes=usb"), each on one line, escaped, cut after RULE_TEXT_MAX bytes; owned by the caller. Return: 0;
 * -ENOMEM. */
int rule_match_text(const Rule *rule, char **ret);
int rule_give_text(const Rule *rule, char **ret);

/* "FILE:LINE". Return: 0; -ENOMEM. */
int rule_location_text(const Rule *rule, char **ret);

#define RULE_TEXT_MAX 512U
