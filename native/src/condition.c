#include "agbot/ag_condition.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t price;
    int64_t size;
    int64_t old; /* working memory of snapshot */
} taken_t;

/* Our orders of one side, best first, then the earliest. */
typedef struct {
    ag_resting_t *orders;
    size_t count;
    size_t room;
} shelf_t;

/* What of one side's levels we took: few, and none most of the time. */
typedef struct {
    taken_t *rows;
    size_t count;
    size_t room;
} taken_side_t;

struct ag_condition {
    ag_queue_rule_t rule;
    ag_book_t *levels;
    shelf_t own[2];
    taken_side_t taken[2];
    ag_match_t *matches;
    size_t match_count, match_room;
    ag_level_t *scratch;
    size_t scratch_room;
};

static const int64_t TICKS[] = {100000, 10000, 5000, 2500, 1000, 100};

/* Room for `wanted` entries: the tests count what is asked of malloc, so there is no realloc. */
static bool grow(void **rows, size_t *room, size_t wanted, size_t used, size_t width) {
    if (wanted <= *room)
        return true;
    size_t more = wanted < 8 ? 8 : wanted * 2;
    void *fresh = malloc(more * width);
    if (fresh == NULL)
        return false;
    if (used > 0)
        memcpy(fresh, *rows, used * width);
    free(*rows);
    *rows = fresh;
    *room = more;
    return true;
}

static bool better(int side, int64_t a, int64_t b) { return side == AG_BID ? a > b : a < b; }

/* ---- construction ---- */

ag_condition_t *ag_condition_create(ag_queue_rule_t rule, int64_t tick) {
    bool known = rule.kind >= AG_QUEUE_BACK && rule.kind < AG_QUEUE_RULES;
    bool power = rule.kind == AG_QUEUE_POWER;
    if (!known || (power && (rule.exponent < 1 || rule.exponent > AG_EXPONENT_MOST)))
        return NULL;
    ag_book_t *levels = ag_book_create(tick);
    ag_condition_t *condition = levels == NULL ? NULL : calloc(1, sizeof *condition);
    if (condition == NULL) {
        ag_book_destroy(levels);
        return NULL;
    }
    condition->rule = rule;
    condition->levels = levels;
    return condition;
}

void ag_condition_destroy(ag_condition_t *condition) {
    if (condition == NULL)
        return;
    ag_book_destroy(condition->levels);
    for (int side = AG_BID; side <= AG_ASK; side++) {
        free(condition->own[side].orders);
        free(condition->taken[side].rows);
    }
    free(condition->matches);
    free(condition->scratch);
    free(condition);
}

/* ---- levels ---- */

static bool possible(int64_t side, int64_t price, int64_t size) {
    bool priced = price > 0 && price < AG_BOOK_ONE && price % 100 == 0;
    return (side == AG_BID || side == AG_ASK) && priced && size >= 0 && size <= AG_SIZE_MOST;
}

/* Moves the levels to a finer tick when this price asks for one. */
static int fit(ag_condition_t *condition, int64_t price) {
    int64_t tick = ag_book_tick(condition->levels);
    if (price % tick == 0)
        return AG_OK;
    int result = AG_ERR_INVALID_ARG;
    for (size_t i = 0; i < sizeof TICKS / sizeof TICKS[0] && result == AG_ERR_INVALID_ARG; i++)
        if (TICKS[i] < tick && price % TICKS[i] == 0)
            result = ag_book_regrid(condition->levels, TICKS[i]);
    return result;
}

static taken_t *taken_at(const ag_condition_t *condition, int side, int64_t price) {
    const taken_side_t *taken = &condition->taken[side];
    for (size_t i = 0; i < taken->count; i++)
        if (taken->rows[i].price == price)
            return &taken->rows[i];
    return NULL;
}

static int64_t available(const ag_condition_t *condition, int side, const ag_level_t *level) {
    const taken_t *taken = taken_at(condition, side, level->price);
    return level->size - (taken == NULL ? 0 : taken->size);
}

static void forget_taken(ag_condition_t *condition, int side, int64_t price) {
    taken_side_t *side_taken = &condition->taken[side];
    taken_t *taken = taken_at(condition, side, price);
    if (taken != NULL)
        *taken = side_taken->rows[--side_taken->count];
}

static void move(const ag_condition_t *condition, ag_resting_t *order, int64_t old, int64_t now) {
    if (now == old)
        return;
    order->ahead = ag_queue_moved(&condition->rule, order->ahead, old, now, order->printed);
    order->printed = 0;
}

static void set_level(ag_condition_t *condition, int side, int64_t price, int64_t size) {
    shelf_t *own = &condition->own[side];
    if (own->count == 0 && condition->taken[side].count == 0) {
        ag_book_update(condition->levels, side, price, size);
        return;
    }
    int64_t old = ag_book_size_at(condition->levels, side, price);
    if (size == old)
        return;
    ag_book_update(condition->levels, side, price, size);
    forget_taken(condition, side, price);
    for (size_t i = 0; i < own->count && !better(side, price, own->orders[i].price); i++)
        if (own->orders[i].price == price)
            move(condition, &own->orders[i], old, size);
}

