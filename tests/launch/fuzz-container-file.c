/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fuzz target: any bytes as a container file. What parses holds to its bounds, what does not has a message of
 * one line, at a place of the text.
 */

#include "config.h"

#include <string.h>

#include "fuzz/fuzz.h"
#include "launch/container-file.h"

static void check_file(const ContainerFile *file) {
        FUZZ_ASSERT(file->n_networks <= CONTAINER_NETWORKS_MAX);
        FUZZ_ASSERT((file->root.kind == CONTAINER_ROOT_SMALL) == !file->root.path);
        FUZZ_ASSERT(!file->root.path || file->root.path[0] == '/');
        FUZZ_ASSERT(!file->init || file->init[0]);
        for (size_t i = 0; i < file->n_networks; i++)
                FUZZ_ASSERT(file->networks[i].name[0] && file->networks[i].parent[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ParseErrors errors = {};
        ContainerFile file;
        int r;

        r = container_file_parse("fuzz.yaml", (const char *)data, size, &file, &errors);
        FUZZ_ASSERT(r < 0 || (r > 0) == (errors.n_errors > 0));
        if (r == 0)
                check_file(&file);
        for (size_t i = 0; i < errors.n_items; i++)
                FUZZ_ASSERT(!strpbrk(errors.items[i].message, "\n\r\t\x1b"));
        container_file_deinit(&file);
        parse_errors_deinit(&errors);
        return 0;
}
