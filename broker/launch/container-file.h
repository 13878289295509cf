/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/property.h"
#include "yaml/parse-error.h"

/*
 * A container as its file describes it, davit-container(5): what is wanted, before anything of the host was
 * looked at. Zeroed is empty.
 */

/* Bounds. */
#define CONTAINER_FILE_SIZE_MAX  (1024U * 1024U)
#define CONTAINER_NETWORKS_MAX   32
#define CONTAINER_ADDRESSES_MAX  32 /* of one interface */
#define CONTAINER_ARGUMENTS_MAX  256
#define CONTAINER_ENTRIES_MAX    64 /* of environment and of labels */
#define CONTAINER_EPHEMERAL_SIZE (UINT64_C(1) << 30)

typedef enum ContainerRootKind {
        CONTAINER_ROOT_SMALL, /* none is given: a small one is made */
        CONTAINER_ROOT_FOLDER,
        CONTAINER_ROOT_SQUASHFS,
        CONTAINER_ROOT_ARCHIVE,
        CONTAINER_ROOT_MAX,
        CONTAINER_ROOT_INVALID = -EINVAL,
} ContainerRootKind;

typedef struct ContainerRoot {
        ContainerRootKind kind;
        char *path;    /* absolute; NULL for a small root */
        bool overlay;  /* writes go beside, the base is never written */
        bool keep;     /* what the container writes outlives it */
        uint64_t size; /* bytes that an overlay which is not kept may take */
} ContainerRoot;

typedef enum ContainerNetworkType {
        CONTAINER_VETH,
        CONTAINER_MACVLAN,
        CONTAINER_IPVLAN,
        CONTAINER_NETWORK_TYPE_MAX,
        CONTAINER_NETWORK_TYPE_INVALID = -EINVAL,
} ContainerNetworkType;

/* One interface of the container's own. */
typedef struct ContainerNetwork {
        ContainerNetworkType type;
        char parent[IFNAMSIZ]; /* a bridge for a veth, else what it is on */
        char name[IFNAMSIZ];   /* inside */
        char **addresses;      /* "ADDRESS/PREFIX", NULL-terminated; NULL: none */
        char *gateway4, *gateway6;
        char mac[18]; /* "" a random one */
        uint32_t mtu; /* 0: the kernel's choice */
        bool up;
} ContainerNetwork;

/* 0: no limit. */
typedef struct ContainerLimits {
        uint64_t memory; /* bytes */
        uint64_t pids;
        uint64_t cpu; /* thousandths of one processor */
        uint64_t files;
} ContainerLimits;

typedef struct ContainerFile {
        ContainerRoot root;
        uint32_t ids; /* first of 65536 of the host; 0: whichever are free */
        ContainerNetwork *networks;
        size_t n_networks;
        char **init; /* NULL-terminated; NULL: the root's /sbin/init */
        PropertyList environment, labels;
        ContainerLimits limits;
        bool autostart;
} ContainerFile;

void container_file_deinit(ContainerFile *file);

/**
 * container_file_parse() - read the text of a container file
 * @name:       the file's, for messages
 * @text:       YAML, @size bytes
 * @ret:        also after 1 to be freed, then of no other use
 * @errors:     gets all errors of the file, not the first alone
 *
 * Return: 0; 1 the file has errors; -ENOMEM.
 */
int container_file_parse(const char *name, const char *text, size_t size, ContainerFile *ret,
                         ParseErrors *errors);

/**
 * container_file_load() - the same for a file
 *
 * Return: as above; -ENOENT there is none. One that cannot be read has that as its error.
 */
int container_file_load(const char *path, ContainerFile *ret, ParseErrors *errors);

/* DIR/NAME.yaml. Return: 0; -ENOMEM. */
int container_file_path(const char *folder, const char *name, char **ret);

/**
 * container_file_list() - the names of the containers that have a file in @folder, in order
 * @ret:        NULL-terminated, owned by the caller together with the strings
 * @errors:     gets those files that look like one but whose name is none of a container
 *
 * Return: 0, also where there is no such folder; errno of reading it.
 */
int container_file_list(const char *folder, char ***ret, ParseErrors *errors);

/* Frees what container_file_list() gave. */
void container_names_free(char **names);
static inline void container_names_freep(char ***names) {
        container_names_free(*names);
}

const char *container_root_kind_to_string(ContainerRootKind kind);
const char *container_network_type_to_string(ContainerNetworkType type);
