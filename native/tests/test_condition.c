#include "agbot/ag_condition.h"

#include "check.h"

#define CENT 10000
#define SHARE INT64_C(1000000)

static const ag_queue_rule_t BACK = {AG_QUEUE_BACK, 1}, FRONT = {AG_QUEUE_FRONT, 1};
static const ag_queue_rule_t EVERY[] = {{AG_QUEUE_BACK, 1},  {AG_QUEUE_FRONT, 1}, {AG_QUEUE_PROPORTIONAL, 1},
                                        {AG_QUEUE_POWER, 1}, {AG_QUEUE_POWER, 3}, {AG_QUEUE_LOG, 1}};
#define RULE_COUNT (sizeof EVERY / sizeof EVERY[0])

static int change(ag_condition_t *condition, int64_t side, int64_t price, int64_t size) {
    ag_change_t row = {side, price, size};
    return ag_condition_change(condition, &row, 1);
}

static int64_t filled(const ag_condition_t *condition) {
    size_t count;
    int64_t total = 0;
    const ag_match_t *matches = ag_condition_matches(condition, &count);
    for (size_t i = 0; i < count; i++)
        total += matches[i].size;
    return total;
}

static void test_construction(void) {
    CHECK(ag_condition_create((ag_queue_rule_t){AG_QUEUE_RULES, 1}, CENT) == NULL);
    CHECK(ag_condition_create((ag_queue_rule_t){-1, 1}, CENT) == NULL);
    CHECK(ag_condition_create((ag_queue_rule_t){AG_QUEUE_POWER, 0}, CENT) == NULL);
    CHECK(ag_condition_create((ag_queue_rule_t){AG_QUEUE_POWER, 17}, CENT) == NULL);
    CHECK(ag_condition_create(BACK, 7) == NULL);
    ag_condition_destroy(NULL);
    for (int after = 0; after < 3; after++) {
        allocations_until_failure = after;
        CHECK(ag_condition_create(BACK, CENT) == NULL);
        allocations_until_failure = -1;
    }
}

