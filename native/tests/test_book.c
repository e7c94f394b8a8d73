#include "agbot/ag_book.h"

#include <math.h>
#include <string.h>

#include "check.h"

static const int64_t ALL_TICKS[] = {100000, 10000, 5000, 2500, 1000, 100};
#define TICK_COUNT (sizeof ALL_TICKS / sizeof ALL_TICKS[0])

/* The naive book: sizes by price, best by scan. */
static int64_t model[2][AG_BOOK_ONE + 1];

static int64_t model_best(int side, int64_t tick) {
    if (side == AG_ASK) {
        for (int64_t price = tick; price < AG_BOOK_ONE; price += tick)
            if (model[AG_ASK][price] > 0)
                return price;
        return AG_BOOK_ONE;
    }
    int64_t price = AG_BOOK_ONE - tick;
    while (price > 0 && model[AG_BID][price] == 0)
        price -= tick;
    return price;
}

static void check_same(const ag_book_t *book, int64_t tick) {
    for (int side = AG_BID; side <= AG_ASK; side++) {
        size_t count = 0;
        int64_t best = model_best(side, tick);
        CHECK(ag_book_best(book, side) == best);
        CHECK(ag_book_best_size(book, side) == (best % AG_BOOK_ONE == 0 ? 0 : model[side][best]));
        for (int64_t price = tick; price < AG_BOOK_ONE; price += tick)
            count += model[side][price] > 0;
        CHECK(ag_book_count(book, side) == count);
        static ag_level_t levels[10000];
        CHECK(ag_book_top(book, side, 10000, levels) == count);
        for (size_t i = 0; i < count; i++) {
            CHECK(levels[i].size == model[side][levels[i].price]);
            CHECK(i == 0 || (side == AG_BID ? levels[i].price < levels[i - 1].price
                                            : levels[i].price > levels[i - 1].price));
        }
    }
}

static void test_random_updates_equal_the_model(int64_t tick, int64_t spread) {
    ag_book_t *book = ag_book_create(tick);
    memset(model, 0, sizeof model);
    int64_t length = AG_BOOK_ONE / tick, middle = length / 2;
    for (int i = 0; i < 4000; i++) {
        int side = (int)random_below(2);
        int64_t index = middle + random_below(2 * spread + 1) - spread;
        index = index < 1 ? 1 : index > length - 1 ? length - 1 : index;
        int64_t size = random_below(2) == 0 ? 0 : 1 + random_below(1000000);
        CHECK(ag_book_update(book, side, index * tick, size) == AG_OK);
        model[side][index * tick] = size;
        CHECK(ag_book_best(book, side) == model_best(side, tick));
        CHECK(ag_book_size_at(book, side, index * tick) == size);
        if (i % 250 == 0)
            check_same(book, tick);
    }
    check_same(book, tick);
    ag_book_clear(book);
    memset(model, 0, sizeof model);
    check_same(book, tick);
    ag_book_destroy(book);
}

