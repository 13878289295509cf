/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is kept of a container between its launches: STATE/NAME, which only the host's root enters. All in it
 * is owned as inside, from 0 up.
 *
 *   base    an archive, unpacked, to go under an overlay; base.from says which
 *   root    an archive, unpacked, that is the root
 *   upper   what was written over a base: data/, and work/ for overlayfs; from says which base
 *   scratch what is not kept, or not yet whole; removed at the container's end
 */

/**
 * kept_open() - make the folder where it is missing, and be the only one who has it
 * @folder:     RUNTIME/containers/NAME, which gets a link to the scratch folder
 * @ret_path:   the folder, owned by the caller
 *
 * The scratch folder is empty then.
 *
 * Return: a descriptor that holds the lock; -EBUSY another has it; errno.
 */
int kept_open(const char *state_dir, const char *name, const char *folder, char **ret_path);

/* Removes what is not to be kept of the container whose folder is @folder, and what is left empty. Return: 0,
 * also where there is nothing; -EBUSY it takes longer than @wait_ms; errno. */
int kept_clean(const char *folder, int wait_ms);
