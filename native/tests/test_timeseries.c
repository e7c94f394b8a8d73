#include "agbot/ag_timeseries.h"

#include <math.h>
#include <string.h>

#include "check.h"

#define MODEL_POINTS 20000

static void test_null_is_tolerated(void) {
    int64_t t = 7;
    double v = 7;
    const int64_t *times;
    const double *values;
    size_t bytes;
    ag_timeseries_destroy(NULL);
    CHECK(ag_timeseries_append(NULL, 1, 1.0) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_append_batch(NULL, &t, &v, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_query_last(NULL, 1, &t, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_query_range(NULL, 0, 9, 1, &t, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_count_range(NULL, 0, 9) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_window(NULL, 1, &times, &values) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_block(NULL, &bytes) == NULL);
    CHECK(ag_timeseries_size(NULL) == 0 && ag_timeseries_capacity(NULL) == 0);
    CHECK(ag_timeseries_mean(NULL, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_min(NULL, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_max(NULL, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_ewma(NULL, &v) == AG_ERR_INVALID_ARG);
    CHECK(t == 7 && v == 7);
}

static void test_null_outputs_are_refused(void) {
    ag_timeseries_t *ts = ag_timeseries_create_with_stats(4, true, 0.5);
    int64_t t = 0;
    double v = 0;
    const int64_t *times;
    const double *values;
    CHECK(ag_timeseries_append_batch(ts, NULL, &v, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_append_batch(ts, &t, NULL, 1) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_append_batch(ts, NULL, NULL, 0) == AG_OK);
    CHECK(ag_timeseries_query_last(ts, 1, NULL, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_query_last(ts, 1, &t, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_query_last(ts, 0, NULL, NULL) == 0);
    CHECK(ag_timeseries_query_range(ts, 0, 1, 1, NULL, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_query_range(ts, 0, 1, 1, &t, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_window(ts, 1, NULL, &values) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_window(ts, 1, &times, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_block(ts, NULL) == NULL);
    CHECK(ag_timeseries_mean(ts, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_ewma(ts, NULL) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_size(ts) == 0);
    ag_timeseries_destroy(ts);
}

static void test_create_refuses_nonsense(void) {
    CHECK(ag_timeseries_create(0) == NULL);
    CHECK(ag_timeseries_create(SIZE_MAX) == NULL);
    CHECK(ag_timeseries_create_with_stats(1, true, -0.1) == NULL);
    CHECK(ag_timeseries_create_with_stats(1, true, 1.1) == NULL);
    CHECK(ag_timeseries_create_with_stats(1, true, (double)NAN) == NULL);
}

static void test_create_survives_short_memory(void) {
    for (int failing = 0; failing < 3; failing++) {
        allocations_until_failure = failing;
        CHECK(ag_timeseries_create_with_stats(4, true, 0.5) == NULL);
    }
    allocations_until_failure = 3;
    ag_timeseries_t *ts = ag_timeseries_create_with_stats(4, true, 0.5);
    CHECK(ts != NULL);
    for (int i = 0; i < 100; i++)
        CHECK(ag_timeseries_append(ts, i, i) == AG_OK);
    CHECK(allocations_until_failure == 0); /* nothing was allocated after create */
    allocations_until_failure = -1;
    ag_timeseries_destroy(ts);
}

static void test_oldest_is_evicted(void) {
    ag_timeseries_t *ts = ag_timeseries_create(3);
    int64_t times[4];
    double values[4];
    for (int i = 1; i <= 5; i++)
        CHECK(ag_timeseries_append(ts, 100 + i, i) == AG_OK);
    CHECK(ag_timeseries_size(ts) == 3 && ag_timeseries_capacity(ts) == 3);
    CHECK(ag_timeseries_query_last(ts, 4, times, values) == 3);
    CHECK(times[0] == 105 && times[1] == 104 && times[2] == 103);
    CHECK(values[0] == 5.0 && values[1] == 4.0 && values[2] == 3.0);
    CHECK(ag_timeseries_query_last(ts, 1, times, values) == 1 && times[0] == 105);
    ag_timeseries_destroy(ts);
}

static void test_range_filters_by_value(void) {
    static const int64_t unsorted[] = {5, 9, 5, 1, INT64_MIN, INT64_MAX, 7};
    ag_timeseries_t *ts = ag_timeseries_create(10);
    int64_t times[10];
    double values[10];
    for (int i = 0; i < 7; i++)
        ag_timeseries_append(ts, unsorted[i], i);
    CHECK(ag_timeseries_query_range(ts, 5, 7, 10, times, values) == 3);
    CHECK(values[0] == 0.0 && values[1] == 2.0 && values[2] == 6.0);
    CHECK(ag_timeseries_query_range(ts, 5, 7, 2, times, values) == 2 && values[1] == 2.0);
    CHECK(ag_timeseries_query_range(ts, INT64_MIN, INT64_MAX, 10, times, values) == 7);
    CHECK(ag_timeseries_query_range(ts, 7, 5, 10, times, values) == 0);
    CHECK(ag_timeseries_query_range(ts, 5, 7, 0, NULL, NULL) == 0);
    CHECK(ag_timeseries_count_range(ts, 5, 7) == 3 && ag_timeseries_count_range(ts, 7, 5) == 0);
    ag_timeseries_destroy(ts);
}

static void test_window_is_live_memory_in_the_block(void) {
    ag_timeseries_t *ts = ag_timeseries_create(4);
    const int64_t *times;
    const double *values;
    size_t bytes = 0;
    const char *block = ag_timeseries_block(ts, &bytes);
    CHECK(bytes == 4 * 32);
    for (int i = 0; i < 6; i++)
        ag_timeseries_append(ts, i, i);
    CHECK(ag_timeseries_window(ts, 3, &times, &values) == 3);
    CHECK((const char *)times >= block && (const char *)(values + 3) <= block + bytes);
    CHECK(values[0] == 3.0 && values[2] == 5.0 && times[0] == 3);
    ag_timeseries_append(ts, 6, 6); /* capacity - 3 appends leave the window alone */
    CHECK(values[0] == 3.0);
    ag_timeseries_append(ts, 7, 7);
    CHECK(values[0] == 7.0 && values[1] == 4.0);
    ag_timeseries_destroy(ts);
}

static void test_batch_from_own_window_equals_single_appends(void) {
    ag_timeseries_t *batch = ag_timeseries_create(5), *single = ag_timeseries_create(5);
    const int64_t *times, *single_times;
    const double *values, *single_values;
    for (int i = 0; i < 8; i++) {
        ag_timeseries_append(batch, i, i);
        ag_timeseries_append(single, i, i);
    }
    ptrdiff_t count = ag_timeseries_window(batch, 5, &times, &values);
    for (ptrdiff_t i = 0; i < count; i++)
        ag_timeseries_append(single, 3 + i, (double)(3 + i));
    CHECK(ag_timeseries_append_batch(batch, times, values, (size_t)count) == AG_OK);
    CHECK(ag_timeseries_window(batch, 5, &times, &values) == 5);
    CHECK(ag_timeseries_window(single, 5, &single_times, &single_values) == 5);
    CHECK(memcmp(times, single_times, 40) == 0 && memcmp(values, single_values, 40) == 0);
    ag_timeseries_destroy(batch);
    ag_timeseries_destroy(single);
}

static void test_statistics_are_opt_in(void) {
    ag_timeseries_t *plain = ag_timeseries_create(2), *kept = ag_timeseries_create_with_stats(2, true, 0.5);
    double v = -7.0;
    ag_timeseries_append(plain, 0, 1.0);
    CHECK(ag_timeseries_mean(plain, &v) == AG_ERR_INVALID_ARG && ag_timeseries_min(plain, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_max(plain, &v) == AG_ERR_INVALID_ARG && ag_timeseries_ewma(plain, &v) == AG_ERR_INVALID_ARG);
    CHECK(ag_timeseries_mean(kept, &v) == 0 && ag_timeseries_min(kept, &v) == 0);
    CHECK(ag_timeseries_max(kept, &v) == 0 && ag_timeseries_ewma(kept, &v) == 0);
    CHECK(v == -7.0);
    ag_timeseries_append(kept, 0, 4.0);
    ag_timeseries_append(kept, 0, (double)INFINITY);
    CHECK(ag_timeseries_mean(kept, &v) == 1 && isinf(v) && v > 0);
    CHECK(ag_timeseries_ewma(kept, &v) == 1 && v == 4.0); /* not finite: skipped */
    ag_timeseries_append(kept, 0, -(double)INFINITY);
    CHECK(ag_timeseries_mean(kept, &v) == 1 && isnan(v));
    ag_timeseries_append(kept, 0, (double)NAN);
    CHECK(ag_timeseries_mean(kept, &v) == 1 && isnan(v));
    CHECK(ag_timeseries_min(kept, &v) == 1 && isnan(v) && ag_timeseries_max(kept, &v) == 1 && isnan(v));
    ag_timeseries_append(kept, 0, 2.0);
    ag_timeseries_append(kept, 0, 8.0); /* everything odd has been evicted: no trace of it */
    CHECK(ag_timeseries_mean(kept, &v) == 1 && v == 5.0);
    CHECK(ag_timeseries_min(kept, &v) == 1 && v == 2.0);
    CHECK(ag_timeseries_max(kept, &v) == 1 && v == 8.0);
    CHECK(ag_timeseries_ewma(kept, &v) == 1 && v == 5.5);
    ag_timeseries_destroy(plain);
    ag_timeseries_destroy(kept);
}

static void test_mean_does_not_drift(void) {
    ag_timeseries_t *ts = ag_timeseries_create_with_stats(10, true, 0.0);
    double v = 0;
    for (int i = 0; i < 100000; i++)
        ag_timeseries_append(ts, i, i % 1000 == 0 ? 1e15 : 0.1);
    for (int i = 0; i < 20; i++)
        ag_timeseries_append(ts, i, 0.1);
    CHECK(ag_timeseries_mean(ts, &v) == 1 && fabs(v - 0.1) < 1e-16);
    ag_timeseries_destroy(ts);
}

/* Every append is checked against a naive scan of all values ever appended. */
static void test_statistics_equal_a_scan(size_t capacity) {
    static double all[MODEL_POINTS];
    ag_timeseries_t *ts = ag_timeseries_create_with_stats(capacity, true, 0.0);
    for (size_t n = 0; n < MODEL_POINTS; n++) {
        all[n] = (double)(random_below(41) - 20) / 8.0; /* few values: ties matter to the queues */
        CHECK(ag_timeseries_append(ts, (int64_t)n, all[n]) == AG_OK);
        size_t held = n + 1 < capacity ? n + 1 : capacity;
        double least = all[n], greatest = all[n], sum = 0.0, v;
        for (size_t i = n + 1 - held; i <= n; i++) {
            sum += all[i];
            least = all[i] < least ? all[i] : least;
            greatest = all[i] > greatest ? all[i] : greatest;
        }
        CHECK(ag_timeseries_size(ts) == held);
        CHECK(ag_timeseries_min(ts, &v) == 1 && fabs(v - least) == 0.0);
        CHECK(ag_timeseries_max(ts, &v) == 1 && fabs(v - greatest) == 0.0);
        CHECK(ag_timeseries_mean(ts, &v) == 1 && fabs(v - sum / (double)held) < 1e-12);
    }
    ag_timeseries_destroy(ts);
}

int main(void) {
    test_null_is_tolerated();
    test_null_outputs_are_refused();
    test_create_refuses_nonsense();
    test_create_survives_short_memory();
    test_oldest_is_evicted();
    test_range_filters_by_value();
    test_window_is_live_memory_in_the_block();
    test_batch_from_own_window_equals_single_appends();
    test_statistics_are_opt_in();
    test_mean_does_not_drift();
    test_statistics_equal_a_scan(1);
    test_statistics_equal_a_scan(2);
    test_statistics_equal_a_scan(7);
    test_statistics_equal_a_scan(64);
    printf("timeseries: %d checks passed\n", checks_made);
    return 0;
}
