/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "launch/container-file.h"
#include "launch/launch.h"

/* What a request borrows from its container file. Zeroed is empty. */
typedef struct LaunchFile {
        ContainerFile file;
        char **labels;
} LaunchFile;

void launch_file_deinit(LaunchFile *launch);

/**
 * launch_file_apply() - complete a request by the container file of its name, where there is one
 * @request:    what is set in it goes before the file; afterwards it borrows from @ret
 * @ret:        to be freed in any case
 * @errors:     gets all that is wrong with the file
 *
 * Return: 0, also where there is no file; 1 the file has errors; -E2BIG too many labels; -ENOMEM.
 */
int launch_file_apply(const char *container_dir, LaunchRequest *request, LaunchFile *ret,
                      ParseErrors *errors);
