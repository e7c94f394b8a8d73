/* Reading known JSON from text: every function moves on and answers whether it found what it wanted. Private to frames.c. */
#ifndef AGBOT_TEXT_H
#define AGBOT_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "agbot/ag_frames.h"

#define MILLION 1000000
#define MS_MAX (INT64_MAX / MILLION) /* milliseconds whose nanoseconds fit into 64 bits */
#define WHOLE_DIGITS_MAX 12
#define PART_DIGITS_MAX 6
#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

typedef struct {
    const char *at, *end;
} text_t;

enum { OK = 1, NO = AG_ERR_INVALID_ARG, SHORT = AG_ERR_NOMEM };

/* ---- letters ---- */

static inline void space(text_t *t) {
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\r' || *t->at == '\t'))
        t->at++;
}

static inline bool sign(text_t *t, char wanted) {
    space(t);
    if (t->at == t->end || *t->at != wanted)
        return false;
    t->at++;
    return true;
}

/* Whether a byte ends the plain run of a string: a quote, a backslash, a control character or not ASCII. */
static inline bool stops(char letter) {
    unsigned char c = (unsigned char)letter;
    return c == '"' || c == '\\' || c < 0x20 || c >= 0x80;
}

/* The high bit of every byte that may stop the run. (Borrows can mark a byte after a true one: never the first.) */
static inline uint64_t stopping(uint64_t word) {
    uint64_t quote = word ^ (ONES * '"'), backslash = word ^ (ONES * '\\');
    return (((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | ((word - ONES * 0x20) & ~word) | word) &
           HIGHS;
}

/*
 * Whether every byte is in 0x30-0x3f or 0x60-0x7f: the ids and hashes that fill most of a frame, at half the price of
 * `stopping`. Such bytes have bit 5 and not bit 7, and bit 4 or bit 6.
 */
static inline bool digits_or_lower(uint64_t word) {
    return (word & (ONES * 0xa0)) == ONES * 0x20 && ((word | word >> 2) & (ONES * 0x10)) == ONES * 0x10;
}

/* A string after its opening quote. */
static inline bool string_rest(text_t *t, ag_slice_t *out) {
    const char *at = t->at;
    uint64_t word;
    while (t->end - at >= 8) {
        memcpy(&word, at, 8);
        if (!digits_or_lower(word) && stopping(word))
            break;
        at += 8;
    }
    while (at < t->end && !stops(*at))
        at++;
    if (at == t->end || *at != '"')
        return false;
    *out = (ag_slice_t){t->at, (size_t)(at - t->at)};
    t->at = at + 1;
    return true;
}

static inline bool string(text_t *t, ag_slice_t *out) { return sign(t, '"') && string_rest(t, out); }

#define IS(slice, name) ((slice).length == sizeof(name) - 1 && memcmp((slice).text, name, sizeof(name) - 1) == 0)

/* Whether `word` follows right here, white space or not; then it is passed. */
static inline bool follows(text_t *t, const char *word, size_t length) {
    if ((size_t)(t->end - t->at) < length || memcmp(t->at, word, length) != 0)
        return false;
    t->at += length;
    return true;
}

#define FOLLOWS(t, word) follows(t, word, sizeof(word) - 1)

static inline bool same(ag_slice_t a, ag_slice_t b) {
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

/* ---- numbers: after the opening quote, through the closing one ---- */

static inline bool digit(const text_t *t) { return t->at < t->end && *t->at >= '0' && *t->at <= '9'; }

static inline bool units_rest(text_t *t, int64_t *out) {
    const char *begin = t->at;
    int64_t value = 0;
    while (digit(t) && t->at - begin < WHOLE_DIGITS_MAX)
        value = 10 * value + (*t->at++ - '0');
    ptrdiff_t whole = t->at - begin, part = 0;
    if (t->at < t->end && *t->at == '.') {
        begin = ++t->at;
        while (digit(t) && t->at - begin < PART_DIGITS_MAX)
            value = 10 * value + (*t->at++ - '0');
        part = t->at - begin;
    }
    if (whole + part == 0 || t->at == t->end || *t->at != '"')
        return false;
    t->at++;
    for (; part < PART_DIGITS_MAX; part++)
        value *= 10;
    *out = value;
    return true;
}

static inline bool price_rest(text_t *t, int64_t *out) {
    return units_rest(t, out) && *out > 0 && *out < AG_BOOK_ONE;
}

static inline bool units(text_t *t, int64_t *out) { return sign(t, '"') && units_rest(t, out); }
static inline bool price(text_t *t, int64_t *out) { return sign(t, '"') && price_rest(t, out); }

/* A number that may be "", which leaves *known false. */
static inline bool maybe_units(text_t *t, int64_t *out, bool *known) {
    if (!sign(t, '"'))
        return false;
    if (t->at < t->end && *t->at == '"') {
        t->at++;
        *known = false;
        return true;
    }
    *known = true;
    return units_rest(t, out);
}

static inline bool milliseconds(text_t *t, int64_t *ns) {
    int64_t value = 0;
    if (!sign(t, '"'))
        return false;
    while (digit(t) && value <= MS_MAX / 10)
        value = 10 * value + (*t->at++ - '0');
    if (value == 0 || value > MS_MAX || t->at == t->end || *t->at != '"')
        return false;
    t->at++;
    *ns = value * MILLION;
    return true;
}

/* ---- objects ---- */

/* Moves on to the next key. 1: *key is it and its colon is read. 0: the object has ended. */
static inline int next_key(text_t *t, bool *first, ag_slice_t *key) {
    space(t);
    if (t->at < t->end && *t->at == '}') {
        t->at++;
        return 0;
    }
    if (!*first && !sign(t, ','))
        return NO;
    *first = false;
    return string(t, key) && sign(t, ':') ? OK : NO;
}

/* Before each element of a list. 1: there is one. 0: the list has ended. */
static inline int next_element(text_t *t, bool *first) {
    space(t);
    if (t->at < t->end && *t->at == ']') {
        t->at++;
        return 0;
    }
    if (!*first && !sign(t, ','))
        return NO;
    *first = false;
    return OK;
}

/* Marks a key as seen; false when it was. */
static inline bool once(unsigned *seen, unsigned key) {
    if (*seen & key)
        return false;
    *seen |= key;
    return true;
}

/* Another key's value: text is passed over, and so is the truth value of neg_risk. */
static inline bool pass_over(text_t *t, ag_slice_t key) {
    ag_slice_t ignored;
    space(t);
    if (IS(key, "neg_risk") && (FOLLOWS(t, "true") || FOLLOWS(t, "false")))
        return true;
    return string(t, &ignored);
}

#endif
