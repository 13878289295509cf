/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The policy on the bus: its rules in portions, and why a device goes to a container or not. Rules are no
 * objects: there may be a million of them, and nobody holds on to one.
 */

#include "config.h"

#include "bus/argument.h"
#include "bus/bus-internal.h"
#include "bus/error.h"
#include "bus/option.h"
#include "bus/property.h"
#include "bus/rule-bus.h"
#include "bus/rule-text.h"

static int append_rule(sd_bus_message *reply, const Rule *rule) {
        _cleanup_free_ char *location = NULL, *match = NULL, *give = NULL;
        int r;

        r = sd_bus_message_open_container(reply, 'r', "ssssb");
        if (r < 0)
                return r;
        r = append_string(reply, rule->name);
        if (r < 0)
                return r;
        r = rule_location_text(rule, &location);
        if (r < 0)
                return r;
        r = rule_match_text(rule, &match);
        if (r < 0)
                return r;
        r = rule_give_text(rule, &give);
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "sssb", location, match, give, (int)rule->deny);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

typedef struct ListOptions {
        uint32_t offset, limit;
} ListOptions;

int rule_bus_list(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        static const Option table[] = {
                {"offset", 'u', offsetof(ListOptions, offset)},
                {"limit", 'u', offsetof(ListOptions, limit)},
        };
        ListOptions options = {.limit = RULE_BUS_LIST_MAX};
        Bus *bus = userdata;
        const RuleSet *rules = manager_rules(bus->manager);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        size_t end;
        int r;

        r = options_read(request, table, ELEMENTSOF(table), &options, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(request, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(ssssb)");
        if (r < 0)
                return r;
        end = MIN(rule_set_size(rules), (size_t)options.offset + MIN(options.limit, RULE_BUS_LIST_MAX));
        for (size_t i = options.offset; i < end; i++) {
                r = append_rule(reply, rule_set_get(rules, i));
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_message_send(reply);
}

static int append_step(sd_bus_message *reply, const ExplainStep *step) {
        _cleanup_free_ char *location = NULL;
        int r;

        r = sd_bus_message_open_container(reply, 'r', "sss");
        if (r < 0)
                return r;
        r = append_string(reply, step->rule->name);
        if (r < 0)
                return r;
        r = rule_location_text(step->rule, &location);
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(reply, 's', location);
        if (r < 0)
                return r;
        r = append_string(reply, step->failed);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

/* The last step is the deciding one, where there is one, so a long list is cut before it. */
static int append_steps(sd_bus_message *reply, const Explanation *explanation, uint32_t *ret_omitted) {
        size_t n = explanation->n_steps, first = MIN(n, RULE_BUS_EXPLAIN_MAX);
        uint32_t omitted = 0;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sss)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (i + 1 >= first && i + 1 < n) {
                        omitted++;
                        continue;
                }
                r = append_step(reply, &explanation->steps[i]);
                if (r < 0)
                        return r;
        }
        *ret_omitted = omitted;
        return sd_bus_message_close_container(reply);
}

static const char *decision_name(const Explanation *explanation, int override) {
        if (override != 0)
                return override > 0 ? "attached" : "detached";
        if (!explanation->decision)
                return "none";
        return explanation->decision->deny ? "deny" : "give";
}

static int reply_explanation(sd_bus_message *request, const Explanation *explanation, int override) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t omitted;
        int r;

        r = sd_bus_message_new_method_return(request, &reply);
        if (r < 0)
                return r;
        r = append_steps(reply, explanation, &omitted);
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(reply, 's', decision_name(explanation, override));
        if (r < 0)
                return r;
        r = append_string(reply, explanation->decision ? explanation->decision->name : NULL);
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(reply, 'u', &omitted);
        if (r < 0)
                return r;
        return sd_bus_message_send(reply);
}

int rule_bus_explain(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        _cleanup_(explanation_deinit) Explanation explanation = {};
        Bus *bus = userdata;
        const char *device, *container;
        CallCode code;
        int override = 0, r;

        r = argument_read_device(request, &device, error);
        if (r < 0)
                return r;
        r = argument_read_container(request, &container, error);
        if (r < 0)
                return r;
        r = options_read_none(request, error);
        if (r < 0)
                return r;

        code = manager_explain(bus->manager, device, container, &explanation, &override);
        switch (code) {
        case CALL_OK:
                return reply_explanation(request, &explanation, override);
        case CALL_NO_SUCH_DEVICE:
                return error_set(error, code, "No device '%s'", device);
        case CALL_AMBIGUOUS_DEVICE:
                return error_set(error, code, "Several devices are called '%s'", device);
        case CALL_NO_SUCH_CONTAINER:
                return error_set(error, code, "No container '%s'", container);
        default:
                return error_set(error, CALL_FAILED, "Failed to explain");
        }
}
