/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What of CDI devices a container does without, told for each grant: never dropped in silence. Worked out
 * when the grant settles, so that it is about what is there then.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "core/manager-internal.h"
#include "model/cdi-name.h"
#include "model/edits-report.h"
#include "util/log.h"
#include "util/string.h"

#define LINES_MAX 64U

typedef struct Lines {
        FILE *stream;
        unsigned int n;
} Lines;

static int add_line(void *userdata, const char *line) {
        Lines *lines = userdata;

        if (lines->n++ < LINES_MAX)
                fprintf(lines->stream, "%s%s", lines->n > 1 ? "\n" : "", line);
        return 0;
}

/* Those that the rule names and that no file describes. */
static void add_missing(const Manager *manager, const Give *give, Lines *lines) {
        for (size_t i = 0; i < give->cdi.n_items; i++) {
                const char *name = give->cdi.items[i].glob;
                char id[DEVICE_ID_MAX], line[DEVICE_ID_MAX + 64];

                if (cdi_name_to_id(name, id, sizeof(id)) >= 0 && registry_device(&manager->registry, id))
                        continue;
                snprintf(line, sizeof(line), "cdi %s: there is no such device", name);
                add_line(lines, line);
        }
}

static int collect(const Manager *manager, const Grant *grant, char **ret) {
        const Give *give = grant_give(grant);
        char *text = NULL;
        size_t size = 0;
        Lines lines = {.stream = open_memstream(&text, &size)};
        unsigned int at = 0;
        const Edits *edits;

        if (!lines.stream)
                return -ENOMEM;
        add_missing(manager, give, &lines);
        while ((edits = wanted_next_edits(&manager->registry, grant->device, give, &at)))
                (void)edits_report(edits, &grant->container->started, add_line, &lines);
        if (lines.n > LINES_MAX)
                fprintf(lines.stream, "\nand %u more", lines.n - LINES_MAX);
        if (fclose(lines.stream) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

void manager_note_lacking(Manager *manager, Grant *grant) {
        _cleanup_free_ char *text = NULL;
        unsigned int n_more = 0;
        char more[64] = "";

        assert(manager && grant);

        /* Nothing to tell of, as of nearly all. */
        if (!device_is_cdi(grant->device) && (!grant->decision || grant->decision->give.cdi.n_items == 0) &&
            !grant->lacking)
                return;
        if (collect(manager, grant, &text) < 0) {
                log_oom();
                return;
        }
        if (streq(text, grant->lacking ?: ""))
                return;
        for (const char *p = text; (p = strchr(p, '\n')); p++)
                n_more++;
        if (n_more > 0)
                snprintf(more, sizeof(more), "; and %u more, see davitctl info", n_more);
        if (*text)
                log_full(LOG_WARNING, 0,
                         &(LogSubject){.device = grant->device->id,
                                       .container = grant->container->name,
                                       .rule = grant->rule},
                         "Container %s does not have all of %s: %.*s%s", grant->container->name,
                         grant->device->place, (int)strcspn(text, "\n"), text, more);
        free(grant->lacking);
        grant->lacking = *text ? TAKE_PTR(text) : NULL;
        manager_notify(manager, OBJECT_GRANT, grant->device->id, grant->container->name);
}
