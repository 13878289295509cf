/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "phonesim/phone.h"

#define DESCRIPTOR_MAX 1024

/* What the phone says to GET_DESCRIPTOR, whose wValue is @value. Return: its length, -1: there is no such
 * one. */
int descriptor_write(const Phone *phone, unsigned int value, uint8_t ret_data[static DESCRIPTOR_MAX]);
