#include "agbot/ag_frames.h"

#include <stdlib.h>

#include "text.h"

struct ag_frames {
    text_t text;
    bool in_array, begun;
    void *memory; /* levels, or rows */
    size_t capacity;
};

ag_frames_t *ag_frames_create(void) { return calloc(1, sizeof(ag_frames_t)); }

void ag_frames_destroy(ag_frames_t *f) {
    if (f == NULL)
        return;
    free(f->memory);
    free(f);
}

void ag_frames_begin(ag_frames_t *f, const char *text, size_t length) {
    f->text = (text_t){text, text + length};
    f->in_array = f->begun = false;
}

/* Room for `count` + 1 things of `size` bytes. */
static bool room(ag_frames_t *f, size_t count, size_t size) {
    size_t needed = (count + 1) * size;
    if (needed <= f->capacity)
        return true;
    size_t capacity = 2 * needed < 4096 ? 4096 : 2 * needed;
    void *memory = malloc(capacity);
    if (memory == NULL)
        return false;
    if (f->memory != NULL)
        memcpy(memory, f->memory, f->capacity);
    free(f->memory);
    f->memory = memory;
    f->capacity = capacity;
    return true;
}

/* ---- book ---- */

static bool level_any_order(text_t *t, ag_level_t *level) {
    unsigned seen = 0;
    bool first = true;
    ag_slice_t key;
    int more = NO;
    if (!sign(t, '{'))
        return false;
    while ((more = next_key(t, &first, &key)) == OK) {
        bool ok = IS(key, "price")  ? once(&seen, 1) && price(t, &level->price)
                  : IS(key, "size") ? once(&seen, 2) && units(t, &level->size)
                                    : pass_over(t, key);
        if (!ok)
            return false;
    }
    return more == 0 && seen == 3;
}

static inline bool level_as_usual(text_t *t, ag_level_t *level) {
    return FOLLOWS(t, "{\"price\":\"") && price_rest(t, &level->price) && FOLLOWS(t, ",\"size\":\"") &&
           units_rest(t, &level->size) && FOLLOWS(t, "}");
}

static inline bool level_get(text_t *t, ag_level_t *level) {
    const char *begin = t->at;
    if (level_as_usual(t, level))
        return true;
    t->at = begin;
    return level_any_order(t, level);
}

/* Appends a list of levels to those already there. */
static int levels(ag_frames_t *f, size_t *total, size_t *count) {
    bool first = true;
    int more = NO;
    size_t begin = *total;
    if (!sign(&f->text, '['))
        return NO;
    while ((more = next_element(&f->text, &first)) == OK) {
        if (!room(f, *total, sizeof(ag_level_t)))
            return SHORT;
        ag_level_t *level = (ag_level_t *)f->memory + *total;
        space(&f->text);
        if (!level_get(&f->text, level))
            return NO;
        *total += level->size != 0;
    }
    *count = *total - begin;
    return more == 0 ? OK : more;
}

/* ---- price_change ---- */

typedef struct {
    ag_slice_t token, hash;
    bool bid_known, ask_known;
    int64_t bid, ask;
} row_about_t;

static bool side_of(ag_slice_t word, int64_t *side) {
    *side = IS(word, "BUY") || IS(word, "buy") ? AG_BID : AG_ASK;
    return *side == AG_BID || IS(word, "SELL") || IS(word, "sell");
}

static bool row_value(text_t *t, ag_slice_t key, unsigned *seen, ag_change_t *change, row_about_t *about) {
    ag_slice_t word;
    if (IS(key, "price"))
        return once(seen, 1) && price(t, &change->price);
    if (IS(key, "size"))
        return once(seen, 2) && units(t, &change->size);
    if (IS(key, "side"))
        return once(seen, 4) && string(t, &word) && side_of(word, &change->side);
    if (IS(key, "asset_id"))
        return once(seen, 8) && string(t, &about->token) && about->token.length > 0;
    if (IS(key, "best_bid"))
        return once(seen, 16) && maybe_units(t, &about->bid, &about->bid_known);
    if (IS(key, "best_ask"))
        return once(seen, 32) && maybe_units(t, &about->ask, &about->ask_known);
    if (IS(key, "hash"))
        return once(seen, 64) && string(t, &about->hash);
    return pass_over(t, key);
}

