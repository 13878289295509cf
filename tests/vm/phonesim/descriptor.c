/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a phone says of itself: chapter 9 of the USB specification, with the interfaces of its mode. */

#include <string.h>

#include "phonesim/descriptor.h"

enum {
        TYPE_DEVICE = 1,
        TYPE_CONFIGURATION = 2,
        TYPE_STRING = 3,
        TYPE_INTERFACE = 4,
        TYPE_ENDPOINT = 5,
        TYPE_QUALIFIER = 6,
        TYPE_BOS = 15,
        TYPE_COMPANION = 0x30,
};

enum {
        STRING_LANGUAGES,
        STRING_MAKER,
        STRING_PRODUCT,
        STRING_SERIAL,
        STRING_ADB,
        STRING_FASTBOOT,
        STRING_MTP,
};

enum {
        TRANSFER_BULK = 2,
        TRANSFER_INTERRUPT = 3,
};

#define LOW(x)  ((uint8_t)((x)&0xff))
#define HIGH(x) ((uint8_t)((x) >> 8))

static int append(uint8_t *data, int length, const uint8_t *bytes, size_t size) {
        memcpy(data + length, bytes, size);
        return length + (int)size;
}

static int write_device(const Phone *phone, uint8_t *data) {
        bool super = phone->speed == SPEED_SUPER;
        const uint8_t bytes[] = {
                18,
                TYPE_DEVICE,
                0,
                super ? 3 : 2, /* USB 3.0, 2.0 */
                0,
                0,
                0,              /* the class is that of each interface */
                super ? 9 : 64, /* of a packet on endpoint 0; 9 is 2^9 */
                LOW(phone_vendor(phone)),
                HIGH(phone_vendor(phone)),
                LOW(phone->product),
                HIGH(phone->product),
                0x40,
                0x05, /* release 5.40 */
                STRING_MAKER,
                STRING_PRODUCT,
                phone_has_serial(phone) ? STRING_SERIAL : 0,
                1, /* configuration */
        };

        return append(data, 0, bytes, sizeof(bytes));
}

static int write_endpoint(const Phone *phone, uint8_t *data, int length, uint8_t address, uint8_t transfer,
                          uint16_t packet) {
        const uint8_t bytes[] = {7,
                                 TYPE_ENDPOINT,
                                 address,
                                 transfer,
                                 LOW(packet),
                                 HIGH(packet),
                                 transfer == TRANSFER_INTERRUPT ? 6 : 0};
        const uint8_t companion[] = {
                6, TYPE_COMPANION, 0, 0, transfer == TRANSFER_INTERRUPT ? LOW(packet) : 0, 0};

        length = append(data, length, bytes, sizeof(bytes));
        if (phone->speed == SPEED_SUPER)
                length = append(data, length, companion, sizeof(companion));
        return length;
}

static int write_configuration(const Phone *phone, uint8_t *data) {
        uint16_t packet = phone->speed == SPEED_SUPER ? 1024 : phone->speed == SPEED_HIGH ? 512 : 64;
        const char *interfaces = phone->mode->interfaces;
        uint8_t endpoint = 1, n_interfaces = 0;
        int length = 9;

        for (const char *i = interfaces; *i; i++) {
                bool camera = *i == 'm' || *i == 'p', fastboot = *i == 'f', chip = *i == 'q';
                const uint8_t bytes[] = {
                        9,
                        TYPE_INTERFACE,
                        n_interfaces++,
                        0,
                        camera ? 3 : 2, /* endpoints */
                        camera ? 6 : 0xff,
                        camera ? 1
                        : chip ? 0xff
                               : 0x42,
                        fastboot ? 3
                        : chip   ? 0xff
                                 : 1,
                        camera     ? STRING_MTP
                        : fastboot ? STRING_FASTBOOT
                        : chip     ? 0
                                   : STRING_ADB,
                };

                length = append(data, length, bytes, sizeof(bytes));
                length = write_endpoint(phone, data, length, endpoint, TRANSFER_BULK, packet);
                length = write_endpoint(phone, data, length, 0x80 | endpoint, TRANSFER_BULK, packet);
                endpoint++;
                if (camera)
                        length = write_endpoint(phone, data, length, 0x80 | endpoint++, TRANSFER_INTERRUPT,
                                                28);
        }
        {
                const uint8_t head[] = {
                        9,   TYPE_CONFIGURATION, LOW(length), HIGH(length), n_interfaces, 1, 0, 0x80,
                        250, /* powered by the bus, 500 mA */
                };

                append(data, 0, head, sizeof(head));
        }
        return length;
}

static int write_string(const Phone *phone, unsigned int index, uint8_t *data) {
        static const uint8_t english[] = {4, TYPE_STRING, 0x09, 0x04};
        const char *const texts[] = {
                [STRING_MAKER] = phone->maker,
                [STRING_PRODUCT] = phone->product_name,
                [STRING_SERIAL] = *phone->told_serial ? phone->told_serial : phone->serial,
                [STRING_ADB] = "ADB Interface",
                [STRING_FASTBOOT] = "fastboot",
                [STRING_MTP] = "MTP",
        };
        size_t n;

        if (index == STRING_LANGUAGES)
                return append(data, 0, english, sizeof(english));
        if (index >= sizeof(texts) / sizeof(texts[0]))
                return -1;
        n = strlen(texts[index]);
        data[0] = (uint8_t)(2 + 2 * n);
        data[1] = TYPE_STRING;
        for (size_t i = 0; i < n; i++) {
                data[2 + 2 * i] = (uint8_t)texts[index][i];
                data[3 + 2 * i] = 0;
        }
        return data[0];
}

int descriptor_write(const Phone *phone, unsigned int value, uint8_t ret_data[static DESCRIPTOR_MAX]) {
        static const uint8_t qualifier[] = {10, TYPE_QUALIFIER, 0, 2, 0, 0, 0, 64, 1, 0};
        static const uint8_t bos[] = {
                5,  TYPE_BOS, 22, 0, 2,    7, 16, 2,  2,    0, 0, 0, /* USB 2.0 extension */
                10, 16,       3,  0, 0x0e, 0, 1,  10, 0xff, 7,       /* SuperSpeed */
        };

        switch (HIGH(value)) {
        case TYPE_DEVICE:
                return write_device(phone, ret_data);
        case TYPE_CONFIGURATION:
                return write_configuration(phone, ret_data);
        case TYPE_STRING:
                return write_string(phone, LOW(value), ret_data);
        case TYPE_QUALIFIER:
                return phone->speed == SPEED_HIGH ? append(ret_data, 0, qualifier, sizeof(qualifier)) : -1;
        case TYPE_BOS:
                return phone->speed == SPEED_SUPER ? append(ret_data, 0, bos, sizeof(bos)) : -1;
        default:
                return -1;
        }
}
