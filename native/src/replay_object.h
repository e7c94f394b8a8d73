/* The object behind agbot._replay.Replay, and what asks its strategies. Include binding.h first. */
#ifndef AGBOT_REPLAY_OBJECT_H
#define AGBOT_REPLAY_OBJECT_H

#include "agbot/ag_replay.h"

enum { WAKE_EVERY, WAKE_BEST, WAKE_PRICE, WAKE_SECOND, WAKES }; /* agbot.backtest.woken.Wake */

typedef struct {
    PyObject *decide;
    Py_buffer seen; /* AG_BESTS int64 a market: what it saw when it was asked last */
    int wake;
    bool bound;
} asked_t;

typedef struct {
    PyObject *view; /* NULL: to be made anew */
    bool follows;
} sight_t;

typedef struct {
    PyObject_HEAD
    ag_replay_t core;
    bool ready;
    Py_buffer rows, bounds, flags;
    size_t asked_count;
    asked_t *asked;
    sight_t *views;      /* by strategy, then market */
    PyObject **objects;  /* what is bound: books by token, then conditions by market */
    PyObject *matched, *refresh, *print_type, *sides, *tokens;
    PyObject *answer;    /* what the last one asked said, if not nothing */
    PyObject *now, *now_name, *prints_name, *second_name, *nothing;
    size_t place;        /* how many were asked before it in its instant */
    bool raised;
} replay_t;

/* The callbacks of ag_replay; `self` is a replay_t. */
int replay_ask(void *self);
int replay_matched(void *self, size_t market);
int replay_breathe(void *self);

#endif
