/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "model/part.h"

/*
 * What the host's services should leave alone of a device, as it is given: udev's rules of ours
 * (rules/72-davit.rules.in) read it from a file, hint to those services, and note it in DAVIT_YIELD.
 *
 * A set: bits of PartKind, and one that says that the device is for one container alone. Zero is a device
 * that is the host's. Its text is words between colons, ":exclusive:usb:tty:".
 */
typedef uint32_t YieldSet;

#define YIELD_EXCLUSIVE (UINT32_C(1) << 31)

#define YIELD_TEXT_MAX 192

/* By this, as SYNTH_UUID, the events that we asked for are told from others. */
#define YIELD_UUID "8d56a3e3-1e91-5ed8-a180-635c6d953dac"

void yield_to_text(YieldSet set, char ret[static YIELD_TEXT_MAX]);
/* Words that are not known are passed over; NULL is the empty set. */
YieldSet yield_from_text(const char *text);

/* What an event or udev's database says of it. */
YieldSet yield_told(const PropertyList *properties);

/* Whether the event came only because we asked for the rules to be run again: it says nothing else. */
bool yield_is_echo(const PropertyList *properties);

/**
 * yield_take_off() - undo in @news what the rules did, so that a device looks as it does when it is the
 * host's
 * @old:        what was known of the part before; NULL nothing
 *
 * Rules of the policy that match a property would else hold no longer for the very device that they gave.
 *
 * Return: 0 or -ENOMEM, then part of it is undone.
 */
int yield_take_off(PropertyList *news, const PropertyList *old);

/* Whether the rules, run again, would say something else of @part by @set than by the empty one. Asking costs
 * udevd as much as a plug, so that it is not asked in vain. */
bool yield_concerns(const Part *part, YieldSet set);