/* The index of the row's token; false when there are too many. */
static bool token_of(ag_frame_t *out, const row_about_t *about, size_t *index) {
    size_t i = 0;
    while (i < out->token_count && !same(out->tokens[i].token, about->token))
        i++;
    if (i == AG_FRAMES_TOKENS)
        return false;
    ag_frame_token_t *token = &out->tokens[i];
    if (i == out->token_count) {
        *token = (ag_frame_token_t){.token = about->token};
        out->token_count++;
    }
    token->rows++;
    token->top_known = about->bid_known && about->ask_known;
    token->bid = about->bid;
    token->ask = about->ask;
    if (about->hash.length > 0)
        token->hash = about->hash;
    *index = i;
    return true;
}

static bool row_any_order(text_t *t, ag_change_t *change, row_about_t *about) {
    unsigned seen = 0;
    bool first = true;
    int more = NO;
    ag_slice_t key;
    *about = (row_about_t){.bid_known = false};
    if (!sign(t, '{'))
        return false;
    while ((more = next_key(t, &first, &key)) == OK)
        if (!row_value(t, key, &seen, change, about))
            return false;
    return more == 0 && (seen & 15) == 15;
}

/* The order and spacing in which the venue writes a row. */
static inline bool row_as_usual(text_t *t, ag_change_t *change, row_about_t *about) {
    if (!(FOLLOWS(t, "{\"asset_id\":\"") && string_rest(t, &about->token) && about->token.length > 0 &&
          FOLLOWS(t, ",\"price\":\"") && price_rest(t, &change->price) && FOLLOWS(t, ",\"size\":\"") &&
          units_rest(t, &change->size)))
        return false;
    if (FOLLOWS(t, ",\"side\":\"BUY\""))
        change->side = AG_BID;
    else if (FOLLOWS(t, ",\"side\":\"SELL\""))
        change->side = AG_ASK;
    else
        return false;
    about->bid_known = about->ask_known = true;
    return FOLLOWS(t, ",\"hash\":\"") && string_rest(t, &about->hash) && FOLLOWS(t, ",\"best_bid\":\"") &&
           units_rest(t, &about->bid) && FOLLOWS(t, ",\"best_ask\":\"") && units_rest(t, &about->ask) &&
           FOLLOWS(t, "}");
}

static bool row_get(text_t *t, ag_frame_row_t *row, ag_frame_t *out) {
    const char *begin = t->at;
    row_about_t about;
    if (!row_as_usual(t, &row->change, &about)) {
        t->at = begin;
        if (!row_any_order(t, &row->change, &about))
            return false;
    }
    return token_of(out, &about, &row->token);
}

static int rows(ag_frames_t *f, ag_frame_t *out) {
    bool first = true;
    int more = NO;
    if (!sign(&f->text, '['))
        return NO;
    while ((more = next_element(&f->text, &first)) == OK) {
        if (!room(f, out->row_count, sizeof(ag_frame_row_t)))
            return SHORT;
        if (!row_get(&f->text, (ag_frame_row_t *)f->memory + out->row_count, out))
            return NO;
        out->row_count++;
    }
    return more == 0 ? OK : more;
}

/* ---- messages ---- */

enum { EVENT = 1, MARKET = 2, TOKEN = 4, TIME = 8, BIDS = 16, ASKS = 32, CHANGES = 64, TICK = 128, HASH = 256 };

typedef struct {
    unsigned seen;
    ag_slice_t event;
    size_t levels, bids_at, asks_at;
} message_t;

static int level_list(ag_frames_t *f, message_t *m, unsigned key, size_t *at, size_t *count) {
    if (m->seen & CHANGES || !once(&m->seen, key))
        return NO;
    *at = m->levels;
    return levels(f, &m->levels, count);
}

