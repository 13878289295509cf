/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/edits.h"
#include "model/property.h"
#include "util/hash.h"

/* One line of /proc/PID/uid_map: @count ids from @inside on are those from @outside on of the host. */
typedef struct IdRange {
        uint32_t inside;
        uint32_t outside;
        uint32_t count;
} IdRange;

#define ID_MAP_RANGES_MAX 340 /* the kernel's UID_GID_MAP_MAX_EXTENTS */

typedef struct IdMap {
        IdRange *ranges;
        size_t n_ranges;
} IdMap;

void id_map_deinit(IdMap *map);

/* Reads the text of a uid_map or gid_map. Return: 0; -EBADMSG; -E2BIG; -ENOMEM. */
int id_map_parse(const char *text, IdMap *ret);

/* The host's id for @inside. Return: 0; -ENOENT where the map has none. */
int id_map_to_host(const IdMap *map, uint32_t inside, uint32_t *ret);

typedef enum ContainerState {
        CONTAINER_STARTING,
        CONTAINER_RUNNING,
        CONTAINER_STOPPING,
        CONTAINER_STATE_MAX,
        CONTAINER_STATE_INVALID = -EINVAL,
} ContainerState;

const char *container_state_to_string(ContainerState state);
ContainerState container_state_from_string(const char *s);

typedef struct Grant Grant;

typedef struct Container {
        char *name;
        char *runtime; /* "davit" for those we launched */
        PropertyList labels;
        Edits started; /* of CDI devices' edits those that were done when it was started: env and gids */
        ContainerState state;
        pid_t init_pid;
        int init_pidfd; /* owned; -EBADF in pure tests */
        IdMap uid_map, gid_map;
        uint64_t seq;   /* order of arrival: among waiting containers the earlier goes first */
        uint64_t stamp; /* scratch mark of one computation over many containers; see plan/wanted.c */
        Grant *grants;  /* linked by Grant.container_next; owned by the registry */
        void *userdata; /* the core's */
        UT_hash_handle hh;
} Container;

/* Return: 0; -EINVAL @name is not a name (string_is_name()); -ENOMEM. */
int container_new(const char *name, const char *runtime, Container **ret);
void container_free(Container *container); /* it must have no grants */
DEFINE_CLEANUP(Container *, container_free);
