#include "agbot/ag_frames.h"

#include <string.h>

#include "check.h"

#define NS_OF_1 INT64_C(1703875200000000000)
#define HEAD "{\"market\":\"0xm\",\"timestamp\":\"1703875200000\","
#define BOOK HEAD "\"asset_id\":\"A\",\"event_type\":\"book\","
#define CHANGES HEAD "\"event_type\":\"price_change\","
#define ROW_A "{\"asset_id\":\"A\",\"price\":\"0.51\",\"size\":\"150.0\",\"side\":\"BUY\",\"hash\":\"h1\",\"best_bid\":\"0.51\",\"best_ask\":\"1\"}"
#define ROW_B "{ \"side\" : \"sell\" , \"size\":\".5\", \"price\":\"0.4999\", \"asset_id\":\"B\", \"other\":\"x\" }"

static bool is(ag_slice_t slice, const char *text) {
    return slice.length == strlen(text) && memcmp(slice.text, text, slice.length) == 0;
}

/* Reads all messages; 0 when the text was understood, else the error. *out is the last message. */
static int read_all(const char *text, size_t length, ag_frame_t *out, int *count) {
    ag_frames_t *frames = ag_frames_create();
    CHECK(frames != NULL);
    int more;
    *count = 0;
    ag_frames_begin(frames, text, length);
    while ((more = ag_frames_next(frames, out)) == 1)
        ++*count;
    ag_frames_destroy(frames);
    return more;
}

static void test_a_book(void) {
    const char *text = BOOK "\"bids\":[{\"price\":\"0.48\",\"size\":\"30\"},{\"price\":\".49\",\"size\":\"0\"}],"
                            "\"asks\":[ {\"size\":\"0.000001\",\"price\":\"0.5\"} , {\"price\":\"0.52\",\"size\":\"7\"}],"
                            "\"tick_size\":\"0.001\",\"hash\":\"abc\",\"neg_risk\":true}";
    ag_frames_t *frames = ag_frames_create();
    ag_frame_t frame;
    for (int i = 0; i < 2; i++) { /* the reader is used again */
        ag_frames_begin(frames, text, strlen(text));
        CHECK(ag_frames_next(frames, &frame) == 1);
        CHECK(frame.kind == AG_FRAME_BOOK && frame.ts_ns == NS_OF_1 && frame.tick == 1000);
        CHECK(is(frame.market, "0xm") && is(frame.token, "A") && is(frame.hash, "abc"));
        CHECK(frame.bid_count == 1 && frame.bids[0].price == 480000 && frame.bids[0].size == 30000000);
        CHECK(frame.ask_count == 2 && frame.asks[0].price == 500000 && frame.asks[0].size == 1);
        CHECK(frame.asks[1].price == 520000 && frame.asks[1].size == 7000000);
        CHECK(ag_frames_next(frames, &frame) == 0);
        CHECK(ag_frames_next(frames, &frame) == 0);
    }
    ag_frames_destroy(frames);
    ag_frames_destroy(NULL);
}

static void test_changes(void) {
    const char *text = CHANGES "\"price_changes\":[" ROW_A "," ROW_B "," ROW_A "]}";
    ag_frames_t *frames = ag_frames_create();
    ag_frame_t frame;
    ag_frames_begin(frames, text, strlen(text));
    CHECK(ag_frames_next(frames, &frame) == 1);
    CHECK(frame.kind == AG_FRAME_CHANGES && frame.row_count == 3 && frame.token_count == 2);
    CHECK(is(frame.tokens[0].token, "A") && frame.tokens[0].rows == 2 && is(frame.tokens[0].hash, "h1"));
    CHECK(frame.tokens[0].top_known && frame.tokens[0].bid == 510000 && frame.tokens[0].ask == 1000000);
    CHECK(is(frame.tokens[1].token, "B") && frame.tokens[1].rows == 1 && !frame.tokens[1].top_known);
    CHECK(frame.rows[0].token == 0 && frame.rows[1].token == 1 && frame.rows[2].token == 0);
    CHECK(frame.rows[1].change.side == AG_ASK && frame.rows[1].change.price == 499900);
    CHECK(frame.rows[1].change.size == 500000);
    CHECK(ag_frames_next(frames, &frame) == 0);
    ag_frames_destroy(frames);
}

