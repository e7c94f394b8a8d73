#include "agbot/ag_timeseries.h"

#include <math.h>
#include <stdlib.h>

/* Neumaier's compensated sum. */
typedef struct {
    double sum;
    double error;
} total_t;

typedef struct {
    double value;
    uint64_t sequence;
} candidate_t;

/* The classic monotone queue: its front is the least value held. Maxima are kept as minima of the negated values. */
typedef struct {
    candidate_t *items;
    size_t first;
    size_t count;
} extreme_t;

typedef struct {
    total_t fresh; /* finite values appended since the head was last 0 */
    total_t old;   /* finite values of the pass before, less those evicted; dropped at the next pass with its rounding */
    size_t nans;
    size_t plus_infs;
    size_t minus_infs;
    extreme_t least;
    extreme_t greatest;
    uint64_t sequence;
} window_t;

struct ag_timeseries {
    size_t capacity;
    size_t head; /* where the next point goes */
    size_t size;
    int64_t *timestamps;
    double *values;
    bool has_window;
    bool has_ewma;
    bool ewma_begun;
    double ewma_alpha;
    double ewma;
    window_t window;
};

static void total_add(total_t *total, double value) {
    double sum = total->sum + value;
    if (fabs(total->sum) >= fabs(value))
        total->error += (total->sum - sum) + value;
    else
        total->error += (value - sum) + total->sum;
    total->sum = sum;
}

static void extreme_push(extreme_t *queue, size_t capacity, double value, uint64_t sequence) {
    if (queue->count > 0 && queue->items[queue->first].sequence + capacity <= sequence) {
        queue->first = queue->first + 1 == capacity ? 0 : queue->first + 1;
        queue->count--;
    }
    if (isnan(value))
        return;
    size_t end = queue->first + queue->count;
    if (end >= capacity)
        end -= capacity;
    while (queue->count > 0) {
        size_t last = end == 0 ? capacity - 1 : end - 1;
        if (queue->items[last].value < value)
            break;
        end = last;
        queue->count--;
    }
    queue->items[end] = (candidate_t){value, sequence};
    queue->count++;
}

static void window_evict(window_t *window, double value) {
    if (isnan(value))
        window->nans--;
    else if (isinf(value))
        *(value > 0 ? &window->plus_infs : &window->minus_infs) -= 1;
    else
        total_add(&window->old, -value);
}

static void window_append(ag_timeseries_t *ts, double value) {
    window_t *window = &ts->window;
    if (ts->head == 0) {
        window->old = window->fresh;
        window->fresh = (total_t){0.0, 0.0};
    }
    if (ts->size == ts->capacity)
        window_evict(window, ts->values[ts->head]);
    if (isnan(value))
        window->nans++;
    else if (isinf(value))
        *(value > 0 ? &window->plus_infs : &window->minus_infs) += 1;
    else
        total_add(&window->fresh, value);
    extreme_push(&window->least, ts->capacity, value, window->sequence);
    extreme_push(&window->greatest, ts->capacity, -value, window->sequence);
    window->sequence++;
}

static void ewma_append(ag_timeseries_t *ts, double value) {
    if (!isfinite(value))
        return;
    ts->ewma = ts->ewma_begun ? ts->ewma_alpha * value + (1.0 - ts->ewma_alpha) * ts->ewma : value;
    ts->ewma_begun = true;
}

static bool allocate(ag_timeseries_t *ts, size_t capacity, bool window) {
    ts->timestamps = calloc(capacity, 4 * sizeof(double));
    if (ts->timestamps == NULL)
        return false;
    ts->values = (double *)(void *)(ts->timestamps + 2 * capacity);
    if (!window)
        return true;
    ts->window.least.items = calloc(capacity, 2 * sizeof(candidate_t));
    if (ts->window.least.items == NULL)
        return false;
    ts->window.greatest.items = ts->window.least.items + capacity;
    return true;
}

ag_timeseries_t *ag_timeseries_create(size_t capacity) { return ag_timeseries_create_with_stats(capacity, false, 0.0); }

ag_timeseries_t *ag_timeseries_create_with_stats(size_t capacity, bool window, double ewma_alpha) {
    if (capacity == 0 || capacity > PTRDIFF_MAX / (4 * sizeof(double)) || !(ewma_alpha >= 0.0 && ewma_alpha <= 1.0))
        return NULL;
    ag_timeseries_t *ts = calloc(1, sizeof *ts);
    if (ts == NULL)
        return NULL;
    if (!allocate(ts, capacity, window)) {
        ag_timeseries_destroy(ts);
        return NULL;
    }
    ts->capacity = capacity;
    ts->has_window = window;
    ts->has_ewma = ewma_alpha > 0.0;
    ts->ewma_alpha = ewma_alpha;
    return ts;
}

void ag_timeseries_destroy(ag_timeseries_t *ts) {
    if (ts == NULL)
        return;
    free(ts->timestamps);
    free(ts->window.least.items);
    free(ts);
}

static void put(ag_timeseries_t *ts, int64_t timestamp_ms, double value) {
    if (ts->has_window)
        window_append(ts, value);
    if (ts->has_ewma)
        ewma_append(ts, value);
    size_t head = ts->head, mirror = head + ts->capacity;
    ts->timestamps[head] = timestamp_ms;
    ts->timestamps[mirror] = timestamp_ms;
    ts->values[head] = value;
    ts->values[mirror] = value;
    ts->head = head + 1 == ts->capacity ? 0 : head + 1;
    if (ts->size < ts->capacity)
        ts->size++;
}

