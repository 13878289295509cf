/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who should have a device.
 *
 * The answer is worked out for one device at a time, from three sources in falling rank: the overrides of
 * people, the grants that stand, and the rules. For each container the first rule that matches both it and
 * the device decides, be it to give or to deny; the walk over the rules meets only those that can apply to
 * the device (rule-set.c), and for each of them only its own containers (the target cache), so what does not
 * match costs nothing.
 *
 * A grant with a hold (model/hold.h) comes between overrides and rules: no rule needs to match, but one that
 * denies the device as it is now ends it. Whether it is the same device still, and for how long it may be
 * away, is not decided here: a hold that has ended is not there any more.
 *
 * Places are then dealt. A device has as many as the strictest rule among its grants says. Who holds one
 * keeps it; the others get what is left in rule order, then in the order in which the containers came.
 *
 * Container.stamp is scratch space of the walk: it tells "not seen", "holds a grant, not decided yet" and
 * "decided" apart without a table that would have to be cleared.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "plan/wanted.h"
#include "util/string.h"

typedef struct TargetList {
        Container **items;
        size_t n_items;
        uint64_t generation; /* of the cache when it was filled; 0: never */
} TargetList;

struct TargetCache {
        const RuleSet *rules;
        TargetList *lists; /* by Rule.index */
        uint64_t generation;
};

int target_cache_new(const RuleSet *rules, TargetCache **ret) {
        _cleanup_(target_cache_freep) TargetCache *cache = calloc(1, sizeof(*cache));

        if (!cache)
                return -ENOMEM;
        cache->rules = rules;
        cache->generation = 1;
        cache->lists = calloc(MAX(rule_set_size(rules), 1U), sizeof(*cache->lists));
        if (!cache->lists)
                return -ENOMEM;
        *ret = TAKE_PTR(cache);
        return 0;
}

TargetCache *target_cache_free(TargetCache *cache) {
        if (!cache)
                return NULL;
        for (size_t i = 0; cache->lists && i < rule_set_size(cache->rules); i++)
                free(cache->lists[i].items);
        free(cache->lists);
        free(cache);
        return NULL;
}

void target_cache_invalidate(TargetCache *cache) {
        cache->generation++;
}

/* The containers that @rule is for, in order of arrival; worked out once between two arrivals. */
static int target_cache_get(TargetCache *cache, const Registry *registry, const Rule *rule,
                            TargetList **ret) {
        TargetList *list = &cache->lists[rule->index];
        size_t n_containers = HASH_COUNT(registry->containers);

        if (list->generation != cache->generation) {
                Container **items = reallocarray(list->items, MAX(n_containers, 1U), sizeof(*items));

                if (!items)
                        return -ENOMEM;
                list->items = items;
                list->n_items = 0;
                registry_containers_foreach(container, registry)
                        if (selector_match(&rule->give.to, container))
                                list->items[list->n_items++] = container;
                list->generation = cache->generation;
        }

        *ret = list;
        return 0;
}

void wish_list_deinit(WishList *list) {
        free(list->items);
        *list = (WishList){};
}

