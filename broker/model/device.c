/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Devices: a place, an identity and parts.
 *
 * The device owns its parts and its strings. All of the identity is what a device, or udev on its behalf,
 * says: foreign text, kept as it is and escaped where it is written; only vendor and product are read as
 * numbers, since rules compare them.
 */

#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <utlist.h>

#include "model/cdi-name.h"
#include "model/device.h"
#include "util/string.h"

static const char *const class_names[DEVICE_CLASS_MAX] = {
        [DEVICE_USB] = "usb",       [DEVICE_GPU] = "gpu", [DEVICE_NET] = "net",     [DEVICE_BLOCK] = "block",
        [DEVICE_INPUT] = "input",   [DEVICE_TTY] = "tty", [DEVICE_VIDEO] = "video", [DEVICE_SOUND] = "sound",
        [DEVICE_HIDRAW] = "hidraw", [DEVICE_TPM] = "tpm", [DEVICE_TAP] = "tap",     [DEVICE_OTHER] = "other",
        [DEVICE_CDI] = "cdi",
};

const char *device_class_to_string(DeviceClass class) {
        return class >= 0 && class < DEVICE_CLASS_MAX ? class_names[class] : NULL;
}

DeviceClass device_class_from_string(const char *s) {
        return (DeviceClass)string_table_find(class_names, DEVICE_CLASS_MAX, s);
}

int device_new(const DevicePlace *place, const char *devpath, Device **ret) {
        _cleanup_(device_freep) Device *device = NULL;
        char id[DEVICE_ID_MAX], text[DEVICE_ID_MAX];
        int r;

        assert(place && devpath && ret);

        if ((r = device_place_id(place, id)) < 0 || (r = device_place_text(place, text)) < 0)
                return r;

        device = calloc(1, sizeof(*device));
        if (!device)
                return -ENOMEM;
        device->id = strdup(id);
        device->place = strdup(text);
        device->devpath = strndup(devpath, place->root_size);
        if (!device->id || !device->place || !device->devpath)
                return -ENOMEM;
        *ret = TAKE_PTR(device);
        return 0;
}

void device_free(Device *device) {
        if (!device)
                return;
        assert(!device->grants);

        while (device->parts) {
                Part *part = device->parts;

                device_remove_part(device, part);
                part_free(part);
        }
        device_forget(device);
        free(device->id);
        free(device->place);
        free(device->devpath);
        free(device);
}

void device_add_part(Device *device, Part *part) {
        DL_APPEND(device->parts, part);
        part->device = device;
        device->n_parts++;
}

void device_remove_part(Device *device, Part *part) {
        assert(part->device == device);

        DL_DELETE(device->parts, part);
        part->device = NULL;
        part->prev = part->next = NULL;
        device->n_parts--;
}

static bool device_is_usb(const Device *device) {
        return startswith(device->id, "usb-");
}

bool device_is_cdi(const Device *device) {
        /* Its classes go with its part, before it goes itself. */
        return device->id && startswith(device->id, CDI_DEVICE_PREFIX);
}

Part *device_root(const Device *device) {
        device_parts_foreach(part, device)
                if (streq(part->devpath, device->devpath))
                        return part;
        return NULL;
}

bool device_is_alive(const Device *device) {
        bool usb = device_is_usb(device);

        device_parts_foreach(part, device)
                if (part->kind != PART_BARE || (usb && streq(part->devpath, device->devpath)))
                        return true;
        return false;
}

bool device_is_known(const Device *device) {
        return !device_is_usb(device) || device_root(device);
}

void device_forget(Device *device) {
        char **const fields[] = {&device->id_path, &device->vendor, &device->product, &device->serial,
                                 &device->model};

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                free(*fields[i]);
                *fields[i] = NULL;
        }
}

const char *device_property(const Device *device, const char *key) {
        const Part *root = device_root(device);
        const char *value = root ? property_list_get(&root->properties, key) : NULL;

        if (value)
                return value;
        device_parts_foreach(part, device) {
                value = part != root ? property_list_get(&part->properties, key) : NULL;
                if (value)
                        return value;
        }
        return NULL;
}

/* "INTERFACE=255/66/1" of a USB interface, in decimal. */
static bool interface_matches(const Part *part, const char *pattern) {
        const char *text = property_list_get(&part->properties, "INTERFACE");
        unsigned int class, subclass, protocol;
        char triple[sizeof("ff:ff:ff")];

        if (!text || !streq(part->subsystem, "usb") ||
            sscanf(text, "%3u/%3u/%3u", &class, &subclass, &protocol) != 3 || class > 0xff ||
            subclass > 0xff || protocol > 0xff)
                return false;
        snprintf(triple, sizeof(triple), "%02x:%02x:%02x", class, subclass, protocol);
        return string_match(pattern, triple);
}

bool device_has_interface(const Device *device, const char *pattern) {
        const Part *root = device_root(device);
        const char *all = root ? property_list_get(&root->properties, "ID_USB_INTERFACES") : NULL;

        device_parts_foreach(part, device)
                if (interface_matches(part, pattern))
                        return true;

        /* ":060101:ff4201:" */
        for (const char *p = all; p && *p == ':' && strcspn(p + 1, ":") == 6; p += 7) {
                char triple[] = {p[1], p[2], ':', p[3], p[4], ':', p[5], p[6], '\0'};

                if (string_match(pattern, triple))
                        return true;
        }
        return false;
}

