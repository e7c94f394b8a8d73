#include "agbot/ag_book.h"

#include <stdlib.h>

/*
 * A level's place on its side is its *key*: the distance from the worst price, turned so that the best level has the
 * lowest key on either side (bids count down from 1, asks up from 0). One code path then serves both, and the key of
 * "no level" is the grid's length, which reads back as price 0 for bids and 1 for asks.
 */
typedef struct {
    int64_t *sizes;  /* by key */
    uint64_t *words; /* bit k: a level at key k */
    uint64_t summary[3]; /* bit w: words[w] is not 0; 3 words cover the 10001 keys of the finest tick */
    uint32_t best;
    uint32_t count;
} side_t;

struct ag_book {
    uint32_t tick;
    uint32_t length;  /* ticks in 1 usd */
    uint64_t inverse; /* ceil(2^INVERSE_BITS / tick) */
    side_t sides[2];
    void *memory;
};

/* price * inverse >> 40 is exactly price / tick for every price up to 2^20 since tick < 2^20 (Granlund, Montgomery). */
#define INVERSE_BITS 40

static const int64_t TICKS[] = {100000, 10000, 5000, 2500, 1000, 100};

bool ag_book_tick_ok(int64_t tick) {
    for (size_t i = 0; i < sizeof TICKS / sizeof TICKS[0]; i++)
        if (TICKS[i] == tick)
            return true;
    return false;
}

/* Index of the lowest set bit of x != 0, by de Bruijn sequence: C11 has no such operation. */
static uint32_t lowest_bit(uint64_t x) {
    static const uint8_t INDEX[64] = {
        0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,  62, 55, 59, 36, 53, 51,
        43, 22, 45, 39, 33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
        44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6};
    return INDEX[((x & (0 - x)) * UINT64_C(0x03f79d71b4cb0a89)) >> 58];
}

static size_t word_count(uint32_t length) { return length / 64 + 1; }

static bool grid_init(ag_book_t *book, int64_t tick) {
    uint32_t length = (uint32_t)(AG_BOOK_ONE / tick);
    size_t words = word_count(length), cells = (size_t)length + 1;
    int64_t *memory = calloc(2 * (cells + words), sizeof *memory);
    if (memory == NULL)
        return false;
    *book = (ag_book_t){.tick = (uint32_t)tick, .length = length, .memory = memory};
    book->inverse = ((UINT64_C(1) << INVERSE_BITS) + (uint64_t)tick - 1) / (uint64_t)tick;
    for (int side = AG_BID; side <= AG_ASK; side++) {
        book->sides[side].sizes = memory + (size_t)side * cells;
        book->sides[side].words = (uint64_t *)(memory + 2 * cells + (size_t)side * words);
        book->sides[side].best = length;
    }
    return true;
}

ag_book_t *ag_book_create(int64_t tick) {
    if (!ag_book_tick_ok(tick))
        return NULL;
    ag_book_t *book = malloc(sizeof *book);
    if (book != NULL && !grid_init(book, tick)) {
        free(book);
        return NULL;
    }
    return book;
}

void ag_book_destroy(ag_book_t *book) {
    if (book == NULL)
        return;
    free(book->memory);
    free(book);
}

static uint32_t index_of(const ag_book_t *book, int64_t price) {
    return (uint32_t)(((uint64_t)price * book->inverse) >> INVERSE_BITS);
}

static bool price_ok(const ag_book_t *book, int64_t price) {
    if (price <= 0 || price >= AG_BOOK_ONE)
        return false;
    return index_of(book, price) * book->tick == (uint32_t)price;
}

static uint32_t key_of(const ag_book_t *book, int64_t side, int64_t price) {
    uint32_t index = index_of(book, price);
    return side == AG_BID ? book->length - index : index;
}

static int64_t price_of(const ag_book_t *book, int side, uint32_t key) {
    return (int64_t)(side == AG_BID ? book->length - key : key) * (int64_t)book->tick;
}

int ag_book_check(const ag_book_t *book, int64_t side, int64_t price, int64_t size) {
    bool ok = book != NULL && (side == AG_BID || side == AG_ASK) && size >= 0 && price_ok(book, price);
    return ok ? AG_OK : AG_ERR_INVALID_ARG;
}