/* Every price from below 0 to above 1: the reciprocal must agree with plain division. */
static void test_every_price(int64_t tick) {
    ag_book_t *book = ag_book_create(tick);
    for (int64_t price = -2; price <= AG_BOOK_ONE + 2; price++) {
        int expected = price >= tick && price <= AG_BOOK_ONE - tick && price % tick == 0 ? AG_OK : AG_ERR_INVALID_ARG;
        if (ag_book_check(book, AG_BID, price, 1) != expected)
            CHECK(!"price check disagrees with division");
        if (expected == AG_OK) {
            CHECK(ag_book_update(book, AG_ASK, price, price) == AG_OK && ag_book_best(book, AG_ASK) == price);
            CHECK(ag_book_update(book, AG_ASK, price, 0) == AG_OK);
        }
    }
    CHECK(ag_book_check(book, AG_BID, INT64_MAX, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_check(book, AG_BID, INT64_MIN, 1) == AG_ERR_INVALID_ARG);
    ag_book_destroy(book);
}

static void test_null_is_tolerated(void) {
    double v = 7.0;
    size_t bad = 7;
    ag_level_t level = {500000, 1};
    ag_change_t change = {AG_BID, 500000, 1};
    ag_book_destroy(NULL);
    ag_book_clear(NULL);
    CHECK(ag_book_check(NULL, AG_BID, 500000, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_update(NULL, AG_BID, 500000, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_apply(NULL, &change, 1, &bad) == AG_ERR_INVALID_ARG && bad == 0);
    CHECK(ag_book_snapshot(NULL, &level, 1, NULL, 0, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_regrid(NULL, 1000) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_tick(NULL) == 0 && ag_book_count(NULL, AG_BID) == 0);
    CHECK(ag_book_best(NULL, AG_BID) == 0 && ag_book_best(NULL, AG_ASK) == AG_BOOK_ONE);
    CHECK(ag_book_best_size(NULL, AG_ASK) == 0 && ag_book_size_at(NULL, AG_ASK, 500000) == 0);
    CHECK(ag_book_top(NULL, AG_BID, 1, &level) == 0);
    CHECK(ag_book_mid(NULL, &v) == 0 && ag_book_microprice(NULL, &v) == 0);
    CHECK(ag_book_imbalance(NULL, 1, &v) == 0 && ag_book_vwap(NULL, AG_BID, 1, &v) == 0);
    CHECK(v == 7.0);
    ag_book_t *book = ag_book_create(1000);
    CHECK(ag_book_apply(book, NULL, 1, NULL) == AG_ERR_INVALID_ARG && ag_book_apply(book, NULL, 0, NULL) == AG_OK);
    CHECK(ag_book_snapshot(book, NULL, 1, NULL, 0, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_snapshot(book, NULL, 0, NULL, 1, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_snapshot(book, NULL, 0, NULL, 0, NULL) == AG_OK);
    CHECK(ag_book_top(book, AG_BID, 1, NULL) == 0 && ag_book_mid(book, NULL) == 0);
    CHECK(ag_book_best(book, 2) == 0 && ag_book_count(book, -1) == 0 && ag_book_vwap(book, 2, 1, &v) == 0);
    ag_book_destroy(book);
}

static void test_illegal_changes_change_nothing(void) {
    static const ag_change_t bad_ones[] = {
        {2, 500000, 1},       {-1, 500000, 1},      {AG_BID, 500000, -1}, {AG_BID, 505000, 1},        {AG_BID, 0, 1},
        {AG_BID, 1000000, 1}, {AG_BID, 1010000, 1}, {AG_ASK, -10000, 1},  {AG_ASK, 500000, INT64_MIN}, {AG_ASK, 5000, 1}};
    ag_book_t *book = ag_book_create(10000);
    size_t bad = 0;
    CHECK(ag_book_update(book, AG_BID, 480000, 3) == AG_OK);
    for (size_t i = 0; i < sizeof bad_ones / sizeof bad_ones[0]; i++) {
        ag_change_t batch[] = {{AG_BID, 490000, 5}, {AG_BID, 480000, 0}, bad_ones[i]};
        CHECK(ag_book_update(book, bad_ones[i].side, bad_ones[i].price, bad_ones[i].size) == AG_ERR_INVALID_ARG);
        CHECK(ag_book_apply(book, batch, 3, &bad) == AG_ERR_INVALID_ARG && bad == 2);
        CHECK(ag_book_count(book, AG_BID) == 1 && ag_book_best(book, AG_BID) == 480000);
        CHECK(ag_book_best_size(book, AG_BID) == 3 && ag_book_count(book, AG_ASK) == 0);
    }
    ag_level_t good[] = {{490000, 5}}, off_grid[] = {{510000, 1}, {512000, 1}};
    CHECK(ag_book_snapshot(book, good, 1, off_grid, 2, &bad) == AG_ERR_INVALID_ARG && bad == 2);
    CHECK(ag_book_snapshot(book, off_grid, 2, good, 1, &bad) == AG_ERR_INVALID_ARG && bad == 1);
    CHECK(ag_book_count(book, AG_BID) == 1 && ag_book_best(book, AG_BID) == 480000);
    ag_book_destroy(book);
}

static void test_snapshot_replaces(void) {
    ag_book_t *book = ag_book_create(10000);
    ag_level_t bids[] = {{480000, 7}, {490000, 5}, {480000, 8}, {470000, 0}}, asks[] = {{520000, 1}, {510000, 2}};
    CHECK(ag_book_update(book, AG_BID, 500000, 1) == AG_OK && ag_book_update(book, AG_ASK, 990000, 1) == AG_OK);
    CHECK(ag_book_snapshot(book, bids, 4, asks, 2, NULL) == AG_OK);
    CHECK(ag_book_count(book, AG_BID) == 2 && ag_book_count(book, AG_ASK) == 2);
    CHECK(ag_book_best(book, AG_BID) == 490000 && ag_book_best(book, AG_ASK) == 510000);
    CHECK(ag_book_size_at(book, AG_BID, 480000) == 8); /* the last of two counts */
    ag_book_destroy(book);
}

static void test_regrid(void) {
    ag_book_t *book = ag_book_create(10000);
    CHECK(ag_book_update(book, AG_BID, 490000, 5) == AG_OK && ag_book_update(book, AG_ASK, 500000, 6) == AG_OK);
    CHECK(ag_book_regrid(book, 1234) == AG_ERR_INVALID_ARG && ag_book_tick(book) == 10000);
    CHECK(ag_book_regrid(book, 100000) == AG_ERR_INVALID_ARG && ag_book_tick(book) == 10000);
    for (size_t i = 1; i < TICK_COUNT; i++) {
        CHECK(ag_book_regrid(book, ALL_TICKS[i]) == AG_OK && ag_book_tick(book) == ALL_TICKS[i]);
        CHECK(ag_book_best(book, AG_BID) == 490000 && ag_book_best_size(book, AG_BID) == 5);
        CHECK(ag_book_best(book, AG_ASK) == 500000 && ag_book_count(book, AG_ASK) == 1);
    }
    CHECK(ag_book_update(book, AG_BID, 100, 1) == AG_OK && ag_book_update(book, AG_ASK, 999900, 1) == AG_OK);
    CHECK(ag_book_regrid(book, 1000) == AG_ERR_INVALID_ARG && ag_book_tick(book) == 100);
    CHECK(ag_book_size_at(book, AG_BID, 100) == 1 && ag_book_count(book, AG_BID) == 2);
    ag_book_destroy(book);
    book = ag_book_create(2500);
    CHECK(ag_book_update(book, AG_ASK, 2500, 1) == AG_OK && ag_book_regrid(book, 1000) == AG_ERR_INVALID_ARG);
    CHECK(ag_book_best(book, AG_ASK) == 2500);
    ag_book_destroy(book);
}

static void test_short_memory(void) {
    for (int failing = 0; failing < 2; failing++) {
        allocations_until_failure = failing;
        CHECK(ag_book_create(1000) == NULL);
    }
    allocations_until_failure = -1;
    CHECK(ag_book_create(0) == NULL && ag_book_create(-100) == NULL && ag_book_create(20000) == NULL);
    ag_book_t *book = ag_book_create(1000);
    CHECK(ag_book_update(book, AG_BID, 499000, 5) == AG_OK);
    allocations_until_failure = 0;
    CHECK(ag_book_regrid(book, 100) == AG_ERR_NOMEM);
    CHECK(ag_book_tick(book) == 1000 && ag_book_best(book, AG_BID) == 499000);
    ag_book_destroy(book);
    allocations_until_failure = -1;
}

static void test_prices_of_a_known_book(void) {
    ag_book_t *book = ag_book_create(10000);
    double v = 0.0;
    ag_level_t bids[] = {{480000, 30}, {470000, 50}}, asks[] = {{500000, 10}, {520000, 10}};
    CHECK(ag_book_imbalance(book, 1, &v) == 0 && ag_book_mid(book, &v) == 0);
    CHECK(ag_book_snapshot(book, bids, 2, NULL, 0, NULL) == AG_OK);
    CHECK(ag_book_mid(book, &v) == 0 && ag_book_microprice(book, &v) == 0);
    CHECK(ag_book_imbalance(book, 1, &v) == 1 && v == 1.0);
    CHECK(ag_book_snapshot(book, bids, 2, asks, 2, NULL) == AG_OK);
    CHECK(ag_book_mid(book, &v) == 1 && v == 490000.0);
    CHECK(ag_book_microprice(book, &v) == 1 && v == 495000.0);
    CHECK(ag_book_imbalance(book, 1, &v) == 1 && v == 0.5);
    CHECK(ag_book_imbalance(book, SIZE_MAX, &v) == 1 && v == 0.6);
    CHECK(ag_book_imbalance(book, 0, &v) == 0);
    ag_level_t out[2] = {{-1, -1}, {-1, -1}};
    CHECK(ag_book_top(book, AG_ASK, 1, out) == 1 && out[0].price == 500000 && out[0].size == 10 && out[1].price == -1);
    CHECK(ag_book_top(book, AG_ASK, 0, out) == 0);
    CHECK(ag_book_vwap(book, AG_ASK, 5, &v) == 5 && v == 500000.0);
    CHECK(ag_book_vwap(book, AG_ASK, 20, &v) == 20 && v == 510000.0);
    CHECK(ag_book_vwap(book, AG_ASK, INT64_MAX, &v) == 20 && v == 510000.0);
    CHECK(ag_book_vwap(book, AG_BID, 40, &v) == 40 && v == 477500.0);
    CHECK(ag_book_vwap(book, AG_BID, 0, &v) == 0 && ag_book_vwap(book, AG_BID, -1, &v) == 0);
    ag_book_destroy(book);
}

static void test_sizes_of_64_bits(void) {
    ag_book_t *book = ag_book_create(100);
    double v = 0.0;
    CHECK(ag_book_update(book, AG_ASK, 500000, INT64_MAX) == AG_OK);
    CHECK(ag_book_update(book, AG_ASK, 500100, INT64_MAX) == AG_OK);
    CHECK(ag_book_best_size(book, AG_ASK) == INT64_MAX);
    CHECK(ag_book_imbalance(book, 2, &v) == 1 && v == -1.0);
    CHECK(ag_book_vwap(book, AG_ASK, INT64_MAX, &v) == INT64_MAX && v == 500000.0);
    ag_book_destroy(book);
}

int main(void) {
    test_null_is_tolerated();
    test_illegal_changes_change_nothing();
    test_snapshot_replaces();
    test_regrid();
    test_short_memory();
    test_prices_of_a_known_book();
    test_sizes_of_64_bits();
    for (size_t i = 0; i < TICK_COUNT; i++) {
        test_every_price(ALL_TICKS[i]);
        test_random_updates_equal_the_model(ALL_TICKS[i], 4);
        test_random_updates_equal_the_model(ALL_TICKS[i], AG_BOOK_ONE / ALL_TICKS[i]);
    }
    printf("book: %d checks passed\n", checks_made);
    return 0;
}