int ag_timeseries_append(ag_timeseries_t *ts, int64_t timestamp_ms, double value) {
    if (ts == NULL)
        return AG_ERR_INVALID_ARG;
    put(ts, timestamp_ms, value);
    return AG_OK;
}

int ag_timeseries_append_batch(ag_timeseries_t *ts, const int64_t *timestamps_ms, const double *values, size_t count) {
    if (ts == NULL || (count > 0 && (timestamps_ms == NULL || values == NULL)))
        return AG_ERR_INVALID_ARG;
    for (size_t i = 0; i < count; i++)
        put(ts, timestamps_ms[i], values[i]);
    return AG_OK;
}

ptrdiff_t ag_timeseries_window(const ag_timeseries_t *ts, size_t max_points, const int64_t **out_ts,
                               const double **out_values) {
    if (ts == NULL || out_ts == NULL || out_values == NULL)
        return AG_ERR_INVALID_ARG;
    size_t count = max_points < ts->size ? max_points : ts->size;
    size_t start = ts->head + ts->capacity - count;
    *out_ts = ts->timestamps + start;
    *out_values = ts->values + start;
    return (ptrdiff_t)count;
}

ptrdiff_t ag_timeseries_query_last(const ag_timeseries_t *ts, size_t max_points, int64_t *out_ts, double *out_values) {
    const int64_t *timestamps;
    const double *values;
    if (max_points > 0 && (out_ts == NULL || out_values == NULL))
        return AG_ERR_INVALID_ARG;
    ptrdiff_t count = ag_timeseries_window(ts, max_points, &timestamps, &values);
    for (ptrdiff_t i = 0; i < count; i++) {
        out_ts[i] = timestamps[count - 1 - i];
        out_values[i] = values[count - 1 - i];
    }
    return count;
}

ptrdiff_t ag_timeseries_query_range(const ag_timeseries_t *ts, int64_t start_ms, int64_t end_ms, size_t max_points,
                                    int64_t *out_ts, double *out_values) {
    const int64_t *timestamps;
    const double *values;
    if (max_points > 0 && (out_ts == NULL || out_values == NULL))
        return AG_ERR_INVALID_ARG;
    ptrdiff_t held = ag_timeseries_window(ts, SIZE_MAX, &timestamps, &values);
    if (held < 0)
        return held;
    size_t count = 0;
    for (ptrdiff_t i = 0; i < held && count < max_points; i++) {
        if (timestamps[i] < start_ms || timestamps[i] > end_ms)
            continue;
        out_ts[count] = timestamps[i];
        out_values[count++] = values[i];
    }
    return (ptrdiff_t)count;
}

ptrdiff_t ag_timeseries_count_range(const ag_timeseries_t *ts, int64_t start_ms, int64_t end_ms) {
    const int64_t *timestamps;
    const double *values;
    ptrdiff_t held = ag_timeseries_window(ts, SIZE_MAX, &timestamps, &values), count = 0;
    if (held < 0)
        return held;
    for (ptrdiff_t i = 0; i < held; i++)
        count += timestamps[i] >= start_ms && timestamps[i] <= end_ms;
    return count;
}

size_t ag_timeseries_size(const ag_timeseries_t *ts) { return ts == NULL ? 0 : ts->size; }

size_t ag_timeseries_capacity(const ag_timeseries_t *ts) { return ts == NULL ? 0 : ts->capacity; }

const void *ag_timeseries_block(const ag_timeseries_t *ts, size_t *out_bytes) {
    if (ts == NULL || out_bytes == NULL)
        return NULL;
    *out_bytes = ts->capacity * 4 * sizeof(double);
    return ts->timestamps;
}

/* 1 when the window has an answer to give, else the code to return. */
static int window_state(const ag_timeseries_t *ts, const double *out) {
    if (ts == NULL || out == NULL || !ts->has_window)
        return AG_ERR_INVALID_ARG;
    return ts->size > 0;
}

int ag_timeseries_mean(const ag_timeseries_t *ts, double *out) {
    int state = window_state(ts, out);
    if (state != 1)
        return state;
    const window_t *window = &ts->window;
    if (window->nans > 0 || (window->plus_infs > 0 && window->minus_infs > 0))
        *out = NAN;
    else if (window->plus_infs > 0 || window->minus_infs > 0)
        *out = window->plus_infs > 0 ? INFINITY : -INFINITY;
    else
        *out = (window->fresh.sum + window->old.sum + (window->fresh.error + window->old.error)) / (double)ts->size;
    return 1;
}

static int extreme_value(const ag_timeseries_t *ts, const extreme_t *queue, double sign, double *out) {
    *out = ts->window.nans > 0 ? (double)NAN : sign * queue->items[queue->first].value;
    return 1;
}

int ag_timeseries_min(const ag_timeseries_t *ts, double *out) {
    int state = window_state(ts, out);
    return state == 1 ? extreme_value(ts, &ts->window.least, 1.0, out) : state;
}

int ag_timeseries_max(const ag_timeseries_t *ts, double *out) {
    int state = window_state(ts, out);
    return state == 1 ? extreme_value(ts, &ts->window.greatest, -1.0, out) : state;
}

int ag_timeseries_ewma(const ag_timeseries_t *ts, double *out) {
    if (ts == NULL || out == NULL || !ts->has_ewma)
        return AG_ERR_INVALID_ARG;
    if (ts->ewma_begun)
        *out = ts->ewma;
    return ts->ewma_begun;
}
