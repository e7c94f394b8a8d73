#include "agbot/ag_replay.h"

#include "check.h"

#define CENT 10000
#define SHARE INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const ag_queue_rule_t BACK = {AG_QUEUE_BACK, 1};

/* What the callbacks were told, and what they answer. */
static struct {
    size_t asked, matches, breaths, touched;
    int answer;
    int64_t due_ns;
} told;

static ag_replay_t replay;

static int on_match(void *self, size_t market) {
    CHECK(self == &replay && market == 0);
    told.matches++;
    replay.due_ns = told.due_ns;
    return told.due_ns < 0 ? -7 : 0;
}

static int on_ask(void *self) {
    CHECK(self == &replay && replay.touched_count > 0);
    told.asked++;
    told.touched = replay.touched_count;
    return told.answer;
}

static int on_breath(void *self) {
    CHECK(self == &replay);
    told.breaths++;
    return told.breaths > 1 ? -5 : 0;
}

#define ROWS_MOST 400000
static ag_row_t rows[ROWS_MOST];
static int64_t bounds[ROWS_MOST + 1];
static uint8_t flags[ROWS_MOST];
static size_t row_count;

static void add(int64_t ts_ns, int kind, int book, int side, int64_t price, int64_t size) {
    rows[row_count++] = (ag_row_t){ts_ns, size, (int32_t)price, (uint16_t)book, (uint8_t)kind, (uint8_t)side};
}

static void start(int64_t feed_ns) {
    size_t groups = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (i == 0 || rows[i].ts_ns != rows[i - 1].ts_ns) {
            flags[groups] = 0;
            bounds[groups++] = (int64_t)i;
        }
        bool plain = rows[i].kind >= AG_ROW_CHANGE && rows[i].kind <= AG_ROW_TRADE;
        flags[groups - 1] |= plain ? (rows[i].kind == AG_ROW_TRADE ? AG_GROUP_PRINTS : 0) : AG_GROUP_SLOW;
    }
    bounds[groups] = (int64_t)row_count;
    replay = (ag_replay_t){.rows = rows, .bounds = bounds, .flags = flags, .groups = groups, .markets = 2};
    replay.feed_ns = feed_ns;
    replay.call = (ag_callbacks_t){&replay, on_match, on_ask, on_breath};
    CHECK(ag_replay_init(&replay) == AG_OK);
    for (int book = 0; book < 4; book++) {
        replay.sights[book].book = ag_book_create(CENT);
        replay.sights[book].whole = true;
    }
    for (int market = 0; market < 2; market++) {
        replay.market[market].condition = ag_condition_create(BACK, CENT);
        replay.market[market].met = true;
    }
    replay.asking = replay.timers = true;
    told.asked = told.matches = told.breaths = 0;
    told.answer = 0;
    told.due_ns = AG_NEVER;
}

static void stop(void) {
    for (int book = 0; book < 4; book++)
        ag_book_destroy(replay.sights[book].book);
    for (int market = 0; market < 2; market++)
        ag_condition_destroy(replay.market[market].condition);
    ag_replay_release(&replay);
    row_count = 0;
}

static void test_every_kind(void) {
    add(10, AG_ROW_SNAPSHOT, 0, 0, 0, 0);
    add(10, AG_ROW_MORE, 0, AG_BID, 48 * CENT, 5 * SHARE);
    add(10, AG_ROW_MORE, 0, AG_ASK, 52 * CENT, 6 * SHARE);
    add(20, AG_ROW_CHANGE, 0, AG_BID, 49 * CENT, SHARE);
    add(20, AG_ROW_MORE, 0, AG_ASK, 51 * CENT, 2 * SHARE);
    add(20, AG_ROW_CHANGE, 3, AG_ASK, 60 * CENT, SHARE);
    add(30, AG_ROW_TRADE, 1, AG_BID, 52 * CENT, SHARE);
    add(30, AG_ROW_CHANGE, 0, AG_BID, 53 * CENT, SHARE);
    add(40, AG_ROW_OTHER, 0, 0, 0, 0);
    start(5);
    replay.timer_ns = 33;
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK);
    CHECK(replay.venue == 3 && replay.sight == 3 && replay.now_ns == 40 && replay.timer_ns == 33 + SECOND);
    CHECK(told.asked == 4 && told.touched == 1);
    const ag_sight_t *yes = &replay.sights[0];
    CHECK(yes->deltas == 2 && yes->snapshots == 1 && yes->locked == 0 && yes->crossed == 1 && yes->updated_ns == 30);
    CHECK(replay.sights[3].deltas == 1 && replay.sights[1].deltas == 0);
    int64_t bests[AG_BESTS];
    ag_replay_bests(&replay, 0, bests);
    CHECK(bests[0] == 53 * CENT && bests[1] == 51 * CENT && bests[2] == 0 && bests[3] == AG_BOOK_ONE);
    CHECK(bests[4] == SHARE && bests[5] == 2 * SHARE && bests[6] == 0);
    replay.venue = replay.sight = 4; /* the caller did it */
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.now_ns == 40); /* no more to come: no more seconds */
    stop();
}

