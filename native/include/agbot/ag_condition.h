/*
 * ag_condition: one market's background levels and our own resting orders in front of them. C11, no extensions, no globals.
 *
 * Same rules as agbot.matching.book.ConditionBook, which is the reference. Everything is seen from YES.
 *
 * Units        prices in 10^-6 usd, sizes in 10^-6 shares, all int64. Level prices are multiples of 100 inside (0, 1 usd),
 *              sizes at most AG_SIZE_MOST. Sides are AG_BID (bids, our buys) and AG_ASK (asks, our sells).
 * Fills        change, snapshot and trade leave what of our orders they filled in `matches`, until the next of them.
 * Atomic       a call that fails has changed nothing, but for AG_ERR_NOMEM within one that fills our orders.
 * Ownership    create returns an object that the caller ends with destroy. create, rest, and a level on a finer tick allocate.
 * Threads      none of these functions locks. Every function needs a condition, none takes NULL.
 * Complexity   a change away from our orders O(1); each of our orders that may be reached O(levels reached).
 */
#ifndef AGBOT_AG_CONDITION_H
#define AGBOT_AG_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agbot/ag_book.h"

#define AG_SIZE_MOST (INT64_C(1) << 48)

/* How the size ahead of an order moves: the rules of agbot.matching.queue. */
enum { AG_QUEUE_BACK, AG_QUEUE_FRONT, AG_QUEUE_PROPORTIONAL, AG_QUEUE_POWER, AG_QUEUE_LOG, AG_QUEUE_RULES };
#define AG_EXPONENT_MOST 16

typedef struct {
    int kind;
    int exponent; /* of AG_QUEUE_POWER, 1 to AG_EXPONENT_MOST */
} ag_queue_rule_t;

/* The size ahead once a level went from `old` to `now`; `printed` is what prints told of it since it moved last. */
int64_t ag_queue_moved(const ag_queue_rule_t *rule, int64_t ahead, int64_t old, int64_t now, int64_t printed);

typedef struct ag_condition ag_condition_t;

typedef struct {
    int64_t id; /* what the caller calls the order */
    int64_t price;
    int64_t size;
} ag_match_t;

typedef struct {
    int64_t id;
    int64_t price;
    int64_t remaining;
    int64_t ahead;
    int64_t printed;
    int64_t old; /* working memory of snapshot */
    int side;
} ag_resting_t;

/* An empty condition on a tick; NULL for an unknown rule or tick, or when memory is short. */
ag_condition_t *ag_condition_create(ag_queue_rule_t rule, int64_t tick);
void ag_condition_destroy(ag_condition_t *condition);

/* Absolute level changes in order, then one look whether the other side reached us. */
int ag_condition_change(ag_condition_t *condition, const ag_change_t *changes, size_t count);

/* The whole background anew; levels in any order, the last of two at one price counts. */
int ag_condition_snapshot(ag_condition_t *condition, const ag_level_t *bids, size_t bid_count, const ag_level_t *asks,
                          size_t ask_count);

/* A print by a taker on `side`: through our price it fills us, at our price it uses up the queue first. */
int ag_condition_trade(ag_condition_t *condition, int side, int64_t price, int64_t size);

/* What the last change, snapshot or trade filled, in the order of filling. */
const ag_match_t *ag_condition_matches(const ag_condition_t *condition, size_t *count);

/* Puts an order behind what its level shows. AG_ERR_INVALID_ARG when it crosses one of ours or the id rests already. */
int ag_condition_rest(ag_condition_t *condition, int64_t id, int side, int64_t price, int64_t size);

/* Takes an order off; false when it does not rest. */
bool ag_condition_remove(ag_condition_t *condition, int64_t id);

/* The order of that id, NULL when it does not rest; valid until the next call that changes anything. */
const ag_resting_t *ag_condition_find(const ag_condition_t *condition, int64_t id);

/* Whether an order at this limit could meet one of our own. */
bool ag_condition_crosses_own(const ag_condition_t *condition, int side, int64_t price);

/*
 * The levels a taker on `side` limited at `limit` can hit, best first, with what of them we did not take yet. They stay
 * valid until the next call. NULL when memory is short.
 */
const ag_level_t *ag_condition_reachable(ag_condition_t *condition, int side, int64_t limit, size_t *count);

/* Uses up `size` of a level for a taker on `side`. AG_ERR_INVALID_ARG when there is not that much. */
int ag_condition_take(ag_condition_t *condition, int side, int64_t price, int64_t size);

#endif
