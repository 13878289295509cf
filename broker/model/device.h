/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/part.h"

/*
 * One physical thing: its place (where it is plugged), its identity (what it says it is) and its parts.
 *
 * The id names the device to people and to the bus. It is made of the place, so it stays the same while a
 * phone re-enumerates and while card numbers are dealt anew: "usb-3-1.2", "pci-0000:01:00.0", "net-veth0" (a
 * virtual interface has no place but its name), "platform-vgem", "virtual-misc-fuse".
 */

typedef enum DeviceClass {
        DEVICE_USB,
        DEVICE_GPU,
        DEVICE_NET,
        DEVICE_BLOCK,
        DEVICE_INPUT,
        DEVICE_TTY,
        DEVICE_VIDEO,
        DEVICE_SOUND,
        DEVICE_HIDRAW,
        DEVICE_TPM,
        DEVICE_TAP,
        DEVICE_OTHER,
        DEVICE_CDI, /* described by a file; no hardware of its own */
        DEVICE_CLASS_MAX,
        DEVICE_CLASS_INVALID = -EINVAL,
} DeviceClass;

const char *device_class_to_string(DeviceClass class);
DeviceClass device_class_from_string(const char *s);

typedef struct Grant Grant;

/* Bounds on what one device may make us keep: a hostile USB device can grow parts without end. An id is a
 * component of paths and of bus objects, so it is short. */
#define DEVICE_PARTS_MAX 256
#define DEVICE_ID_MAX    192 /* with its NUL */

struct Device {
        char *id;
        char *place;   /* USB port path "3-1.2", PCI address "0000:01:00.0", else what follows the id's prefix
                        */
        char *devpath; /* of the root object, e.g. /devices/pci0000:00/…/3-1 */
        char *id_path; /* udev's ID_PATH; NULL unknown */
        char *vendor;  /* four lower-case hexadecimal digits; NULL unknown */
        char *product; /* likewise */
        char *serial;  /* as the device says; NULL unknown or empty */
        char *model;   /* for people; NULL unknown */
        uint32_t classes; /* bits of DeviceClass: a phone that tethers is usb and net */
        uint64_t seq;     /* order of arrival */
        Part *parts;      /* in order of arrival */
        unsigned int n_parts;
        Grant *grants; /* linked by Grant.device_next; owned by the registry */
        UT_hash_handle hh;
};

#define device_parts_foreach(part, device) for (Part *part = (device)->parts; part; part = part->next)

/*
 * Where a devpath belongs. The deepest USB device in it, else the deepest PCI function, else by the topmost
 * folder:
 *
 *   platform  /devices/platform/vgem/…            platform-vgem; on a device tree the deepest with an address
 *   faux      /devices/faux/vgem/…                faux-vgem
 *   pnp       /devices/pnp0/00:04/…               pnp-00:04
 *   acpi      /devices/LNXSYSTM:00/…/MSFT0101:00  acpi-MSFT0101:00, the deepest one
 *   net       /devices/virtual/net/veth0/…        net-veth0
 *   mig       /devices/virtual/mig/…              mig-0000:01:00.0-gi1-ci0: a part of a GPU of NVIDIA's
 *   cdi       /devices/virtual/cdi/…              cdi-nvidia.com:gpu:0, and its place is nvidia.com/gpu=0
 *   virtual   /devices/virtual/misc/tun/…         virtual-misc-tun; what is behind /dev/uhid is its own
 *   other     /devices/pseudo_0/…                 other-pseudo_0
 *
 * A disk of a controller is a unit of its own there: pci-0000:00:1f.2-ata1 at a SATA port, by its SCSI
 * address pci-0000:03:00.0-0:0:2:0 elsewhere. The first number of that is the host's, dealt anew with each
 * driver's start; without it two hosts on one function would have disks of one name.
 *
 * A USB root hub is the bus, no device on it: a container that holds it could take the whole bus down.
 */