/* The lowest key at or above `from`, `length` when there is none. */
static uint32_t next_key(const side_t *side, uint32_t from, uint32_t length) {
    uint32_t word = from / 64;
    if (from >= length)
        return length;
    uint64_t bits = side->words[word] & (~UINT64_C(0) << (from % 64));
    if (bits != 0)
        return word * 64 + lowest_bit(bits);
    if (++word >= 192)
        return length;
    uint32_t group = word / 64;
    bits = side->summary[group] & (~UINT64_C(0) << (word % 64));
    while (bits == 0) {
        if (++group == 3)
            return length;
        bits = side->summary[group];
    }
    word = group * 64 + lowest_bit(bits);
    return word * 64 + lowest_bit(side->words[word]);
}

static void set_level(side_t *side, uint32_t key, int64_t size) {
    uint32_t word = key / 64;
    if (side->sizes[key] == 0) {
        side->words[word] |= UINT64_C(1) << (key % 64);
        side->summary[word / 64] |= UINT64_C(1) << (word % 64);
        side->count++;
        if (key < side->best)
            side->best = key;
    }
    side->sizes[key] = size;
}

static void remove_level(side_t *side, uint32_t key, uint32_t length) {
    uint32_t word = key / 64;
    if (side->sizes[key] == 0)
        return;
    side->sizes[key] = 0;
    side->count--;
    side->words[word] &= ~(UINT64_C(1) << (key % 64));
    if (side->words[word] == 0)
        side->summary[word / 64] &= ~(UINT64_C(1) << (word % 64));
    if (key == side->best)
        side->best = next_key(side, key + 1, length);
}

static void put(ag_book_t *book, int64_t side, int64_t price, int64_t size) {
    uint32_t key = key_of(book, side, price);
    if (size > 0)
        set_level(&book->sides[side], key, size);
    else
        remove_level(&book->sides[side], key, book->length);
}

int ag_book_update(ag_book_t *book, int64_t side, int64_t price, int64_t size) {
    if (ag_book_check(book, side, price, size) != AG_OK)
        return AG_ERR_INVALID_ARG;
    put(book, side, price, size);
    return AG_OK;
}

static int refuse(size_t index, size_t *out_bad) {
    if (out_bad != NULL)
        *out_bad = index;
    return AG_ERR_INVALID_ARG;
}

int ag_book_apply(ag_book_t *book, const ag_change_t *changes, size_t count, size_t *out_bad) {
    if (book == NULL || (count > 0 && changes == NULL))
        return refuse(0, out_bad);
    for (size_t i = 0; i < count; i++)
        if (ag_book_check(book, changes[i].side, changes[i].price, changes[i].size) != AG_OK)
            return refuse(i, out_bad);
    for (size_t i = 0; i < count; i++)
        put(book, changes[i].side, changes[i].price, changes[i].size);
    return AG_OK;
}

/* The index of the first impossible level, `count` when all are possible. */
static size_t first_bad(const ag_book_t *book, const ag_level_t *levels, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (ag_book_check(book, AG_BID, levels[i].price, levels[i].size) != AG_OK)
            return i;
    return count;
}

int ag_book_snapshot(ag_book_t *book, const ag_level_t *bids, size_t bid_count, const ag_level_t *asks,
                     size_t ask_count, size_t *out_bad) {
    if (book == NULL || (bid_count > 0 && bids == NULL) || (ask_count > 0 && asks == NULL))
        return refuse(0, out_bad);
    size_t bad = first_bad(book, bids, bid_count);
    if (bad == bid_count)
        bad += first_bad(book, asks, ask_count);
    if (bad < bid_count + ask_count)
        return refuse(bad, out_bad);
    ag_book_clear(book);
    for (size_t i = 0; i < bid_count; i++)
        put(book, AG_BID, bids[i].price, bids[i].size);
    for (size_t i = 0; i < ask_count; i++)
        put(book, AG_ASK, asks[i].price, asks[i].size);
    return AG_OK;
}

void ag_book_clear(ag_book_t *book) {
    if (book == NULL)
        return;
    for (int i = AG_BID; i <= AG_ASK; i++) {
        side_t *side = &book->sides[i];
        while (side->count > 0)
            remove_level(side, side->best, book->length);
    }
}

