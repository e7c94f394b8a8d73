#include "agbot/ag_replay.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(ag_row_t) == 24, "a row of agbot.backtest.columns");

#define NS_PER_S INT64_C(1000000000)
#define BREATHE_EVERY 65536
#define HELD_LIMIT (INT64_C(1) << 42) /* price * size of what is held has to fit 62 bits */
#define CALLERS 1                     /* the instant is the caller's */

/* ---- construction ---- */

static size_t longest_group(const ag_replay_t *replay) {
    size_t longest = 1;
    for (size_t i = 0; i < replay->groups; i++) {
        size_t length = (size_t)(replay->bounds[i + 1] - replay->bounds[i]);
        longest = length > longest ? length : longest;
    }
    return longest;
}

int ag_replay_init(ag_replay_t *replay) {
    size_t markets = replay->markets;
    replay->room = longest_group(replay);
    if (replay->room < AG_BOOK_ONE / 100)
        replay->room = AG_BOOK_ONE / 100; /* a walk through a book may meet every level of the finest tick */
    replay->touched = calloc(markets + 1, sizeof *replay->touched);
    replay->sights = calloc(2 * markets + 1, sizeof *replay->sights);
    replay->saved = calloc(2 * markets + 1, sizeof *replay->saved);
    replay->stamps = calloc(3 * markets + 1, sizeof *replay->stamps);
    replay->market = calloc(markets + 1, sizeof *replay->market);
    replay->changes = calloc(replay->room, sizeof *replay->changes);
    replay->levels = calloc(replay->room, sizeof *replay->levels);
    replay->timer_ns = replay->due_ns = AG_NEVER;
    if (replay->touched != NULL && replay->sights != NULL && replay->saved != NULL && replay->stamps != NULL &&
        replay->market != NULL && replay->changes != NULL && replay->levels != NULL)
        return AG_OK;
    ag_replay_release(replay);
    return AG_ERR_NOMEM;
}

void ag_replay_release(ag_replay_t *replay) {
    free(replay->touched);
    free(replay->sights);
    free(replay->saved);
    free(replay->stamps);
    free(replay->market);
    free(replay->changes);
    free(replay->levels);
    replay->touched = NULL;
    replay->sights = replay->saved = NULL;
    replay->stamps = NULL;
    replay->market = NULL;
    replay->changes = NULL;
    replay->levels = NULL;
}

/* ---- messages ---- */

/* The row behind the message that begins at `row`. */
static const ag_row_t *end_of(const ag_row_t *row, const ag_row_t *end) {
    for (row++; row < end && row->kind == AG_ROW_MORE; row++)
        ;
    return row;
}

static size_t changes_of(ag_replay_t *replay, const ag_row_t *row, const ag_row_t *end) {
    size_t count = 0;
    for (; row < end; row++)
        replay->changes[count++] = (ag_change_t){row->side, row->price, row->size};
    return count;
}

/* Bids from the front, asks from where the bids end; returns the number of bids. */
static size_t levels_of(ag_replay_t *replay, const ag_row_t *row, const ag_row_t *end) {
    size_t count = 0, bids = 0;
    for (int side = AG_BID; side <= AG_ASK; side++) {
        for (const ag_row_t *level = row; level < end; level++)
            if (level->side == side)
                replay->levels[count++] = (ag_level_t){level->price, level->size};
        if (side == AG_BID)
            bids = count;
    }
    return bids;
}

/* ---- the venue ---- */

static int venue_message(ag_replay_t *replay, ag_condition_t *condition, const ag_row_t *row, const ag_row_t *end) {
    int no = row->book % 2;
    if (row->kind == AG_ROW_TRADE)
        return no ? ag_condition_trade(condition, 1 - row->side, AG_BOOK_ONE - row->price, row->size)
                  : ag_condition_trade(condition, row->side, row->price, row->size);
    if (row->kind == AG_ROW_CHANGE)
        return ag_condition_change(condition, replay->changes, changes_of(replay, row, end));
    size_t bids = levels_of(replay, row + 1, end), all = (size_t)(end - row - 1);
    return ag_condition_snapshot(condition, replay->levels, bids, replay->levels + bids, all - bids);
}

/* Levels come from the YES stream alone: the NO stream mirrors it. */
static int venue_group(ag_replay_t *replay) {
    const ag_row_t *row = replay->rows + replay->bounds[replay->venue];
    const ag_row_t *end = replay->rows + replay->bounds[replay->venue + 1];
    replay->venue++;
    for (const ag_row_t *next; row < end; row = next) {
        next = end_of(row, end);
        ag_condition_t *condition = replay->market[row->book / 2].condition;
        if (condition == NULL || (row->book % 2 == 1 && row->kind != AG_ROW_TRADE))
            continue;
        size_t matches;
        int result = venue_message(replay, condition, row, next);
        ag_condition_matches(condition, &matches);
        if (result == AG_OK && matches > 0)
            result = replay->call.matched(replay->call.self, row->book / 2);
        if (result < 0)
            return result;
    }
    return AG_OK;
}