const ag_level_t *ag_condition_reachable(ag_condition_t *condition, int side, int64_t limit, size_t *count) {
    int other = AG_BID + AG_ASK - side;
    size_t levels = ag_book_count(condition->levels, other), kept = 0;
    *count = 0;
    if (!grow((void **)&condition->scratch, &condition->scratch_room, levels + 1, 0, sizeof *condition->scratch))
        return NULL;
    levels = ag_book_top(condition->levels, other, levels, condition->scratch);
    for (size_t i = 0; i < levels && !better(side, condition->scratch[i].price, limit); i++) {
        int64_t size = available(condition, other, &condition->scratch[i]);
        if (size > 0)
            condition->scratch[kept++] = (ag_level_t){condition->scratch[i].price, size};
    }
    *count = kept;
    return condition->scratch;
}

int ag_condition_take(ag_condition_t *condition, int side, int64_t price, int64_t size) {
    int other = AG_BID + AG_ASK - side;
    taken_side_t *all = &condition->taken[other];
    ag_level_t level = {price, ag_book_size_at(condition->levels, other, price)};
    if (size > available(condition, other, &level))
        return AG_ERR_INVALID_ARG;
    taken_t *taken = taken_at(condition, other, price);
    if (taken == NULL) {
        if (!grow((void **)&all->rows, &all->room, all->count + 1, all->count, sizeof *all->rows))
            return AG_ERR_NOMEM;
        taken = &all->rows[all->count++];
        *taken = (taken_t){.price = price};
    }
    taken->size += size;
    shelf_t *own = &condition->own[other];
    for (size_t i = 0; i < own->count; i++)
        if (own->orders[i].price == price)
            own->orders[i].ahead = own->orders[i].ahead > size ? own->orders[i].ahead - size : 0;
    return AG_OK;
}

/* ---- our orders ---- */

static ag_resting_t *find(const ag_condition_t *condition, int64_t id) {
    for (int side = AG_BID; side <= AG_ASK; side++)
        for (size_t i = 0; i < condition->own[side].count; i++)
            if (condition->own[side].orders[i].id == id)
                return &condition->own[side].orders[i];
    return NULL;
}

static void take_off(shelf_t *own, size_t index) {
    own->count--;
    memmove(&own->orders[index], &own->orders[index + 1], (own->count - index) * sizeof *own->orders);
}

/* Fills an order with up to `reach`; returns how much. The caller takes it off when nothing remains. */
static int64_t fill(ag_condition_t *condition, ag_resting_t *order, int64_t reach) {
    int64_t size = order->remaining < reach ? order->remaining : reach;
    if (size <= 0)
        return 0;
    condition->matches[condition->match_count++] = (ag_match_t){order->id, order->price, size};
    order->remaining -= size;
    return size;
}

static int take_first(ag_condition_t *condition, int side, const ag_level_t *levels, int64_t size) {
    for (; size > 0; levels++) {
        int64_t part = levels->size < size ? levels->size : size;
        int result = ag_condition_take(condition, side, levels->price, part);
        if (result != AG_OK)
            return result;
        size -= part;
    }
    return AG_OK;
}

/* One side's orders against what of the other side reaches them. */
static int fill_side(ag_condition_t *condition, int side) {
    shelf_t *own = &condition->own[side];
    for (size_t i = 0; i < own->count;) {
        ag_resting_t *order = &own->orders[i];
        size_t count;
        if (better(side, ag_book_best(condition->levels, AG_BID + AG_ASK - side), order->price))
            return AG_OK;
        const ag_level_t *levels = ag_condition_reachable(condition, side, order->price, &count);
        if (levels == NULL)
            return AG_ERR_NOMEM;
        if (count == 0)
            return AG_OK;
        int64_t room = -order->ahead;
        for (size_t k = 0; k < count; k++)
            room += levels[k].size;
        int result = take_first(condition, side, levels, fill(condition, order, room));
        if (result != AG_OK)
            return result;
        if (order->remaining == 0)
            take_off(own, i);
        else
            i++;
    }
    return AG_OK;
}

static int fill_reached(ag_condition_t *condition) {
    int result = AG_OK;
    for (int side = AG_BID; side <= AG_ASK && result == AG_OK; side++)
        result = fill_side(condition, side);
    return result;
}

/* ---- what happens ---- */

int ag_condition_change(ag_condition_t *condition, const ag_change_t *changes, size_t count) {
    condition->match_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!possible(changes[i].side, changes[i].price, changes[i].size))
            return AG_ERR_INVALID_ARG;
    for (size_t i = 0; i < count; i++) {
        int result = fit(condition, changes[i].price);
        if (result != AG_OK)
            return result;
    }
    for (size_t i = 0; i < count; i++)
        set_level(condition, (int)changes[i].side, changes[i].price, changes[i].size);
    return fill_reached(condition);
}

static int levels_ok(ag_condition_t *condition, const ag_level_t *levels, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!possible(AG_BID, levels[i].price, levels[i].size))
            return AG_ERR_INVALID_ARG;
    for (size_t i = 0; i < count; i++) {
        int result = fit(condition, levels[i].price);
        if (result != AG_OK)
            return result;
    }
    return AG_OK;
}