static const char *const UNDERSTOOD[] = {
    BOOK "\"bids\":[],\"asks\":[]}",
    " \n[" BOOK "\"bids\":[],\"asks\":[]} ,\t" CHANGES "\"price_changes\":[]}] ",
    "[]",
    BOOK "\"bids\":[{\"price\":\"0.999999\",\"size\":\"999999999999.999999\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0.5\",\"size\":\"5.\"}],\"asks\":[],\"tick_size\":\"\",\"unknown\":\"caf\"}",
};

static const char *const LEFT[] = {
    "", "{", "3", "PONG", "null", "[", "[1]", "{}", "[{}]", "{\"a\":}", "{\"a\":\"b\",}",
    HEAD "\"asset_id\":\"A\",\"event_type\":\"books\",\"bids\":[],\"asks\":[]}",
    HEAD "\"asset_id\":\"\",\"event_type\":\"book\",\"bids\":[],\"asks\":[]}",
    HEAD "\"asset_id\":\"A\",\"bids\":[],\"asks\":[]}",
    BOOK "\"bids\":[]}",
    BOOK "\"bids\":[],\"asks\":[],\"bids\":[]}",
    BOOK "\"bids\":[],\"asks\":[],\"price_changes\":[]}",
    BOOK "\"bids\":[],\"asks\":[],\"changes\":[]}",
    BOOK "\"bids\":[],\"asks\":null}",
    BOOK "\"bids\":[],\"asks\":[]}x",
    BOOK "\"bids\":[],\"asks\":[],\"tick_size\":\"0\"}",
    BOOK "\"bids\":[],\"asks\":[],\"tick_size\":0.01}",
    BOOK "\"bids\":[],\"asks\":[],\"market\":\"again\"}",
    BOOK "\"bids\":[],\"asks\":[],\"question\":{}}",
    BOOK "\"bids\":[],\"asks\":[],\"question\":\"a\\u0041\"}",
    BOOK "\"bids\":[],\"asks\":[],\"question\":\"caf\xc3\xa9\"}",
    BOOK "\"bids\":[],\"asks\":[],\"question\":\"a\tb\"}",
    BOOK "\"bids\":[{\"price\":\"0.5\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0.5\",\"size\":\"1\",\"size\":\"1\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"1\",\"size\":\"1\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0\",\"size\":\"1\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"-0.5\",\"size\":\"1\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0.5\",\"size\":\"\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0.5\",\"size\":\".\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0.5\",\"size\":\"1e3\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0.5\",\"size\":\"1234567890123\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":\"0.1234567\",\"size\":\"1\"}],\"asks\":[]}",
    BOOK "\"bids\":[{\"price\":0.5,\"size\":\"1\"}],\"asks\":[]}",
    CHANGES "\"price_changes\":[{\"asset_id\":\"A\",\"price\":\"0.5\",\"size\":\"1\",\"side\":\"MID\"}]}",
    CHANGES "\"price_changes\":[{\"asset_id\":\"\",\"price\":\"0.5\",\"size\":\"1\",\"side\":\"BUY\"}]}",
    CHANGES "\"price_changes\":[{\"price\":\"0.5\",\"size\":\"1\",\"side\":\"BUY\"}]}",
    CHANGES "\"price_changes\":[{\"asset_id\":\"A\",\"price\":\"0.5\",\"size\":\"1\",\"side\":\"BUY\",\"best_bid\":\"x\"}]}",
    CHANGES "\"price_changes\":[" ROW_A " " ROW_A "]}",
    CHANGES "\"price_changes\":[" ROW_A "],\"bids\":[]}",
    "{\"timestamp\":\"0\",\"event_type\":\"price_change\",\"price_changes\":[]}",
    "{\"timestamp\":\"99999999999999999\",\"event_type\":\"price_change\",\"price_changes\":[]}",
    "{\"timestamp\":1703875200000,\"event_type\":\"price_change\",\"price_changes\":[]}",
    "{\"event_type\":\"price_change\",\"price_changes\":[]}",
};