/* ---- the strategies' books ---- */

static void touch(ag_replay_t *replay, size_t market) {
    int64_t *stamp = &replay->stamps[2 * replay->markets + market];
    if (*stamp == replay->instant)
        return;
    *stamp = replay->instant;
    replay->market[market].moved = false;
    replay->touched[replay->touched_count++] = (uint32_t)market;
}

/* Whether a change may have moved the best price of its side, or its size. */
static bool at_best(const ag_book_t *book, const ag_row_t *row) {
    int64_t best = ag_book_best(book, row->side);
    return row->side == AG_BID ? row->price >= best : row->price <= best;
}

static bool put_change(ag_replay_t *replay, ag_sight_t *sight, const ag_row_t *row, const ag_row_t *end, bool *moved) {
    sight->deltas++;
    if (end == row + 1) {
        *moved = at_best(sight->book, row);
        return ag_book_update(sight->book, row->side, row->price, row->size) == AG_OK;
    }
    *moved = true;
    return ag_book_apply(sight->book, replay->changes, changes_of(replay, row, end), NULL) == AG_OK;
}

static bool put_snapshot(ag_replay_t *replay, ag_sight_t *sight, const ag_row_t *row, const ag_row_t *end) {
    size_t bids = levels_of(replay, row + 1, end), all = (size_t)(end - row - 1);
    sight->snapshots++;
    return sight->whole &&
           ag_book_snapshot(sight->book, replay->levels, bids, replay->levels + bids, all - bids, NULL) == AG_OK;
}

static int sight_message(ag_replay_t *replay, const ag_row_t *row, const ag_row_t *end) {
    size_t market = row->book / 2;
    ag_sight_t *sight = &replay->sights[row->book];
    if (sight->book == NULL)
        return CALLERS;
    touch(replay, market);
    if (row->kind == AG_ROW_TRADE)
        return AG_OK;
    if (replay->stamps[row->book] != replay->instant) {
        replay->stamps[row->book] = replay->instant;
        replay->saved[row->book] = *sight;
    }
    bool moved = row->kind == AG_ROW_SNAPSHOT;
    if (!(moved ? put_snapshot(replay, sight, row, end) : put_change(replay, sight, row, end, &moved)))
        return CALLERS;
    replay->market[market].moved |= moved;
    sight->updated_ns = row->ts_ns;
    int64_t spread = ag_book_best(sight->book, AG_ASK) - ag_book_best(sight->book, AG_BID);
    sight->locked += spread == 0;
    sight->crossed += spread < 0;
    return AG_OK;
}

static int sight_group(ag_replay_t *replay) {
    const ag_row_t *row = replay->rows + replay->bounds[replay->sight];
    const ag_row_t *end = replay->rows + replay->bounds[replay->sight + 1];
    int result = AG_OK;
    for (const ag_row_t *next; row < end && result == AG_OK; row = next) {
        next = end_of(row, end);
        result = sight_message(replay, row, next);
    }
    return result;
}

/* Counts nothing of an instant that is the caller's. */
static int callers(ag_replay_t *replay) {
    for (size_t i = 0; i < replay->touched_count; i++)
        for (size_t book = 2 * (size_t)replay->touched[i]; book < 2 * (size_t)replay->touched[i] + 2; book++)
            if (replay->stamps[book] == replay->instant)
                replay->sights[book] = replay->saved[book];
    return CALLERS;
}

/* ---- what is held ---- */

/* 10^-6 usd for selling into a book's bids, or what buying back costs, below 0: agbot.core.marks. */
static int64_t exit_worth(ag_replay_t *replay, const ag_book_t *book, int64_t size) {
    int side = size >= 0 ? AG_BID : AG_ASK;
    int64_t left = size >= 0 ? size : -size, value = 0;
    size_t count = 1;
    ag_level_t level;
    if (left == 0)
        return 0;
    ag_level_t *levels = &level;
    if (ag_book_best_size(book, side) < left) {
        levels = replay->levels;
        count = replay->room;
    }
    count = ag_book_top(book, side, count, levels);
    for (size_t i = 0; i < count && left > 0; i++) {
        int64_t part = levels[i].size < left ? levels[i].size : left;
        value += levels[i].price * part;
        left -= part;
    }
    value /= AG_BOOK_ONE;
    return size >= 0 ? value : -(value + left);
}

static int64_t worth_of(ag_replay_t *replay, size_t market, const ag_held_t *held) {
    int64_t least = held->yes < held->no ? held->yes : held->no, pairs = least > 0 ? least : 0;
    return pairs + exit_worth(replay, replay->sights[2 * market].book, held->yes - pairs) +
           exit_worth(replay, replay->sights[2 * market + 1].book, held->no - pairs);
}