static void test_refusals(void) {
    ag_condition_t *condition = ag_condition_create(BACK, CENT);
    CHECK(change(condition, 2, 500000, 1) == AG_ERR_INVALID_ARG);
    CHECK(change(condition, AG_BID, 0, 1) == AG_ERR_INVALID_ARG);
    CHECK(change(condition, AG_BID, AG_BOOK_ONE, 1) == AG_ERR_INVALID_ARG);
    CHECK(change(condition, AG_BID, 500050, 1) == AG_ERR_INVALID_ARG);
    CHECK(change(condition, AG_BID, 500000, -1) == AG_ERR_INVALID_ARG);
    CHECK(change(condition, AG_BID, 500000, AG_SIZE_MOST + 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_trade(condition, 2, 500000, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_trade(condition, AG_BID, 500000, -1) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_rest(condition, 1, 3, 500000, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_rest(condition, 1, AG_BID, 500000, SHARE) == AG_OK);
    CHECK(ag_condition_rest(condition, 1, AG_BID, 400000, SHARE) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_rest(condition, 2, AG_ASK, 500000, SHARE) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_crosses_own(condition, AG_ASK, 490000) && !ag_condition_crosses_own(condition, AG_ASK, 510000));
    CHECK(ag_condition_take(condition, AG_BID, 500000, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_remove(condition, 1) && !ag_condition_remove(condition, 1));
    ag_condition_destroy(condition);
}

static void test_queue_and_prints(void) {
    ag_condition_t *condition = ag_condition_create(BACK, CENT);
    CHECK(change(condition, AG_BID, 400000, 10 * SHARE) == AG_OK);
    CHECK(ag_condition_rest(condition, 7, AG_BID, 400000, 5 * SHARE) == AG_OK);
    CHECK(ag_condition_find(condition, 7)->ahead == 10 * SHARE);
    CHECK(ag_condition_trade(condition, AG_ASK, 400000, 12 * SHARE) == AG_OK && filled(condition) == 2 * SHARE);
    CHECK(ag_condition_find(condition, 7)->remaining == 3 * SHARE);
    CHECK(ag_condition_trade(condition, AG_ASK, 410000, SHARE) == AG_OK && filled(condition) == 0);
    CHECK(ag_condition_trade(condition, AG_ASK, 390000, 9 * SHARE) == AG_OK && filled(condition) == 3 * SHARE);
    CHECK(ag_condition_find(condition, 7) == NULL);
    ag_condition_destroy(condition);
}

static void test_reached_and_taken(void) {
    ag_condition_t *condition = ag_condition_create(FRONT, CENT);
    ag_level_t bids[] = {{400000, SHARE}}, asks[] = {{500000, 4 * SHARE}, {450100, 0}, {510000, SHARE}};
    CHECK(ag_condition_rest(condition, 1, AG_BID, 500000, 3 * SHARE) == AG_OK);
    CHECK(ag_condition_snapshot(condition, bids, 1, asks, 3) == AG_OK && filled(condition) == 3 * SHARE);
    size_t count;
    const ag_level_t *left = ag_condition_reachable(condition, AG_BID, 900000, &count);
    CHECK(count == 2 && left[0].price == 500000 && left[0].size == SHARE && left[1].size == SHARE);
    CHECK(ag_condition_snapshot(condition, bids, 1, asks, 3) == AG_OK); /* told again: what we took stays taken */
    left = ag_condition_reachable(condition, AG_BID, 500000, &count);
    CHECK(count == 1 && left[0].size == SHARE);
    CHECK(change(condition, AG_ASK, 500000, 2 * SHARE) == AG_OK);
    left = ag_condition_reachable(condition, AG_BID, 500000, &count);
    CHECK(count == 1 && left[0].size == 2 * SHARE);
    CHECK(change(condition, AG_ASK, 452500, SHARE) == AG_OK && change(condition, AG_ASK, 452100, SHARE) == AG_OK);
    left = ag_condition_reachable(condition, AG_BID, 500000, &count);
    CHECK(count == 3 && left[0].price == 452100);
    CHECK(ag_condition_snapshot(condition, bids, 1, &(ag_level_t){1, 1}, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_condition_snapshot(condition, &(ag_level_t){1, 1}, 1, asks, 1) == AG_ERR_INVALID_ARG);
    ag_condition_destroy(condition);
}

static void test_rules(void) {
    ag_queue_rule_t power = {AG_QUEUE_POWER, 3}, proportional = {AG_QUEUE_PROPORTIONAL, 1}, logs = {AG_QUEUE_LOG, 1};
    CHECK(ag_queue_moved(&BACK, 100, 150, 80, 0) == 80);
    CHECK(ag_queue_moved(&proportional, 1, 3, 2, 0) == 1 && ag_queue_moved(&proportional, 100, 200, 100, 0) == 50);
    CHECK(ag_queue_moved(&proportional, AG_SIZE_MOST, AG_SIZE_MOST, AG_SIZE_MOST - 1, 0) == AG_SIZE_MOST - 1);
    CHECK(ag_queue_moved(&power, 100 * SHARE, 200 * SHARE, 100 * SHARE, 0) == 50 * SHARE);
    CHECK(ag_queue_moved(&logs, 70 * SHARE, 200 * SHARE, 170 * SHARE, 30 * SHARE) == 70 * SHARE);
    CHECK(ag_queue_moved(&logs, 70 * SHARE, 200 * SHARE, 170 * SHARE, 10 * SHARE) < 70 * SHARE);
    for (int i = 0; i < 20000; i++) {
        int64_t most = INT64_C(1) << (1 + random_below(48)), old = random_below(most), now = random_below(most);
        int64_t ahead = random_below(old + 1), printed = random_below(3) == 0 ? random_below(most) : 0;
        for (size_t k = 0; k < RULE_COUNT; k++) {
            int64_t moved = ag_queue_moved(&EVERY[k], ahead, old, now, printed);
            CHECK(moved >= 0 && moved <= ahead && moved <= now);
        }
    }
}

/* Random operations: what we hold never grows but by rest, and nothing is filled beyond what rested. */
static void test_random(ag_queue_rule_t rule) {
    ag_condition_t *condition = ag_condition_create(rule, CENT);
    int64_t rested = 0, got = 0;
    for (int64_t i = 1; i <= 5000; i++) {
        int side = (int)random_below(2);
        int64_t price = (30 + random_below(40)) * CENT, size = random_below(20) * SHARE;
        switch (random_below(5)) {
        case 0:
            if (ag_condition_rest(condition, i, side, price, size) == AG_OK)
                rested += size;
            continue;
        case 1:
            CHECK(ag_condition_trade(condition, side, price, size) == AG_OK);
            break;
        case 2: {
            const ag_resting_t *order = ag_condition_find(condition, i - random_below(50));
            if (order != NULL) {
                rested -= order->remaining;
                CHECK(ag_condition_remove(condition, order->id));
            }
            continue;
        }
        default:
            CHECK(change(condition, side, price, size) == AG_OK);
        }
        got += filled(condition);
        CHECK(got <= rested);
    }
    CHECK(got > 0);
    ag_condition_destroy(condition);
}

static void test_memory(void) {
    ag_condition_t *condition = ag_condition_create(BACK, CENT);
    size_t count;
    allocations_until_failure = 0;
    CHECK(ag_condition_rest(condition, 1, AG_BID, 500000, SHARE) == AG_ERR_NOMEM);
    allocations_until_failure = 1;
    CHECK(ag_condition_rest(condition, 1, AG_BID, 500000, SHARE) == AG_ERR_NOMEM);
    CHECK(ag_condition_find(condition, 1) == NULL);
    allocations_until_failure = 0;
    CHECK(ag_condition_reachable(condition, AG_BID, 500000, &count) == NULL && count == 0);
    allocations_until_failure = 0;
    CHECK(change(condition, AG_ASK, 500100, SHARE) == AG_ERR_NOMEM);
    allocations_until_failure = -1;
    CHECK(ag_condition_rest(condition, 1, AG_BID, 500000, SHARE) == AG_OK);
    allocations_until_failure = 0;
    CHECK(change(condition, AG_ASK, 500000, SHARE) == AG_ERR_NOMEM);
    allocations_until_failure = 0;
    CHECK(ag_condition_take(condition, AG_BID, 500000, SHARE) == AG_ERR_NOMEM);
    allocations_until_failure = -1;
    ag_condition_destroy(condition);
}

int main(void) {
    test_construction();
    test_refusals();
    test_queue_and_prints();
    test_reached_and_taken();
    test_rules();
    for (size_t k = 0; k < RULE_COUNT; k++)
        test_random(EVERY[k]);
    test_memory();
    printf("condition: %d checks\n", checks_made);
    return 0;
}