static void test_shapes(void) {
    ag_frame_t frame;
    int count;
    for (size_t i = 0; i < sizeof UNDERSTOOD / sizeof UNDERSTOOD[0]; i++)
        CHECK(read_all(UNDERSTOOD[i], strlen(UNDERSTOOD[i]), &frame, &count) == 0);
    for (size_t i = 0; i < sizeof LEFT / sizeof LEFT[0]; i++) {
        bool left = read_all(LEFT[i], strlen(LEFT[i]), &frame, &count) == AG_ERR_INVALID_ARG;
        if (!left)
            fprintf(stderr, "%s\n", LEFT[i]);
        CHECK(left);
    }
}

/* The text in memory of exactly its length, so that a sanitizer sees any step beyond it. */
static int read_exact(const char *text, size_t length) {
    char *exact = (malloc)(length == 0 ? 1 : length);
    ag_frame_t frame;
    int count;
    memcpy(exact, text, length);
    int result = read_all(exact, length, &frame, &count);
    (free)(exact);
    return result;
}

static void test_every_truncation_and_random_damage(void) {
    static char damaged[1024];
    const char *text = "[" BOOK "\"bids\":[{\"price\":\"0.48\",\"size\":\"30.123456\"}],\"asks\":[]}," CHANGES
                       "\"price_changes\":[" ROW_A "," ROW_B "]}]";
    size_t length = strlen(text);
    CHECK(length < sizeof damaged && read_exact(text, length) == 0);
    for (size_t cut = 0; cut < length; cut++)
        CHECK(read_exact(text, cut) == AG_ERR_INVALID_ARG);
    for (int i = 0; i < 20000; i++) {
        memcpy(damaged, text, length);
        for (int64_t hits = 1 + random_below(3); hits > 0; hits--)
            damaged[random_below((int64_t)length)] = (char)random_below(256);
        int result = read_exact(damaged, length);
        CHECK(result == 0 || result == AG_ERR_INVALID_ARG);
    }
}

static void test_too_many_tokens_are_left(void) {
    static char text[4096];
    for (int tokens = 1; tokens <= AG_FRAMES_TOKENS + 1; tokens++) {
        ag_frame_t frame;
        int count, at = sprintf(text, "%s\"price_changes\":[", CHANGES);
        for (int i = 0; i < tokens; i++)
            at += sprintf(text + at, "%s{\"asset_id\":\"%d\",\"price\":\"0.5\",\"size\":\"1\",\"side\":\"BUY\"}",
                          i == 0 ? "" : ",", i);
        sprintf(text + at, "]}");
        CHECK(read_all(text, strlen(text), &frame, &count) == (tokens > AG_FRAMES_TOKENS ? AG_ERR_INVALID_ARG : 0));
    }
}

static void test_short_memory(void) {
    static char text[20000];
    int at = sprintf(text, "%s\"asks\":[],\"bids\":[", BOOK);
    for (int i = 0; i < 400; i++)
        at += sprintf(text + at, "%s{\"price\":\"0.5\",\"size\":\"1\"}", i == 0 ? "" : ",");
    sprintf(text + at, "]}");
    for (int allowed = 0; allowed < 4; allowed++) {
        ag_frame_t frame;
        ag_frames_t *frames;
        allocations_until_failure = allowed;
        frames = ag_frames_create();
        CHECK((frames == NULL) == (allowed == 0));
        if (frames != NULL) {
            ag_frames_begin(frames, text, strlen(text));
            CHECK(ag_frames_next(frames, &frame) == (allowed < 3 ? AG_ERR_NOMEM : 1));
            CHECK(allowed < 3 || frame.bid_count == 400);
        }
        ag_frames_destroy(frames);
    }
    allocations_until_failure = -1;
}

int main(void) {
    test_a_book();
    test_changes();
    test_shapes();
    test_every_truncation_and_random_damage();
    test_too_many_tokens_are_left();
    test_short_memory();
    printf("frames: %d checks passed\n", checks_made);
    return 0;
}