void ag_replay_hold(ag_replay_t *replay, size_t market, const ag_held_t *held, size_t count) {
    ag_market_t *of = &replay->market[market];
    of->held_count = count;
    for (size_t i = 0; i < count && i < AG_HELD_MOST; i++) {
        bool large = held[i].yes >= HELD_LIMIT || held[i].yes <= -HELD_LIMIT || held[i].no >= HELD_LIMIT ||
                     held[i].no <= -HELD_LIMIT;
        if (large || replay->sights[2 * market].book == NULL || replay->sights[2 * market + 1].book == NULL)
            of->held_count = AG_HELD_MOST + 1;
        else
            of->held[i] = (ag_held_t){held[i].yes, held[i].no, worth_of(replay, market, &held[i])};
    }
}

/* Notes what is worth something else now; whether any of it is. */
static bool marks_moved(ag_replay_t *replay) {
    bool any = false;
    for (size_t i = 0; i < replay->touched_count; i++) {
        ag_market_t *market = &replay->market[replay->touched[i]];
        bool moved = market->held_count > AG_HELD_MOST;
        for (size_t k = 0; k < market->held_count && k < AG_HELD_MOST; k++) {
            int64_t worth = worth_of(replay, replay->touched[i], &market->held[k]);
            moved = moved || worth != market->held[k].worth;
            market->held[k].worth = worth;
        }
        market->stale = market->stale || moved;
        any = any || moved;
    }
    return any;
}

void ag_replay_bests(const ag_replay_t *replay, size_t market, int64_t out[AG_BESTS]) {
    for (int i = 0; i < AG_BESTS / 2; i++) {
        const ag_book_t *book = replay->sights[2 * market + (size_t)i / 2].book;
        out[i] = ag_book_best(book, i % 2);
        out[AG_BESTS / 2 + i] = ag_book_best_size(book, i % 2);
    }
}

/* ---- instants ---- */

static int64_t time_of(const ag_replay_t *replay, size_t group) { return replay->rows[replay->bounds[group]].ts_ns; }

static int64_t venue_time(const ag_replay_t *replay) {
    return replay->venue < replay->groups ? time_of(replay, replay->venue) : AG_NEVER;
}

static int64_t sight_time(const ag_replay_t *replay) {
    return replay->sight < replay->venue ? time_of(replay, replay->sight) + replay->feed_ns : AG_NEVER;
}

/* What the strategies see of an instant: done whole, or the caller's. */
static int look(ag_replay_t *replay) {
    replay->instant++;
    replay->touched_count = 0;
    if (replay->grouped && (replay->flags[replay->sight] & AG_GROUP_SLOW))
        return CALLERS;
    if (replay->second && !replay->timers)
        return CALLERS;
    int result = replay->grouped ? sight_group(replay) : AG_OK;
    for (size_t i = 0; replay->second && i < replay->markets; i++)
        touch(replay, i);
    for (size_t i = 0; i < replay->touched_count && result == AG_OK; i++)
        result = replay->market[replay->touched[i]].met ? AG_OK : CALLERS;
    if (result == AG_OK && marks_moved(replay) && replay->watching)
        result = CALLERS;
    if (result == AG_OK && replay->asking)
        result = replay->call.ask(replay->call.self);
    if (result == CALLERS)
        return callers(replay);
    replay->sight += replay->grouped;
    replay->timer_ns += replay->second ? NS_PER_S : 0;
    return result;
}

static int instant(ag_replay_t *replay, int64_t at) {
    if (venue_time(replay) == at) {
        if (replay->flags[replay->venue] & AG_GROUP_SLOW)
            return CALLERS;
        int result = venue_group(replay);
        if (result != AG_OK)
            return result;
    }
    if (replay->due_ns <= at)
        return CALLERS;
    replay->grouped = sight_time(replay) == at;
    replay->second = replay->timer_ns == at;
    return replay->grouped || replay->second ? look(replay) : AG_OK;
}

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* When something happens next: the timer alone is nothing, once there is no more to come. */
static int64_t next_time(const ag_replay_t *replay) {
    int64_t moves = lesser(venue_time(replay), sight_time(replay));
    return moves == AG_NEVER && replay->due_ns == AG_NEVER ? AG_NEVER : lesser(moves, replay->timer_ns);
}

int ag_replay_run(ag_replay_t *replay, int64_t limit) {
    int result = AG_OK;
    for (int64_t count = 1; result == AG_OK; count++) {
        int64_t at = next_time(replay);
        if (at >= lesser(limit, replay->due_ns))
            return AG_OK;
        replay->now_ns = at;
        result = instant(replay, at);
        if (result == AG_OK && count % BREATHE_EVERY == 0)
            result = replay->call.breathe(replay->call.self);
    }
    return result == CALLERS ? AG_OK : result;
}
