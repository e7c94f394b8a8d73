/*
 * ag_timeseries: a ring of (timestamp, value) points. C11, no extensions, no globals.
 *
 * Ownership    create returns an object that the caller ends with destroy. Nothing is allocated after create. Pointers
 *              from window and block live until destroy; what they point at changes as points are appended.
 * Threads      none of these functions locks: the caller lets one thread in at a time, readers included.
 * NULL         every function accepts NULL: queries and append answer AG_ERR_INVALID_ARG, size and capacity 0.
 * Timestamps   milliseconds by convention; never interpreted. Equal and earlier timestamps are accepted, points stay
 *              in the order of their appends, and query_range filters by value.
 * Full         append never fails on a full series: it evicts the oldest point. AG_ERR_FULL is reserved.
 * Counts       functions that return ptrdiff_t or "0 or 1" return how many points they wrote, or a negative AG_ERR_*.
 * Memory       32 bytes per point: both columns are written twice, `capacity` apart, so that any window is contiguous;
 *              64 bytes with window statistics.
 */
#ifndef AGBOT_AG_TIMESERIES_H
#define AGBOT_AG_TIMESERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agbot/ag_status.h"

typedef struct ag_timeseries ag_timeseries_t;

/* A series of `capacity` points without statistics; NULL when capacity is 0 or memory is short. */
ag_timeseries_t *ag_timeseries_create(size_t capacity);

/*
 * The same with running statistics, O(1) per append (the extremes amortised). `window` keeps mean, min and max of the
 * points held; `ewma_alpha` in (0, 1] keeps the exponentially weighted mean, 0 keeps none. NULL also for other alphas.
 */
ag_timeseries_t *ag_timeseries_create_with_stats(size_t capacity, bool window, double ewma_alpha);

/* Frees the series and every window into it. */
void ag_timeseries_destroy(ag_timeseries_t *ts);

/* Appends one point, evicting the oldest when full. O(1). Returns AG_OK. */
int ag_timeseries_append(ag_timeseries_t *ts, int64_t timestamp_ms, double value);

/*
 * Appends `count` points: exactly `count` calls of append in order, so the columns may lie in the series' own block.
 * O(count). Returns AG_OK; AG_ERR_INVALID_ARG for NULL columns unless count is 0.
 */
int ag_timeseries_append_batch(ag_timeseries_t *ts, const int64_t *timestamps_ms, const double *values, size_t count);

/* Copies the newest `max_points` or fewer, newest first. O(points). `out_*` hold max_points each, NULL only if 0. */
ptrdiff_t ag_timeseries_query_last(const ag_timeseries_t *ts, size_t max_points, int64_t *out_ts, double *out_values);

/*
 * Copies points with start_ms <= timestamp <= end_ms, oldest append first, the first `max_points` of them.
 * O(size): timestamps need not be sorted. start_ms > end_ms matches nothing.
 */
ptrdiff_t ag_timeseries_query_range(const ag_timeseries_t *ts, int64_t start_ms, int64_t end_ms, size_t max_points,
                                    int64_t *out_ts, double *out_values);

/* How many points query_range would find without a bound. O(size). */
ptrdiff_t ag_timeseries_count_range(const ag_timeseries_t *ts, int64_t start_ms, int64_t end_ms);

/* Points held, and the most that can be held. O(1). */
size_t ag_timeseries_size(const ag_timeseries_t *ts);
size_t ag_timeseries_capacity(const ag_timeseries_t *ts);

/*
 * Zero-copy: points *out_ts and *out_values at the newest `max_points` or fewer, oldest first, contiguous. O(1).
 * A window over live memory: with n points it holds still for capacity - n appends, then its oldest points are
 * overwritten in place by newer ones.
 */
ptrdiff_t ag_timeseries_window(const ag_timeseries_t *ts, size_t max_points, const int64_t **out_ts,
                               const double **out_values);

/* The memory behind every window: 2*capacity timestamps, then 2*capacity values; *out_bytes is its length. */
const void *ag_timeseries_block(const ag_timeseries_t *ts, size_t *out_bytes);

/*
 * Statistics, O(1): 1 when *out was written, 0 when there is no value yet, AG_ERR_INVALID_ARG when not kept.
 * mean, min and max cover the points held; while a NaN is among them they are NaN, as in NumPy. The mean is a
 * compensated sum that is renewed every `capacity` appends, so it does not drift; finite values whose sum overflows
 * a double make it NaN or infinite for at most 2*capacity further appends. The EWMA starts at the first finite value,
 * covers every finite value ever appended and skips the others.
 */
int ag_timeseries_mean(const ag_timeseries_t *ts, double *out);
int ag_timeseries_min(const ag_timeseries_t *ts, double *out);
int ag_timeseries_max(const ag_timeseries_t *ts, double *out);
int ag_timeseries_ewma(const ag_timeseries_t *ts, double *out);

#endif
