#include "agbot/ag_condition.h"

#include <math.h>

/*
 * The arithmetic of agbot/matching/queue.py, operation by operation. Products and sums stand in statements of their own:
 * a compiler may fuse them only within one expression, and fused they would round differently from Python's.
 */

#define LN2 0.6931471805599453
#define SQRT_HALF 0.7071067811865476
#define SERIES_FROM 23
#define SCALE 1000000.0

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* ceil(a * b / c) for 0 <= a, b < c: the product has up to 96 bits, so bit by bit. */
static int64_t share_up(int64_t a, int64_t b, int64_t c) {
    int64_t whole = 0, rest = 0;
    for (int bit = 62; bit >= 0; bit--) {
        whole *= 2;
        rest *= 2;
        if ((a >> bit & 1) != 0)
            rest += b;
        for (; rest >= c; rest -= c)
            whole++;
    }
    return whole + (rest > 0);
}

static double log_one_plus(double x) {
    int exponent;
    double mantissa = frexp(1.0 + x, &exponent);
    if (mantissa < SQRT_HALF) {
        mantissa *= 2.0;
        exponent--;
    }
    double z = (mantissa - 1.0) / (mantissa + 1.0), square = z * z, total = 0.0;
    for (int k = SERIES_FROM; k > 0; k -= 2) {
        total *= square;
        total += 1.0 / (double)k;
    }
    double high = (double)exponent * LN2;
    double low = 2.0 * z;
    low *= total;
    return high + low;
}

/* The probability that what left the level stood behind us. */
static double behind_of(const ag_queue_rule_t *rule, double front, double back) {
    double ahead = front, after = back;
    if (rule->kind == AG_QUEUE_LOG) {
        ahead = log_one_plus(front / SCALE);
        after = log_one_plus(back / SCALE);
        return ahead > 0.0 ? after / (after + ahead) : 1.0;
    }
    for (int i = 1; i < rule->exponent; i++) {
        ahead *= front;
        after *= back;
    }
    return after / (after + ahead);
}

static int64_t rounded_up(double value, int64_t most) {
    if (value <= 0.0)
        return 0;
    if (value >= (double)most)
        return most;
    int64_t whole = (int64_t)value;
    return lesser(most, whole + ((double)whole < value));
}

static int64_t probable(const ag_queue_rule_t *rule, int64_t ahead, int64_t old, int64_t now, int64_t printed) {
    int64_t least = lesser(ahead, now), gone = old - now - printed;
    if (gone <= 0 || least == 0)
        return least;
    double front = (double)ahead, back = (double)(old > ahead ? old - ahead : 0);
    double from_behind = behind_of(rule, front, back);
    double moved = (1.0 - from_behind) * (double)gone;
    double left = front - moved;
    double taken = from_behind * (double)gone;
    double missing = back - taken;
    if (missing < 0.0)
        left += missing;
    return rounded_up(left, least);
}

int64_t ag_queue_moved(const ag_queue_rule_t *rule, int64_t ahead, int64_t old, int64_t now, int64_t printed) {
    if (rule->kind == AG_QUEUE_PROPORTIONAL && now < old)
        return lesser(share_up(ahead, now, old), now);
    if (rule->kind == AG_QUEUE_POWER || rule->kind == AG_QUEUE_LOG)
        return probable(rule, ahead, old, now, printed);
    return lesser(ahead, now);
}