static int message_value(ag_frames_t *f, ag_slice_t key, message_t *m, ag_frame_t *out) {
    bool known;
    if (IS(key, "bids"))
        return level_list(f, m, BIDS, &m->bids_at, &out->bid_count);
    if (IS(key, "asks"))
        return level_list(f, m, ASKS, &m->asks_at, &out->ask_count);
    if (IS(key, "price_changes"))
        return m->seen & (BIDS | ASKS) || !once(&m->seen, CHANGES) ? NO : rows(f, out);
    if (IS(key, "changes"))
        return NO;
    if (IS(key, "event_type"))
        return once(&m->seen, EVENT) && string(&f->text, &m->event) ? OK : NO;
    if (IS(key, "market"))
        return once(&m->seen, MARKET) && string(&f->text, &out->market) ? OK : NO;
    if (IS(key, "asset_id"))
        return once(&m->seen, TOKEN) && string(&f->text, &out->token) ? OK : NO;
    if (IS(key, "timestamp"))
        return once(&m->seen, TIME) && milliseconds(&f->text, &out->ts_ns) ? OK : NO;
    if (IS(key, "tick_size"))
        return once(&m->seen, TICK) && maybe_units(&f->text, &out->tick, &known) && known == (out->tick > 0) ? OK : NO;
    if (IS(key, "hash"))
        return once(&m->seen, HASH) && string(&f->text, &out->hash) ? OK : NO;
    return pass_over(&f->text, key) ? OK : NO;
}

/* Whether what was seen makes one of the two messages; sets its kind. */
static bool complete(const message_t *m, ag_frame_t *out) {
    out->kind = IS(m->event, "book") ? AG_FRAME_BOOK : AG_FRAME_CHANGES;
    if (out->kind == AG_FRAME_BOOK)
        return (m->seen & (TIME | BIDS | ASKS | CHANGES)) == (TIME | BIDS | ASKS) && out->token.length > 0;
    return IS(m->event, "price_change") && (m->seen & (TIME | CHANGES)) == (TIME | CHANGES);
}

static int message(ag_frames_t *f, ag_frame_t *out) {
    message_t m = {0};
    bool first = true;
    int more = NO;
    ag_slice_t key;
    out->market = out->hash = out->token = (ag_slice_t){NULL, 0};
    out->tick = 0;
    out->bid_count = out->ask_count = out->row_count = out->token_count = 0;
    if (!sign(&f->text, '{'))
        return NO;
    while ((more = next_key(&f->text, &first, &key)) == OK) {
        int result = message_value(f, key, &m, out);
        if (result != OK)
            return result;
    }
    if (more != 0 || !complete(&m, out))
        return NO;
    out->rows = f->memory;
    const ag_level_t *all = f->memory;
    out->bids = all == NULL ? NULL : all + m.bids_at;
    out->asks = all == NULL ? NULL : all + m.asks_at;
    return OK;
}

/* Whether nothing but white space is left. */
static int ended(text_t *t) {
    space(t);
    return t->at == t->end ? 0 : NO;
}

int ag_frames_next(ag_frames_t *f, ag_frame_t *out) {
    if (f->begun && !f->in_array)
        return ended(&f->text);
    bool first = !f->begun;
    if (first)
        f->in_array = sign(&f->text, '[');
    f->begun = true;
    if (!f->in_array) {
        int result = message(f, out);
        return result == OK && ended(&f->text) != 0 ? NO : result;
    }
    int more = next_element(&f->text, &first);
    if (more != OK)
        return more == 0 ? ended(&f->text) : more;
    return message(f, out);
}

int ag_frames_check(ag_frames_t *f, const char *text, size_t length) {
    ag_frame_t ignored;
    int more;
    ag_frames_begin(f, text, length);
    do
        more = ag_frames_next(f, &ignored);
    while (more == OK && f->in_array);
    return more == OK ? AG_OK : more;
}