static void test_what_is_the_callers(void) {
    add(10, AG_ROW_CHANGE, 0, AG_BID, 48 * CENT, SHARE);
    add(10, AG_ROW_CHANGE, 2, AG_BID, 48 * CENT, SHARE);
    start(0);
    told.answer = 1; /* an answer: the instant is to be done again */
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.venue == 1 && replay.sight == 0);
    CHECK(replay.sights[0].deltas == 0 && ag_book_best(replay.sights[0].book, AG_BID) == 48 * CENT);
    told.answer = -3;
    CHECK(ag_replay_run(&replay, AG_NEVER) == -3);
    told.answer = 0;
    replay.venue = replay.sight = 0;
    replay.sights[0].deltas = replay.sights[2].deltas = 0;
    replay.market[1].met = false;
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.sight == 0 && told.asked == 2);
    replay.market[1].met = true;
    replay.sights[2].book = (ag_book_destroy(replay.sights[2].book), NULL);
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.sight == 0);
    replay.sights[2].book = ag_book_create(100000); /* 0.48 is not on its grid */
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.sight == 0 && replay.sights[0].deltas == 0);
    CHECK(ag_replay_run(&replay, 10) == AG_OK && replay.sight == 0);
    replay.due_ns = 9;
    replay.timers = false;
    replay.timer_ns = 8;
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.timer_ns == 8 && replay.now_ns == 8);
    stop();
}

static void test_snapshots_of_doubted_books(void) {
    add(10, AG_ROW_SNAPSHOT, 0, 0, 0, 0);
    start(0);
    replay.sights[0].whole = false;
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.sight == 0 && replay.sights[0].snapshots == 0);
    stop();
}

static void test_fills(void) {
    add(10, AG_ROW_CHANGE, 0, AG_ASK, 50 * CENT, SHARE);
    add(20, AG_ROW_TRADE, 1, AG_BID, 50 * CENT, 3 * SHARE); /* NO bought at 0.50: YES sold at 0.50 */
    add(30, AG_ROW_CHANGE, 0, AG_BID, 10 * CENT, SHARE);
    start(0);
    CHECK(ag_condition_rest(replay.market[0].condition, 1, AG_BID, 50 * CENT, 2 * SHARE) == AG_OK);
    told.due_ns = 10;
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && told.matches == 1 && replay.venue == 1 && replay.sight == 0);
    replay.sight = 1;
    replay.due_ns = told.due_ns = 25; /* known at 25: the strategies see 20 first */
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && told.matches == 2 && replay.venue == 2 && replay.sight == 2);
    replay.due_ns = AG_NEVER;
    replay.market[0].condition = (ag_condition_destroy(replay.market[0].condition), NULL); /* resolved */
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.sight == 3);
    stop();
    add(10, AG_ROW_TRADE, 0, AG_ASK, 50 * CENT, 3 * SHARE);
    start(0);
    CHECK(ag_condition_rest(replay.market[0].condition, 1, AG_BID, 50 * CENT, 2 * SHARE) == AG_OK);
    told.due_ns = -1;
    CHECK(ag_replay_run(&replay, AG_NEVER) == -7);
    stop();
}

static void test_what_is_held(void) {
    add(10, AG_ROW_CHANGE, 0, AG_BID, 40 * CENT, SHARE);
    add(20, AG_ROW_CHANGE, 0, AG_BID, 30 * CENT, 5 * SHARE);
    add(30, AG_ROW_CHANGE, 0, AG_BID, 20 * CENT, 5 * SHARE);
    start(0);
    ag_held_t held[] = {{2 * SHARE, 0, 0}, {0, 0, 0}, {3 * SHARE, SHARE, 0}, {-SHARE, 0, 0}};
    ag_replay_hold(&replay, 0, held, 4);
    CHECK(replay.market[0].held[0].worth == 0 && replay.market[0].held[2].worth == SHARE);
    CHECK(replay.market[0].held[3].worth == -SHARE); /* nobody sells: a usd a share */
    replay.watching = true;
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.sight == 0 && replay.market[0].stale);
    CHECK(replay.market[0].held[0].worth == 400000);
    replay.watching = replay.market[0].stale = false;
    replay.venue = replay.sight = 1;
    CHECK(ag_replay_run(&replay, 25) == AG_OK && replay.sight == 2 && replay.market[0].stale);
    CHECK(replay.market[0].held[0].worth == 700000);
    replay.market[0].stale = false;
    CHECK(ag_replay_run(&replay, AG_NEVER) == AG_OK && replay.sight == 3 && !replay.market[0].stale);
    held[0].yes = INT64_C(1) << 42; /* too much to multiply: the caller marks it every time */
    ag_replay_hold(&replay, 0, held, 1);
    CHECK(replay.market[0].held_count == AG_HELD_MOST + 1);
    stop();
}

static void test_many(void) {
    for (int64_t i = 0; i < 200000; i++)
        add(i + 1, AG_ROW_CHANGE, (int)random_below(4), (int)random_below(2), (1 + random_below(99)) * CENT,
            random_below(5) * SHARE);
    start(3);
    CHECK(ag_replay_run(&replay, AG_NEVER) == -5 && told.breaths == 2 && told.asked > 60000);
    stop();
}

static void test_memory(void) {
    add(1, AG_ROW_TRADE, 0, 0, CENT, SHARE);
    bounds[0] = 0;
    bounds[1] = 1;
    for (int after = 0; after < 7; after++) {
        ag_replay_t short_of = {.rows = rows, .bounds = bounds, .flags = flags, .groups = 1, .markets = 2};
        allocations_until_failure = after;
        CHECK(ag_replay_init(&short_of) == AG_ERR_NOMEM);
        allocations_until_failure = -1;
    }
    row_count = 0;
}

int main(void) {
    test_every_kind();
    test_what_is_the_callers();
    test_snapshots_of_doubted_books();
    test_fills();
    test_what_is_held();
    test_many();
    test_memory();
    printf("replay: %d checks\n", checks_made);
    return 0;
}
