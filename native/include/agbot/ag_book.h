/*
 * ag_book: one L2 order book of a [0, 1] market on its tick grid. C11, no extensions, no globals.
 *
 * Units        prices in 10^-6 usd, sizes in 10^-6 shares, all int64. A price is valid when it is a multiple of the tick
 *              inside [tick, 1 - tick]; a size when it is >= 0. A level with size 0 does not exist.
 * Ticks        100000, 10000, 5000, 2500, 1000, 100.
 * Atomic       a call that fails has changed nothing: batches are checked as a whole before the first change.
 * Ownership    create returns an object that the caller ends with destroy. Only create and regrid allocate.
 * Threads      none of these functions locks: the caller lets one thread in at a time, readers included.
 * NULL         every function accepts a NULL book: changes answer AG_ERR_INVALID_ARG, questions what an empty book would.
 * Complexity   update, best and size O(1); top, vwap and imbalance O(levels touched).
 * Memory       16 bytes per tick of the grid: 1.6 KB at 0.01, 16 KB at 0.001, 160 KB at 0.0001.
 *
 * The book takes what the feed says: locked and crossed states are reported, not repaired.
 */
#ifndef AGBOT_AG_BOOK_H
#define AGBOT_AG_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agbot/ag_status.h"

#define AG_BID 0
#define AG_ASK 1
#define AG_BOOK_ONE 1000000 /* 1 usd, and the best ask of an empty side; the best bid of an empty side is 0 */

typedef struct ag_book ag_book_t;

typedef struct {
    int64_t price;
    int64_t size;
} ag_level_t;

typedef struct {
    int64_t side;
    int64_t price;
    int64_t size; /* the level's new size, not a difference; 0 removes it */
} ag_change_t;

/* Whether `tick` is one of the grid's ticks. */
bool ag_book_tick_ok(int64_t tick);

/* An empty book; NULL for an unknown tick or when memory is short. */
ag_book_t *ag_book_create(int64_t tick);
void ag_book_destroy(ag_book_t *book);

/* AG_OK when this change could be applied now, else AG_ERR_INVALID_ARG. */
int ag_book_check(const ag_book_t *book, int64_t side, int64_t price, int64_t size);

/* Sets one level. */
int ag_book_update(ag_book_t *book, int64_t side, int64_t price, int64_t size);

/* Sets levels in order, all or none. When *out_bad is not NULL it gets the index of the first impossible change. */
int ag_book_apply(ag_book_t *book, const ag_change_t *changes, size_t count, size_t *out_bad);

/*
 * Replaces the whole book, all or nothing. Levels in any order; the last of two at one price counts.
 * *out_bad counts through the bids, then the asks.
 */
int ag_book_snapshot(ag_book_t *book, const ag_level_t *bids, size_t bid_count, const ag_level_t *asks,
                     size_t ask_count, size_t *out_bad);

/* Removes every level. */
void ag_book_clear(ag_book_t *book);

/*
 * Moves every level to the grid of `tick`. AG_ERR_INVALID_ARG for an unknown tick or when a level would not fit,
 * AG_ERR_NOMEM when memory is short; the book is unchanged then.
 */
int ag_book_regrid(ag_book_t *book, int64_t tick);

int64_t ag_book_tick(const ag_book_t *book);

/* The best price of a side (0 or AG_BOOK_ONE when empty), its size (0 when empty), the number of levels. */
int64_t ag_book_best(const ag_book_t *book, int side);
int64_t ag_book_best_size(const ag_book_t *book, int side);
size_t ag_book_count(const ag_book_t *book, int side);

/* The size at a price; 0 where there is no level, valid price or not. */
int64_t ag_book_size_at(const ag_book_t *book, int side, int64_t price);

/* Writes the best `max_levels` or fewer of a side, best first; returns how many. */
size_t ag_book_top(const ag_book_t *book, int side, size_t max_levels, ag_level_t *out);

/* 1 and *out in 10^-6 usd when both sides have a level, else 0: half way, and weighted by the opposite best size. */
int ag_book_mid(const ag_book_t *book, double *out);
int ag_book_microprice(const ag_book_t *book, double *out);

/* 1 and *out = (bid - ask) / (bid + ask) of the sizes on the best `levels` of each side; 0 on an empty book. */
int ag_book_imbalance(const ag_book_t *book, size_t levels, double *out);

/*
 * Walks a side from its best until `size` is filled. Returns what could be filled (0 for size <= 0 or an empty side)
 * and, when that is not 0, its average price in 10^-6 usd.
 */
int64_t ag_book_vwap(const ag_book_t *book, int side, int64_t size, double *out_average);

#endif