/* As the device itself says, or one of its interfaces where that came to be known first. */
bool device_is_hub(const Device *device) {
        const Part *root = device_root(device);
        const char *type = root ? property_list_get(&root->properties, "TYPE") : NULL;

        return ((type && startswith(type, "9/")) || device_has_interface(device, "09:*")) &&
               device_is_usb(device);
}

static uint32_t part_class(const Part *part) {
        switch (part->kind) {
        case PART_NET:
                return 1U << DEVICE_NET;
        case PART_USB:
                return 1U << DEVICE_USB;
        case PART_TTY:
                return 1U << DEVICE_TTY;
        case PART_HIDRAW:
                return 1U << DEVICE_HIDRAW;
        case PART_SOUND:
                return 1U << DEVICE_SOUND;
        case PART_VIDEO:
                return 1U << DEVICE_VIDEO;
        case PART_INPUT:
                return 1U << DEVICE_INPUT;
        case PART_CARD:
        case PART_RENDER:
                /* What only goes along with GPUs is none. */
                if (streq(part->subsystem, "kfd") || streq(part->subsystem, "nvidia-control"))
                        return 1U << DEVICE_OTHER;
                return 1U << DEVICE_GPU;
        case PART_BLOCK:
                return 1U << DEVICE_BLOCK;
        case PART_TAP:
                return 1U << DEVICE_TAP;
        case PART_OTHER:
                if (streq(part->subsystem, "tpm") || streq(part->subsystem, "tpmrm"))
                        return 1U << DEVICE_TPM;
                return 1U << DEVICE_OTHER;
        case PART_CDI:
                return 1U << DEVICE_CDI;
        case PART_BARE:
        case PART_KIND_MAX:
        case PART_KIND_INVALID:
                break;
        }
        return 0;
}

static uint32_t device_work_out_classes(const Device *device) {
        uint32_t classes = 0;

        device_parts_foreach(part, device)
                classes |= part_class(part);
        if (classes == 0 && device_is_usb(device) && device_is_alive(device))
                classes = 1U << DEVICE_USB;
        /* "other" says that no word fits: a GPU with a frame buffer node is a GPU. */
        if (classes & ~(1U << DEVICE_OTHER))
                classes &= ~(1U << DEVICE_OTHER);
        return classes;
}

/* Sets what is known, keeps what was known. */
static int learn(char **field, const char *value) {
        char *copy;

        if (string_empty(value) || streq_ptr(*field, value))
                return 0;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

/* Reads @n bytes as a 16-bit hexadecimal number, "0x" or not, and writes it as four digits. */
static bool parse_id(const char *text, size_t n, char ret[static 5]) {
        char digits[8];
        uint64_t id;

        if (n >= 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
                text += 2;
                n -= 2;
        }
        if (n >= sizeof(digits))
                return false;
        memcpy(digits, text, n);
        digits[n] = '\0';
        if (string_to_u64(digits, 16, 0xffff, &id) < 0)
                return false;
        snprintf(ret, 5, "%04x", (unsigned int)id);
        return true;
}

/* One of two ids in "18d1/4ee7/540" or "8086:10D3". */
static bool parse_pair(const char *text, const char *separators, bool second, char ret[static 5]) {
        size_t n = strcspn(text, separators);

        if (second) {
                if (!text[n])
                        return false;
                text += n + 1;
                n = strcspn(text, separators);
        }
        return parse_id(text, n, ret);
}

/* What one part says of vendor or product: udev's word, else the bus' own. */
static bool part_says_id(const Part *part, bool product, char ret[static 5]) {
        const char *text = property_list_get(&part->properties, product ? "ID_MODEL_ID" : "ID_VENDOR_ID");

        if (text && parse_id(text, strlen(text), ret))
                return true;
        if (streq(part->subsystem, "pci")) {
                text = property_list_get(&part->properties, "PCI_ID");
                return text && parse_pair(text, ":", product, ret);
        }
        if (streq(part->subsystem, "usb")) {
                text = property_list_get(&part->properties, "PRODUCT");
                return text && parse_pair(text, "/", product, ret);
        }
        return false;
}

static int learn_id(const Device *device, char **field, bool product) {
        const Part *root = device_root(device);
        char id[5];

        if (root && part_says_id(root, product, id))
                return learn(field, id);
        /* A child's word of a USB device would be about another thing. */
        if (root && device_is_usb(device))
                return 0;
        device_parts_foreach(part, device)
                if (part_says_id(part, product, id))
                        return learn(field, id);
        return 0;
}

static int learn_text(const Device *device, char **field, const char *key) {
        const Part *root = device_is_usb(device) ? device_root(device) : NULL;

        return learn(field, root ? property_list_get(&root->properties, key) : device_property(device, key));
}

int device_refresh(Device *device) {
        int r, result = 0;

        device->classes = device_work_out_classes(device);

        r = learn_id(device, &device->vendor, /* product= */ false);
        result = r < 0 ? r : result;
        r = learn_id(device, &device->product, /* product= */ true);
        result = r < 0 ? r : result;
        r = learn_text(device, &device->serial, "ID_SERIAL_SHORT");
        result = r < 0 ? r : result;
        r = learn_text(device, &device->id_path, "ID_PATH");
        result = r < 0 ? r : result;
        /* The data base's name is of the chip, the device's own is better. */
        r = learn_text(device, &device->model,
                       device_property(device, "ID_MODEL") ? "ID_MODEL" : "ID_MODEL_FROM_DATABASE");
        return r < 0 ? r : result;
}