static int wish_list_add(WishList *list, const Wish *wish) {
        if (list->n_items == list->allocated) {
                size_t want = MAX(list->allocated * 2, 4U);
                Wish *grown = reallocarray(list->items, want, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                list->items = grown;
                list->allocated = want;
        }
        list->items[list->n_items++] = *wish;
        return 0;
}

static bool device_has_something(const Device *device) {
        device_parts_foreach(part, device)
                if (part_is_node(part) || part->kind == PART_NET || part->kind == PART_CDI)
                        return true;
        return false;
}

/* One computation: who was decided so far, and who of them may have the device if there is a place. */
typedef struct Deal {
        const Device *device;
        uint64_t holder_stamp;  /* on a container: holds a grant, not decided yet */
        uint64_t decided_stamp; /* on a container: decided */
        size_t n_holders_left;  /* holders that are not decided yet */
        size_t n_leaving;       /* grants on their way out: their places are taken still */
        unsigned int places;    /* what the rules of those who stay, or leave, allow at most */
        WishList holders, others;
} Deal;

static void deal_deinit(Deal *deal) {
        wish_list_deinit(&deal->holders);
        wish_list_deinit(&deal->others);
}

static void deal_begin(Deal *deal, Registry *registry, const Device *device) {
        *deal = (Deal){
                .device = device,
                .holder_stamp = ++registry->seq,
                .decided_stamp = ++registry->seq,
                .places = UINT_MAX,
        };
        for (const Grant *grant = device->grants; grant; grant = grant->device_next)
                if (grant->state == GRANT_LEAVING) {
                        grant->container->stamp = deal->decided_stamp;
                        deal->places = MIN(deal->places, grant->share);
                        deal->n_leaving++;
                } else {
                        grant->container->stamp = deal->holder_stamp;
                        deal->n_holders_left++;
                }
}

static unsigned int wish_share(const Wish *wish) {
        return wish->rule ? wish->rule->give.share : GIVE_DEFAULT.share;
}

/* Decides for one container, once; @wish is NULL to deny. Return: 0 or -ENOMEM. */
static int deal_decide(Deal *deal, Container *container, const Wish *wish) {
        bool holder = container->stamp == deal->holder_stamp;

        if (container->stamp == deal->decided_stamp)
                return 0;
        container->stamp = deal->decided_stamp;
        if (holder)
                deal->n_holders_left--;
        if (!wish || container->state != CONTAINER_RUNNING)
                return 0;
        if (!holder)
                return wish_list_add(&deal->others, wish);
        deal->places = MIN(deal->places, wish_share(wish));
        return wish_list_add(&deal->holders, wish);
}

/* By which rule a held grant goes on; NULL where that which decides now denies it. */
static const Rule *hold_rule(const Hold *hold, const Rule *deciding) {
        if (!deciding || (!deciding->deny && deciding->give.when != GIVE_PRESENT))
                return hold->rule;
        return deciding->deny ? NULL : deciding;
}

/* Completes the wish of who is to have a held device. Return: whether he is. */
static bool wish_hold(Wish *wish, const Deal *deal, const Hold *hold, const RuleSet *rules,
                      const AttributeReader *reader) {
        const Rule *deciding = wanted_deciding_rule(rules, deal->device, wish->container, reader);

        wish->rule = hold_rule(hold, deciding);
        /* As long as nobody can tell whose parts these are, they are not given for the place's sake alone. */
        wish->away = wish->rule != deciding && !device_is_known(deal->device);
        return wish->rule;
}

static const Hold *standing_hold(const Device *device, const Container *container) {
        const Grant *grant = registry_grant(device, container);

        return grant && grant->state != GRANT_LEAVING ? grant->hold : NULL;
}

/* Return: 0 or -ENOMEM. */
static int deal_holds(Deal *deal, const RuleSet *rules, const AttributeReader *reader) {
        for (const Grant *grant = deal->device->grants; grant; grant = grant->device_next) {
                Wish wish = {.container = grant->container, .origin = GRANT_POLICY};
                int r;

                if (!grant->hold || grant->container->stamp != deal->holder_stamp)
                        continue;
                r = deal_decide(deal, grant->container,
                                wish_hold(&wish, deal, grant->hold, rules, reader) ? &wish : NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Return: 0; 1 the rules have nothing to say; -ENOMEM. */
static int deal_overrides(Deal *deal, const Registry *registry, const Override *overrides,
                          const RuleSet *rules, const AttributeReader *reader) {
        bool everybody = false;

        for (const Override *override = overrides; override; override = override->next) {
                Wish wish = {.origin = GRANT_MANUAL};
                bool attach = override->attach;
                const Hold *hold;
                int r;

                if (!streq(override->device, deal->device->id))
                        continue;
                if (streq(override->container, OVERRIDE_EVERYBODY)) {
                        everybody = true;
                        continue;
                }
                wish.container = registry_container(registry, override->container);
                if (!wish.container)
                        continue;
                hold = attach ? standing_hold(deal->device, wish.container) : NULL;
                wish.interfaces = override->interfaces;
                if (hold)
                        attach = wish_hold(&wish, deal, hold, rules, reader);
                else if (attach) {
                        wish.rule = wanted_deciding_rule(rules, deal->device, wish.container, reader);
                        if (wish.rule && wish.rule->deny)
                                wish.rule = NULL;
                }
                r = deal_decide(deal, wish.container, attach ? &wish : NULL);
                if (r < 0)
                        return r;
        }
        return everybody;
}

/* Whether nothing that later rules say can change the outcome: all holders are decided, and the places are
 * taken, or the first in line takes the only one. */
static bool deal_is_over(const Deal *deal) {
        size_t n_taken = deal->holders.n_items + deal->n_leaving;

        if (deal->n_holders_left > 0)
                return false;
        return n_taken >= deal->places ||
               (n_taken == 0 && deal->others.n_items > 0 && wish_share(&deal->others.items[0]) == 1);
}

static int deal_rules(Deal *deal, const Registry *registry, TargetCache *cache,
                      const AttributeReader *reader) {
        RuleWalk walk;
        const Rule *rule;

        rule_walk_begin(&walk, cache->rules, deal->device, reader);
        while (!deal_is_over(deal) && (rule = rule_walk_next(&walk))) {
                bool gives = !rule->deny && rule->give.when == GIVE_PRESENT;
                TargetList *targets;
                int r;

                r = target_cache_get(cache, registry, rule, &targets);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < targets->n_items && !deal_is_over(deal); i++) {
                        Wish wish = {targets->items[i], GRANT_POLICY, rule};

                        r = deal_decide(deal, wish.container, gives ? &wish : NULL);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static const Device *sort_device; /* qsort() hands no context through; there is one thread */

static int compare_holders(const void *a, const void *b) {
        const Grant *x = registry_grant(sort_device, ((const Wish *)a)->container);
        const Grant *y = registry_grant(sort_device, ((const Wish *)b)->container);

        return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Deals the places. Return: 0 or -ENOMEM. */
static int deal_end(Deal *deal, WishList *ret) {
        _cleanup_(wish_list_deinit) WishList result = {};
        const WishList *const queues[] = {&deal->holders, &deal->others};
        unsigned int places = UINT_MAX;

        for (const Grant *grant = deal->device->grants; grant; grant = grant->device_next)
                if (grant->state == GRANT_LEAVING)
                        places = MIN(places, grant->share);

        if (deal->holders.n_items > 1) {
                sort_device = deal->device;
                qsort(deal->holders.items, deal->holders.n_items, sizeof(Wish), compare_holders);
        }

        for (size_t q = 0; q < ELEMENTSOF(queues); q++)
                for (size_t i = 0; i < queues[q]->n_items; i++) {
                        const Wish *wish = &queues[q]->items[i];
                        unsigned int limit = MIN(places, wish_share(wish));
                        int r;

                        /* A strict rule can not drive out those who are there by a wider one. */
                        if (result.n_items + deal->n_leaving + 1 > limit)
                                continue;
                        places = limit;
                        r = wish_list_add(&result, wish);
                        if (r < 0)
                                return r;
                }

        *ret = result;
        result = (WishList){};
        return 0;
}

static const Override *find_override(const Override *overrides, const Device *device, const char *container) {
        for (; overrides; overrides = overrides->next)
                if (streq(overrides->device, device->id) && streq(overrides->container, container))
                        return overrides;
        return NULL;
}

/* A device of which nothing is there: who holds it goes on, and nobody else comes in. */
static int wanted_for_absent(const Override *overrides, const Device *device, WishList *ret) {
        _cleanup_(wish_list_deinit) WishList result = {};

        for (const Grant *grant = device->grants; grant; grant = grant->device_next) {
                Wish wish = {.container = grant->container, .away = true};
                const Override *override;
                int r;

                if (!grant->hold || grant->state == GRANT_LEAVING ||
                    grant->container->state != CONTAINER_RUNNING)
                        continue;
                override = find_override(overrides, device, grant->container->name);
                if (override ? !override->attach : !!find_override(overrides, device, OVERRIDE_EVERYBODY))
                        continue;
                wish.origin = override ? GRANT_MANUAL : GRANT_POLICY;
                wish.interfaces = override && override->interfaces;
                wish.rule = grant->hold->rule;
                r = wish_list_add(&result, &wish);
                if (r < 0)
                        return r;
        }
        *ret = result;
        result = (WishList){};
        return 0;
}

int wanted_for_device(Registry *registry, TargetCache *cache, const Override *overrides, const Device *device,
                      const AttributeReader *reader, WishList *ret) {
        _cleanup_(deal_deinit) Deal deal = {};
        int r;

        *ret = (WishList){};
        if (!device_has_something(device))
                return device->grants ? wanted_for_absent(overrides, device, ret) : 0;

        deal_begin(&deal, registry, device);
        r = deal_overrides(&deal, registry, overrides, cache->rules, reader);
        if (r == 0)
                r = deal_holds(&deal, cache->rules, reader);
        if (r == 0)
                r = deal_rules(&deal, registry, cache, reader);
        if (r < 0)
                return r;
        return deal_end(&deal, ret);
}

const Rule *wanted_deciding_rule(const RuleSet *rules, const Device *device, const Container *container,
                                 const AttributeReader *reader) {
        RuleWalk walk;
        const Rule *rule;

        rule_walk_begin(&walk, rules, device, reader);
        while ((rule = rule_walk_next(&walk)))
                if (selector_match(&rule->give.to, container))
                        return rule;
        return NULL;
}
