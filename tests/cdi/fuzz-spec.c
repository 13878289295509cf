/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fuzz target: any bytes as a CDI file. What parses holds to its bounds and can be merged, what does not has
 * messages of one line.
 */

#include "config.h"

#include <string.h>

#include "cdi/spec.h"
#include "fuzz/fuzz.h"
#include "model/cdi-name.h"

static void check_edits(const Edits *edits) {
        FUZZ_ASSERT(edits->n_nodes <= CDI_EDITS_MAX && edits->n_mounts <= CDI_EDITS_MAX);
        for (size_t i = 0; i < edits->n_env; i++)
                FUZZ_ASSERT(strchr(edits->env[i], '=') > edits->env[i]);
        for (size_t i = 0; i < edits->n_nodes; i++) {
                FUZZ_ASSERT(edits->nodes[i].path[0]);
                FUZZ_ASSERT(!edits->nodes[i].numbered || edits->nodes[i].type);
        }
        for (size_t i = 0; i < edits->n_mounts; i++)
                FUZZ_ASSERT(edits->mounts[i].path[0] && edits->mounts[i].host_path[0]);
        for (size_t i = 0; i < edits->n_nets; i++)
                FUZZ_ASSERT(edits->nets[i].name[0] && edits->nets[i].host_name[0]);
}

static void check_spec(const CdiSpec *spec) {
        FUZZ_ASSERT(spec->n_devices > 0 && spec->n_devices <= CDI_DEVICES_MAX);
        check_edits(&spec->edits);
        for (size_t i = 0; i < spec->n_devices; i++) {
                Edits merged = {};
                size_t kind;

                FUZZ_ASSERT(cdi_name_is_valid(spec->devices[i].name, &kind));
                FUZZ_ASSERT(kind == strlen(spec->kind));
                FUZZ_ASSERT(!edits_is_empty(&spec->devices[i].edits));
                check_edits(&spec->devices[i].edits);
                if (i < 16 && edits_append(&merged, &spec->edits) >= 0 &&
                    edits_append(&merged, &spec->devices[i].edits) >= 0)
                        FUZZ_ASSERT(!edits_is_empty(&merged));
                edits_deinit(&merged);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ParseErrors errors = {};
        CdiSpec spec;
        int r;

        r = cdi_spec_parse("fuzz.json", (const char *)data, size, &spec, &errors);
        FUZZ_ASSERT(r < 0 || (r > 0) == (errors.n_errors > 0));
        if (r == 0)
                check_spec(&spec);
        for (size_t i = 0; i < errors.n_items; i++)
                FUZZ_ASSERT(!strpbrk(errors.items[i].message, "\n\r\t\x1b"));
        cdi_spec_deinit(&spec);
        parse_errors_deinit(&errors);
        return 0;
}
