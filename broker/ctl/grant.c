/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl attach, detach, explain: one device and one container.
 */

#include "config.h"

#include "ctl/daemon.h"
#include "ctl/output.h"
#include "ctl/value.h"
#include "util/string.h"

int command_attach(Ctl *ctl, _unused_ int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *json = NULL;
        const char *path;
        int r;

        r = daemon_call(ctl, DAEMON_CHANGE_USEC, DAEMON_PATH, DAEMON_INTERFACE_MANAGER, "Attach", &reply,
                        "ssa{sv}", argv[0], argv[1], 0);
        if (r < 0)
                return EXIT_FAILED;
        if (!ctl->json)
                return EXIT_DONE;
        if (sd_bus_message_read(reply, "o", &path) < 0)
                path = "";
        json = json_pack("{s:s, s:s, s:s}", "device", argv[0], "container", argv[1], "grant", path);
        return output_json(json);
}

int command_detach(Ctl *ctl, int argc, char **argv) {
        const char *container = argc > 1 ? argv[1] : NULL;
        _cleanup_json_ json_t *json = NULL;
        int r;

        /* On the bus an empty name is all of them; typed here it is a mistake, as of an unset variable. */
        if (container && !*container) {
                complain("The container has no name");
                return EXIT_USAGE;
        }
        r = daemon_call(ctl, DAEMON_CHANGE_USEC, DAEMON_PATH, DAEMON_INTERFACE_MANAGER, "Detach", NULL,
                        "ssa{sv}", argv[0], container ?: "", 0);
        if (r < 0)
                return EXIT_FAILED;
        if (!ctl->json)
                return EXIT_DONE;
        json = json_pack("{s:s, s:s?}", "device", argv[0], "container", container);
        return output_json(json);
}

static const char *decision_text(const char *decision) {
        static const char *const texts[][2] = {
                {"give", "given by rule"},
                {"deny", "denied by rule"},
                {"none", "not given: no rule says so"},
                {"attached", "given: attached by hand"},
                {"detached", "not given: detached by hand"},
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (streq(decision, texts[i][0]))
                        return texts[i][1];
        return decision;
}

static int print_explanation(const json_t *steps, const char *decision, const char *rule,
                             json_int_t omitted) {
        bool by_rule = streq(decision, "give") || streq(decision, "deny");
        _cleanup_(table_freep) Table *table = NULL;
        json_t *step;
        size_t i;
        int r;

        if (table_new(3, &table) < 0)
                return EXIT_FAILED;
        table_add(table, "RULE");
        table_add(table, "FILE");
        table_add(table, "FAILED AT");
        json_array_foreach(steps, i, step) {
                const char *failed = value_string(step, "failed");

                table_add(table, value_string(step, "rule"));
                table_add(table, value_string(step, "location"));
                table_add(table, *failed ? failed : "(matches)");
        }
        if (json_array_size(steps) > 0) {
                r = table_print(table);
                if (r != EXIT_DONE)
                        return r;
        }
        if (omitted > 0)
                printf("(%" JSON_INTEGER_FORMAT " rules that do not match are not shown)\n", omitted);
        if (by_rule) {
                char text[512];

                string_escape(text, sizeof(text), rule);
                printf("%s \"%s\"\n", decision_text(decision), text);
        } else
                puts(decision_text(decision));
        return output_finish();
}

int command_explain(Ctl *ctl, _unused_ int argc, char **argv) {
        static const char *const names[] = {"rule", "location", "failed", NULL};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *steps = NULL, *json = NULL;
        const char *decision, *rule;
        uint32_t omitted;
        bool given;
        int r;

        r = daemon_call(ctl, DAEMON_READ_USEC, DAEMON_PATH, DAEMON_INTERFACE_MANAGER, "Explain", &reply,
                        "ssa{sv}", argv[0], argv[1], 0);
        if (r < 0)
                return EXIT_FAILED;
        r = value_read(reply, &steps);
        if (r > 0)
                r = value_name_fields(steps, names);
        if (r >= 0)
                r = sd_bus_message_read(reply, "ssu", &decision, &rule, &omitted);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }

        given = streq(decision, "give") || streq(decision, "attached");
        if (ctl->json) {
                json = json_pack("{s:s, s:s, s:b, s:s, s:s, s:O, s:i}", "device", argv[0], "container",
                                 argv[1], "given", (int)given, "decision", decision, "rule", rule, "steps",
                                 steps, "omitted", (int)omitted);
                r = output_json(json);
        } else
                r = print_explanation(steps, decision, rule, omitted);
        return r == EXIT_DONE && !given ? EXIT_FAILED : r;
}