int ag_book_regrid(ag_book_t *book, int64_t tick) {
    ag_book_t moved;
    if (book == NULL || !ag_book_tick_ok(tick))
        return AG_ERR_INVALID_ARG;
    if (!grid_init(&moved, tick))
        return AG_ERR_NOMEM;
    for (int i = AG_BID; i <= AG_ASK; i++) {
        const side_t *side = &book->sides[i];
        for (uint32_t key = side->best; key < book->length; key = next_key(side, key + 1, book->length)) {
            if (ag_book_update(&moved, i, price_of(book, i, key), side->sizes[key]) != AG_OK) {
                free(moved.memory);
                return AG_ERR_INVALID_ARG;
            }
        }
    }
    free(book->memory);
    *book = moved;
    return AG_OK;
}

int64_t ag_book_tick(const ag_book_t *book) { return book == NULL ? 0 : book->tick; }

static const side_t *side_at(const ag_book_t *book, int side) {
    return book != NULL && (side == AG_BID || side == AG_ASK) ? &book->sides[side] : NULL;
}

int64_t ag_book_best(const ag_book_t *book, int side) {
    const side_t *levels = side_at(book, side);
    if (levels == NULL)
        return side == AG_ASK ? AG_BOOK_ONE : 0;
    return price_of(book, side, levels->best);
}

int64_t ag_book_best_size(const ag_book_t *book, int side) {
    const side_t *levels = side_at(book, side);
    return levels == NULL ? 0 : levels->sizes[levels->best]; /* the cell past the last key stays 0 */
}

size_t ag_book_count(const ag_book_t *book, int side) {
    const side_t *levels = side_at(book, side);
    return levels == NULL ? 0 : levels->count;
}

int64_t ag_book_size_at(const ag_book_t *book, int side, int64_t price) {
    const side_t *levels = side_at(book, side);
    return levels == NULL || !price_ok(book, price) ? 0 : levels->sizes[key_of(book, side, price)];
}

size_t ag_book_top(const ag_book_t *book, int side, size_t max_levels, ag_level_t *out) {
    const side_t *levels = side_at(book, side);
    size_t count = 0;
    if (levels == NULL || out == NULL)
        return 0;
    for (uint32_t key = levels->best; key < book->length && count < max_levels;
         key = next_key(levels, key + 1, book->length))
        out[count++] = (ag_level_t){price_of(book, side, key), levels->sizes[key]};
    return count;
}

static bool two_sided(const ag_book_t *book, const double *out) {
    return book != NULL && out != NULL && book->sides[AG_BID].count > 0 && book->sides[AG_ASK].count > 0;
}

int ag_book_mid(const ag_book_t *book, double *out) {
    if (!two_sided(book, out))
        return 0;
    *out = (double)(ag_book_best(book, AG_BID) + ag_book_best(book, AG_ASK)) / 2.0;
    return 1;
}

int ag_book_microprice(const ag_book_t *book, double *out) {
    if (!two_sided(book, out))
        return 0;
    double bid = (double)ag_book_best(book, AG_BID), ask = (double)ag_book_best(book, AG_ASK);
    double bid_size = (double)ag_book_best_size(book, AG_BID), ask_size = (double)ag_book_best_size(book, AG_ASK);
    *out = bid + (ask - bid) * (bid_size / (bid_size + ask_size));
    return 1;
}

static double depth(const ag_book_t *book, const side_t *side, size_t levels) {
    double total = 0.0;
    for (uint32_t key = side->best; key < book->length && levels > 0; key = next_key(side, key + 1, book->length)) {
        total += (double)side->sizes[key];
        levels--;
    }
    return total;
}

int ag_book_imbalance(const ag_book_t *book, size_t levels, double *out) {
    if (book == NULL || out == NULL || levels == 0)
        return 0;
    double bid = depth(book, &book->sides[AG_BID], levels), ask = depth(book, &book->sides[AG_ASK], levels);
    if (bid + ask <= 0.0)
        return 0;
    *out = (bid - ask) / (bid + ask);
    return 1;
}

int64_t ag_book_vwap(const ag_book_t *book, int side, int64_t size, double *out_average) {
    const side_t *levels = side_at(book, side);
    if (levels == NULL || out_average == NULL || size <= 0 || levels->count == 0)
        return 0;
    int64_t left = size, best = price_of(book, side, levels->best);
    double slip = 0.0; /* summed from the best price, so that one level averages exactly to its price */
    for (uint32_t key = levels->best; key < book->length && left > 0; key = next_key(levels, key + 1, book->length)) {
        int64_t taken = levels->sizes[key] < left ? levels->sizes[key] : left;
        slip += (double)(price_of(book, side, key) - best) * (double)taken;
        left -= taken;
    }
    *out_average = (double)best + slip / (double)(size - left);
    return size - left;
}