static void put_levels(ag_condition_t *condition, int side, const ag_level_t *levels, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (levels[i].size > 0)
            ag_book_update(condition->levels, side, levels[i].price, levels[i].size);
}

static void remember(ag_condition_t *condition, int side) {
    shelf_t *own = &condition->own[side];
    taken_side_t *taken = &condition->taken[side];
    for (size_t i = 0; i < own->count; i++)
        own->orders[i].old = ag_book_size_at(condition->levels, side, own->orders[i].price);
    for (size_t i = 0; i < taken->count; i++)
        taken->rows[i].old = ag_book_size_at(condition->levels, side, taken->rows[i].price);
}

static void compare(ag_condition_t *condition, int side) {
    shelf_t *own = &condition->own[side];
    taken_side_t *taken = &condition->taken[side];
    for (size_t i = 0; i < own->count; i++)
        move(condition, &own->orders[i], own->orders[i].old,
             ag_book_size_at(condition->levels, side, own->orders[i].price));
    for (size_t i = 0; i < taken->count;) {
        if (taken->rows[i].old == ag_book_size_at(condition->levels, side, taken->rows[i].price))
            i++;
        else
            taken->rows[i] = taken->rows[--taken->count];
    }
}

int ag_condition_snapshot(ag_condition_t *condition, const ag_level_t *bids, size_t bid_count, const ag_level_t *asks,
                          size_t ask_count) {
    condition->match_count = 0;
    int result = levels_ok(condition, bids, bid_count);
    if (result == AG_OK)
        result = levels_ok(condition, asks, ask_count);
    if (result != AG_OK)
        return result;
    remember(condition, AG_BID);
    remember(condition, AG_ASK);
    ag_book_clear(condition->levels);
    put_levels(condition, AG_BID, bids, bid_count);
    put_levels(condition, AG_ASK, asks, ask_count);
    compare(condition, AG_BID);
    compare(condition, AG_ASK);
    return fill_reached(condition);
}

int ag_condition_trade(ag_condition_t *condition, int side, int64_t price, int64_t size) {
    condition->match_count = 0;
    if ((side != AG_BID && side != AG_ASK) || size < 0 || size > AG_SIZE_MOST)
        return AG_ERR_INVALID_ARG;
    int other = AG_BID + AG_ASK - side;
    shelf_t *own = &condition->own[other];
    int64_t left = size;
    for (size_t i = 0; i < own->count && !better(other, price, own->orders[i].price);) {
        ag_resting_t *order = &own->orders[i];
        int64_t ahead = 0;
        if (order->price == price) {
            order->printed += size;
            ahead = order->ahead < left ? order->ahead : left;
            order->ahead -= ahead;
        } else {
            order->ahead = 0;
        }
        left -= fill(condition, order, left - ahead);
        if (order->remaining == 0)
            take_off(own, i);
        else
            i++;
    }
    return AG_OK;
}

const ag_match_t *ag_condition_matches(const ag_condition_t *condition, size_t *count) {
    *count = condition->match_count;
    return condition->matches;
}

int ag_condition_rest(ag_condition_t *condition, int64_t id, int side, int64_t price, int64_t size) {
    if ((side != AG_BID && side != AG_ASK) || size < 0 || size > AG_SIZE_MOST || find(condition, id) != NULL ||
        ag_condition_crosses_own(condition, side, price))
        return AG_ERR_INVALID_ARG;
    shelf_t *own = &condition->own[side];
    size_t all = condition->own[AG_BID].count + condition->own[AG_ASK].count + 1, at = own->count;
    if (!grow((void **)&own->orders, &own->room, own->count + 1, own->count, sizeof *own->orders) ||
        !grow((void **)&condition->matches, &condition->match_room, all, condition->match_count,
              sizeof *condition->matches))
        return AG_ERR_NOMEM;
    while (at > 0 && better(side, price, own->orders[at - 1].price))
        at--;
    memmove(&own->orders[at + 1], &own->orders[at], (own->count - at) * sizeof *own->orders);
    bool front = condition->rule.kind == AG_QUEUE_FRONT;
    int64_t ahead = front ? 0 : ag_book_size_at(condition->levels, side, price);
    own->orders[at] = (ag_resting_t){.id = id, .price = price, .remaining = size, .ahead = ahead, .side = side};
    own->count++;
    return AG_OK;
}

bool ag_condition_remove(ag_condition_t *condition, int64_t id) {
    ag_resting_t *order = find(condition, id);
    if (order == NULL)
        return false;
    take_off(&condition->own[order->side], (size_t)(order - condition->own[order->side].orders));
    return true;
}

const ag_resting_t *ag_condition_find(const ag_condition_t *condition, int64_t id) { return find(condition, id); }

bool ag_condition_crosses_own(const ag_condition_t *condition, int side, int64_t price) {
    const shelf_t *own = &condition->own[AG_BID + AG_ASK - side];
    return own->count > 0 && !better(side, own->orders[0].price, price);
}
