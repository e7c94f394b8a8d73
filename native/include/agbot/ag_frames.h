/*
 * ag_frames: reads the two frequent messages of the market channel (book, price_change) straight from their JSON text.
 * C11, no extensions, no globals.
 *
 * Shape        objects or one array of objects; keys in any order, each at most once; ASCII strings without escapes;
 *              numbers as text with at most 12 digits before and 6 after the point. Anything else is answered with
 *              AG_ERR_INVALID_ARG, which says "read this frame another way", not "it is wrong".
 * Units        prices in 10^-6 usd strictly between 0 and 1, sizes in 10^-6 shares, time in UTC nanoseconds.
 * Slices       point into the given text and live as long as it does.
 * Ownership    create returns an object that the caller ends with destroy; it keeps its memory from frame to frame.
 * Complexity   O(bytes). Memory: 24 bytes per level or row of the longest message so far.
 */
#ifndef AGBOT_AG_FRAMES_H
#define AGBOT_AG_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agbot/ag_book.h"
#include "agbot/ag_status.h"

#define AG_FRAMES_TOKENS 8 /* different tokens in one price_change */

typedef struct {
    const char *text;
    size_t length;
} ag_slice_t;

typedef enum { AG_FRAME_BOOK, AG_FRAME_CHANGES } ag_frame_kind_t;

/* What a price_change says about one token. */
typedef struct {
    ag_slice_t token;
    ag_slice_t hash;    /* of the last row; empty when there is none */
    size_t rows;        /* how many rows are about it */
    bool top_known;     /* whether its last row names both best prices */
    int64_t bid, ask;   /* then these */
} ag_frame_token_t;

typedef struct {
    size_t token; /* index into tokens */
    ag_change_t change;
} ag_frame_row_t;

typedef struct {
    ag_frame_kind_t kind;
    ag_slice_t market; /* empty when not named */
    ag_slice_t hash;
    int64_t ts_ns;

    /* AG_FRAME_BOOK: levels of size 0 are left out */
    ag_slice_t token;
    int64_t tick; /* 0 when not named */
    const ag_level_t *bids, *asks;
    size_t bid_count, ask_count;

    /* AG_FRAME_CHANGES */
    const ag_frame_row_t *rows;
    size_t row_count;
    ag_frame_token_t tokens[AG_FRAMES_TOKENS];
    size_t token_count;
} ag_frame_t;

typedef struct ag_frames ag_frames_t;

/* NULL when memory is short. */
ag_frames_t *ag_frames_create(void);
void ag_frames_destroy(ag_frames_t *frames);

/* Starts reading a text. */
void ag_frames_begin(ag_frames_t *frames, const char *text, size_t length);

/*
 * Reads the next message. 1: *out is it, valid until the next call; nothing follows a lone object. 0: the text has ended.
 * AG_ERR_INVALID_ARG: not the shape above. AG_ERR_NOMEM: memory is short. After an error the text is not to be read on.
 */
int ag_frames_next(ag_frames_t *frames, ag_frame_t *out);

/* Reads an array to its end and forgets it: AG_OK when `next` will. For who acts on its messages one by one. */
int ag_frames_check(ag_frames_t *frames, const char *text, size_t length);

#endif
