/*
 * ag_replay: the quiet stretches of a backtest. C11, no extensions, no globals.
 *
 * Rows of market data are shown twice: to the venue (ag_condition) at their time, to the strategies' books (ag_book)
 * one feed latency later. What happens at one time is an *instant*; `run` goes from instant to instant until one needs
 * its caller: everything that is not market data or the second's timer, or that cannot be done as the core would.
 *
 * Instants     are whole. One that the caller has to do was not done: its group may be in the strategies' books already
 *              (applying it again changes nothing, rows hold absolute sizes), but nothing was counted and `sight` stands
 *              before it. The venue's part of it is done when `venue` stands behind it. (Books that are locked or crossed
 *              between two messages of one group may be counted otherwise when the group is applied again.)
 * Ownership    rows, bounds and flags are the caller's, and so are the books and conditions that it binds.
 * Threads      one at a time. The callbacks may bind, and may change conditions; they may not call run.
 */
#ifndef AGBOT_AG_REPLAY_H
#define AGBOT_AG_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agbot/ag_condition.h"

#define AG_NEVER INT64_MAX

/* agbot.backtest.columns.Kind */
enum { AG_ROW_OTHER, AG_ROW_CHANGE, AG_ROW_MORE, AG_ROW_SNAPSHOT, AG_ROW_TRADE, AG_ROW_TICK, AG_ROW_RESOLVED };

typedef struct {
    int64_t ts_ns;
    int64_t size;
    int32_t price;
    uint16_t book; /* 2 * market + (1 for NO) */
    uint8_t kind;
    uint8_t side;
} ag_row_t;

/* What a group holds: something for the caller, or prints. */
#define AG_GROUP_SLOW 1
#define AG_GROUP_PRINTS 2

/* A token's book as the strategies see it, and what was counted since the caller looked last. */
typedef struct {
    ag_book_t *book; /* NULL: its messages are the caller's */
    bool whole;      /* a snapshot changes nothing but its levels */
    int64_t deltas, snapshots, locked, crossed, updated_ns;
} ag_sight_t;

typedef struct {
    int64_t yes, no;
    int64_t worth; /* 10^-6 usd, if sold into the books now */
} ag_held_t;

#define AG_HELD_MOST 8
#define AG_BESTS 8

typedef struct {
    ag_condition_t *condition; /* NULL: it trades no more, or not yet */
    bool met;                  /* false: the caller does its next instant */
    bool stale;                /* what is held in it is worth something else than the caller knows */
    bool moved;                /* in this instant: a best price or size may have changed */
    size_t held_count;         /* AG_HELD_MOST + 1: too many to watch */
    ag_held_t held[AG_HELD_MOST];
} ag_market_t;

typedef struct {
    void *self;
    /* Our orders were filled at the venue; sets `due_ns` to when that is heard of. Below 0 ends the run with it. */
    int (*matched)(void *self, size_t market);
    /* Asks the strategies about `touched`. 1: there is an answer, the instant is the caller's; below 0 ends the run. */
    int (*ask)(void *self);
    /* Called now and then; below 0 ends the run. */
    int (*breathe)(void *self);
} ag_callbacks_t;

typedef struct {
    const ag_row_t *rows;
    const int64_t *bounds; /* groups + 1 places in rows */
    const uint8_t *flags;  /* of each group */
    size_t groups, markets;
    int64_t feed_ns;
    ag_callbacks_t call;
    /* where it stands: the next group that the venue, and that the strategies will see */
    size_t venue, sight;
    int64_t timer_ns, now_ns;
    int64_t due_ns; /* when our own orders have news next, AG_NEVER when they have none */
    bool asking, timers, watching;
    /* what the present instant touched, in order */
    uint32_t *touched;
    size_t touched_count;
    bool second, grouped;
    ag_sight_t *sights; /* two a market */
    ag_market_t *market;
    /* working memory */
    ag_sight_t *saved;
    int64_t *stamps;
    int64_t instant;
    ag_change_t *changes;
    ag_level_t *levels;
    size_t room;
} ag_replay_t;

/* Prepares a replay whose input fields are set and whose others are 0. AG_ERR_NOMEM: nothing is to be released. */
int ag_replay_init(ag_replay_t *replay);
void ag_replay_release(ag_replay_t *replay);

/* Goes on until an instant at or after `limit` or `due_ns`, one that is the caller's, or the end. AG_OK or below 0. */
int ag_replay_run(ag_replay_t *replay, int64_t limit);

/* Says what is held in a market, by the account and by each strategy. */
void ag_replay_hold(ag_replay_t *replay, size_t market, const ag_held_t *held, size_t count);

/* The best prices of YES and NO (bid, ask, bid, ask), then their sizes. */
void ag_replay_bests(const ag_replay_t *replay, size_t market, int64_t out[AG_BESTS]);

#endif
