/* Asks Python's strategies out of ag_replay's loop: each has one view a market, made once and kept current in place. */
#include "binding.h"

#include <string.h>

#include "replay_object.h"

static PyObject *print_of(replay_t *self, const ag_row_t *row) {
    PyObject *token = PyTuple_GetItem(self->tokens, row->book), *side = PyTuple_GetItem(self->sides, row->side);
    if (token == NULL || side == NULL)
        return NULL;
    return PyObject_CallFunction(self->print_type, "OOiLL", token, side, (int)row->price, (long long)row->size,
                                 (long long)row->ts_ns);
}

/* What traded in a market in this instant, as a list. */
static PyObject *prints_of(replay_t *self, size_t market) {
    const ag_replay_t *core = &self->core;
    const ag_row_t *row = core->rows + core->bounds[core->sight], *end = core->rows + core->bounds[core->sight + 1];
    PyObject *list = PyList_New(0);
    for (; list != NULL && row < end; row++) {
        if (row->kind != AG_ROW_TRADE || row->book / 2 != market)
            continue;
        PyObject *print = print_of(self, row);
        if (print == NULL || PyList_Append(list, print) < 0)
            Py_CLEAR(list);
        Py_XDECREF(print);
    }
    return list;
}

/* The view's slots are set behind its back: it is frozen for those who look at it. */
static int set(PyObject *view, PyObject *name, PyObject *value) { return PyObject_GenericSetAttr(view, name, value); }

/* Makes a view anew; 1 when the strategy has news of its own in it, -1 with an error set. */
static int refresh(replay_t *self, sight_t *slot, size_t strategy, size_t market) {
    PyObject *made = PyObject_CallFunction(self->refresh, "nn", (Py_ssize_t)strategy, (Py_ssize_t)market);
    PyObject *view = NULL;
    int news = 0;
    if (made == NULL)
        return -1;
    if (!PyArg_ParseTuple(made, "Op", &view, &news))
        news = -1;
    else
        slot->view = Py_NewRef(view);
    Py_DECREF(made);
    return news;
}

static bool differs(const replay_t *self, const asked_t *asked, size_t market, int64_t bests[AG_BESTS]) {
    const int64_t *seen = (const int64_t *)asked->seen.buf + AG_BESTS * market;
    size_t length = asked->wake == WAKE_PRICE ? AG_BESTS / 2 : AG_BESTS;
    ag_replay_bests(&self->core, market, bests);
    return memcmp(seen, bests, length * sizeof *bests) != 0;
}

/* Whether a strategy is to be asked; it is taken to have seen what it is asked about. */
static int wakes(replay_t *self, asked_t *asked, sight_t *slot, size_t strategy, size_t market) {
    int64_t bests[AG_BESTS];
    int news = 0;
    bool made = slot->view == NULL;
    if (made && (news = refresh(self, slot, strategy, market)) < 0)
        return -1;
    if (asked->wake == WAKE_EVERY)
        return 1;
    if (asked->wake == WAKE_SECOND)
        return news || self->core.second;
    if (!made && !self->core.market[market].moved)
        return 0;
    if (!differs(self, asked, market, bests) && !news)
        return 0;
    memcpy((int64_t *)asked->seen.buf + AG_BESTS * market, bests, sizeof bests);
    return 1;
}

static PyObject *decide(replay_t *self, asked_t *asked, PyObject *view, size_t market) {
    const ag_replay_t *core = &self->core;
    bool prints = core->grouped && (core->flags[core->sight] & AG_GROUP_PRINTS);
    if (self->now == NULL && (self->now = PyLong_FromLongLong(core->now_ns)) == NULL)
        return NULL;
    if (set(view, self->now_name, self->now) < 0)
        return NULL;
    if (core->second && set(view, self->second_name, Py_True) < 0)
        return NULL;
    if (prints) {
        PyObject *list = prints_of(self, market);
        int done = list == NULL ? -1 : set(view, self->prints_name, list);
        Py_XDECREF(list);
        if (done < 0)
            return NULL;
    }
    PyObject *answer = PyObject_CallFunctionObjArgs(asked->decide, view, NULL);
    if ((core->second && set(view, self->second_name, Py_False) < 0) ||
        (prints && set(view, self->prints_name, self->nothing) < 0))
        Py_CLEAR(answer);
    return answer;
}

/* 1 and `answer` kept when it says anything: an exception is an answer too. */
static int keep(replay_t *self, PyObject *answer) {
    self->raised = answer == NULL;
    if (answer == NULL) {
        PyObject *type, *value, *trace;
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return -1;
        PyErr_Fetch(&type, &value, &trace);
        PyErr_NormalizeException(&type, &value, &trace);
        if (trace != NULL)
            PyException_SetTraceback(value, trace);
        Py_XDECREF(type);
        Py_XDECREF(trace);
        answer = value;
    } else {
        Py_ssize_t said = PyObject_Size(answer);
        if (said == 0) {
            Py_DECREF(answer);
            return 0;
        }
        if (said < 0)
            PyErr_Clear(); /* the core will say what it thinks of it */
    }
    self->answer = answer;
    return 1;
}

static int ask_one(replay_t *self, size_t strategy, size_t market) {
    sight_t *slot = &self->views[strategy * self->core.markets + market];
    if (!slot->follows)
        return 0;
    int woken = wakes(self, &self->asked[strategy], slot, strategy, market);
    if (woken > 0) {
        PyObject *view = Py_NewRef(slot->view); /* the strategy might make us forget it */
        woken = keep(self, decide(self, &self->asked[strategy], view, market));
        Py_DECREF(view);
    }
    self->place += woken == 0;
    return woken;
}

int replay_ask(void *given) {
    replay_t *self = given;
    int said = 0;
    Py_CLEAR(self->now);
    self->place = 0;
    for (size_t i = 0; said == 0 && i < self->core.touched_count; i++)
        for (size_t strategy = 0; said == 0 && strategy < self->asked_count; strategy++)
            said = ask_one(self, strategy, self->core.touched[i]);
    return said;
}

int replay_matched(void *given, size_t market) {
    replay_t *self = given;
    size_t count;
    const ag_match_t *matches = ag_condition_matches(self->core.market[market].condition, &count);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *row = Py_BuildValue("(LLL)", (long long)matches[i].id, (long long)matches[i].price,
                                      (long long)matches[i].size);
        if (row == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, row);
    }
    if (list == NULL)
        return -1;
    PyObject *due = PyObject_CallFunction(self->matched, "nO", (Py_ssize_t)market, list);
    Py_DECREF(list);
    int result = due == NULL ? -1 : int64_get(due, &self->core.due_ns);
    Py_XDECREF(due);
    return result;
}

int replay_breathe(void *Py_UNUSED(given)) { return PyErr_CheckSignals(); }