typedef struct DevicePlace {
        const char *prefix; /* the words above, or "usb" or "pci" */
        size_t root_size;   /* of the root object's devpath within @devpath */
        const char *place;  /* borrowed from @devpath; of "virtual" it has a slash */
        size_t place_size;
        const char *unit; /* borrowed as well; NULL the whole of it */
        size_t unit_size;
} DevicePlace;

/* Return: 0; -ENODEV the path names no device of ours (a bus, a root hub, a bare class). */
int device_place_parse(const char *devpath, DevicePlace *ret);

/* Writes the place as a device has it, "PLACE" or "PLACE-UNIT", a slash as "-"; that of a CDI device is its
 * qualified name.
 * Return: 0; -ENAMETOOLONG above DEVICE_ID_MAX. */
int device_place_text(const DevicePlace *place, char ret[static DEVICE_ID_MAX]);

/* Writes the id that a device at @place has: string_to_component() of "PREFIX-" and the place
 * as above, a CDI device's as it is in @place.
 * Return: 0; -ENAMETOOLONG above DEVICE_ID_MAX. */
int device_place_id(const DevicePlace *place, char ret[static DEVICE_ID_MAX]);

/* Return: 0; -ENAMETOOLONG; -ENOMEM. The device has no parts yet. */
int device_new(const DevicePlace *place, const char *devpath, Device **ret);
void device_free(Device *device); /* with its parts; it must have no grants */
DEFINE_CLEANUP(Device *, device_free);

/* Hands @part over, behind the others; and takes it back. The registry's indexes are the registry's business.
 */
void device_add_part(Device *device, Part *part);
void device_remove_part(Device *device, Part *part);

/* Whether there is something to give or to name: a node, an interface, or a USB device as such. What is left
 * of others (a PCI function without a driver) is no device to us. */
bool device_is_alive(const Device *device);

/* The part that is the root object; NULL where it was not seen. */
Part *device_root(const Device *device);

/**
 * device_companion() - which other devices' nodes go along with a device wherever it is given
 * @i:          from 0 on
 *
 * Of a companion go along the nodes that are marked Part.shared: /dev/kfd with a GPU of the driver amdgpu,
 * nvidiactl and the like with one of nvidia.
 *
 * Return: 0, its id is in @ret, whether there is such a device or not; -ENOENT behind the last.
 */
int device_companion(const Device *device, unsigned int i, char ret[static DEVICE_ID_MAX]);

/* Whether it is a CDI device: it is there for those alone who ask for it by its name. */
bool device_is_cdi(const Device *device);

/* Whether other devices may have this one as a companion. */
bool device_is_companion(const Device *device);

/* Whether what it says of itself can be relied on: of a USB device's parts only the root object tells whose
 * they are, and after a lost event a child may be known before it. */
bool device_is_known(const Device *device);

/* Forgets identity: another thing is in that place now, and must not pass for the one before. */
void device_forget(Device *device);

/* Whether one of the device's USB interface triples, written "ff:42:01", matches @pattern: those of the
 * interfaces seen and those of udev's ID_USB_INTERFACES, which is there before them. */
bool device_has_interface(const Device *device, const char *pattern);

/* Whether it is a USB hub: who has its node can switch off, or reset, what hangs on it. */
bool device_is_hub(const Device *device);

/* A udev property of any part, the root's first; borrowed; NULL where none has it. */
const char *device_property(const Device *device, const char *key);

/**
 * device_refresh() - work the classes and the identity out anew from the parts: to be called after each
 * change of them
 *
 * The classes are those of the parts that are there. Of the identity stays what was learned where the parts
 * do not say (a remove or unbind event carries almost nothing). A USB device's serial, model and ID_PATH are
 * those of its root alone: a child's are about the child.
 *
 * Return: 0; -ENOMEM: classes are right, identity may lag.
 */
int device_refresh(Device *device);
