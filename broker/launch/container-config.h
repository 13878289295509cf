/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lxc/lxccontainer.h>
#include <stdbool.h>

#include "launch/container-file.h"
#include "launch/launch.h"
#include "launch/root-folder.h"
#include "model/edits.h"

/* What liblxc is told about one container. All strings are borrowed. */
typedef struct ContainerConfig {
        const char *runtime_dir;
        const char *name;
        const char *alias;   /* for liblxc */
        const char *folder;  /* RUNTIME/containers/NAME */
        const char *cgroup;  /* below each hierarchy */
        const char *busybox; /* to be bound into a small root; NULL none */
        const RootFolder *root;
        const IdSlice *slice;
        const ContainerFile *file; /* NULL none */
        const Edits *started;      /* of CDI devices; NULL none */
        int halt_signal;
        bool terminal;
        bool udev;     /* /run/udev is the one of the live /dev */
        bool keep_run; /* its init is one that would mount /run over it, but leaves alone what is mounted */
} ContainerConfig;

/* Where liblxc finds a container by name: its commands go by a socket that is named after it. Nothing is
 * saved there. */
int container_config_lxcpath(const char *runtime_dir, char **ret);

/* Makes the folders that every container needs. Return: 0; errno. */
int container_config_prepare(const char *runtime_dir);

/* One setting. Return: 0; -ENOMEM; -EINVAL with @message, liblxc does not take it. */
int container_config_set(struct lxc_container *c, char **message, const char *key, const char *format, ...)
        _printf_(4, 5);

/* Return: 0; -ENOMEM; -EINVAL with @message, liblxc does not take a setting; errno. */
int container_config_apply(const ContainerConfig *config, struct lxc_container *c, char **message);
