/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Mounting a squashfs image. libmount finds the loop device and has the kernel free it with the last mount
 * (LO_FLAGS_AUTOCLEAR), so that a killed keeper leaves none.
 */

#include "config.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "launch/message.h"
#include "launch/root-squashfs.h"

static void freecontext(struct libmnt_context **context) {
        mnt_free_context(*context);
}

/* What libmount says of the result @r of mnt_context_mount(); its own failures have no errno. */
static int complain(struct libmnt_context *context, int r, const char *image, char **message) {
        int error = mnt_context_syscall_called(context) ? mnt_context_get_syscall_errno(context) : -r;
        char text[256] = "";

        (void)mnt_context_get_excode(context, r, text, sizeof(text));
        if (error <= 0 || error >= 4000)
                error = EIO;
        if (error == EINVAL)
                return message_set(message, -error,
                                   "the squashfs %s cannot be mounted: it is none, or one that this kernel "
                                   "cannot read",
                                   image);
        return message_set(message, -error, "the squashfs %s cannot be mounted: %s", image,
                           *text ? text : strerror(error));
}

int squashfs_mount(const char *image, const char *to, char **message) {
        _cleanup_(freecontext) struct libmnt_context *context = mnt_new_context();
        struct stat st;
        int r;

        if (!context)
                return -ENOMEM;
        if (stat(image, &st) < 0)
                return message_set(message, -errno, "the squashfs %s cannot be opened: %s", image,
                                   strerror(errno));
        if (!S_ISREG(st.st_mode))
                return message_set(message, -EINVAL, "the squashfs %s is not a regular file", image);
        r = mnt_context_set_source(context, image);
        if (r == 0)
                r = mnt_context_set_target(context, to);
        if (r == 0)
                r = mnt_context_set_fstype(context, "squashfs");
        if (r == 0)
                r = mnt_context_set_options(context, "loop,ro,nodev,private");
        if (r == 0)
                r = mnt_context_disable_helpers(context, true);
        if (r == 0)
                r = mnt_context_disable_mtab(context, true);
        if (r == 0)
                r = mnt_context_mount(context);
        return r == 0 ? 0 : complain(context, r, image, message);
}
