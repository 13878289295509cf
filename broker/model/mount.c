/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Mount options as text and as what they mean. Words are those of mount(8); of two that contradict each other
 * the later one counts, as there.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "model/mount.h"
#include "util/cleanup.h"
#include "util/string.h"

/* What is written, in this order. */
static const struct {
        const char *word;
        size_t offset;
} written[] = {
        {"ro", offsetof(MountOptions, read_only)},        {"noexec", offsetof(MountOptions, no_exec)},
        {"noatime", offsetof(MountOptions, no_atime)},    {"nodiratime", offsetof(MountOptions, no_diratime)},
        {"recursive", offsetof(MountOptions, recursive)},
};

static bool *option(MountOptions *options, size_t i) {
        return (bool *)((char *)options + written[i].offset);
}

static int apply_word(MountOptions *options, const char *word) {
        static const struct {
                const char *word;
                size_t offset;
                bool value;
        } known[] = {
                {"ro", offsetof(MountOptions, read_only), true},
                {"rw", offsetof(MountOptions, read_only), false},
                {"noexec", offsetof(MountOptions, no_exec), true},
                {"exec", offsetof(MountOptions, no_exec), false},
                {"noatime", offsetof(MountOptions, no_atime), true},
                {"atime", offsetof(MountOptions, no_atime), false},
                {"relatime", offsetof(MountOptions, no_atime), false},
                {"nodiratime", offsetof(MountOptions, no_diratime), true},
                {"diratime", offsetof(MountOptions, no_diratime), false},
                {"rbind", offsetof(MountOptions, recursive), true},
                {"bind", offsetof(MountOptions, recursive), false},
        };
        /* What is so in any case. */
        static const char *const implied[] = {"defaults", "nosuid", "nodev", "private", "rprivate"};

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(word, known[i].word)) {
                        *(bool *)((char *)options + known[i].offset) = known[i].value;
                        return 0;
                }
        return string_table_find(implied, ELEMENTSOF(implied), word) >= 0 ? 0 : -EOPNOTSUPP;
}

int mount_options_format(char *const *words, char ret[static MOUNT_OPTIONS_MAX]) {
        MountOptions options = {};
        size_t n = 0;

        assert(ret);

        for (; words && *words; words++) {
                int r = apply_word(&options, *words);

                if (r < 0)
                        return r;
        }
        ret[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(written); i++)
                if (*option(&options, i))
                        n += (size_t)snprintf(ret + n, MOUNT_OPTIONS_MAX - n, "%s%s", n > 0 ? "," : "",
                                              written[i].word);
        return 0;
}

int mount_options_parse(const char *text, MountOptions *ret) {
        MountOptions options = {};

        assert(text && ret);

        while (*text) {
                size_t n = strcspn(text, ","), i;

                for (i = 0; i < ELEMENTSOF(written); i++)
                        if (strlen(written[i].word) == n && strncmp(written[i].word, text, n) == 0)
                                break;
                if (i == ELEMENTSOF(written))
                        return -EBADMSG;
                *option(&options, i) = true;
                text += n + (text[n] == ',');
        }
        *ret = options;
        return 0;
}
