/* Python face of ag_replay: binds books, conditions and strategies. agbot.backtest.fast is its only caller. */
#include "binding.h"

#include "objects.h"
#include "replay_object.h"
#include "rows.h"

static replay_t *of(PyObject *self) { return (replay_t *)self; }

/* Reads an index below `end`; 0 or -1 with an error set. */
static int index_get(PyObject *number, size_t end, size_t *out) {
    int64_t value;
    if (number_get(number, &value) < 0)
        return -1;
    if (value < 0 || (uint64_t)value >= end) {
        PyErr_Format(PyExc_IndexError, "%lld is not below %zu", (long long)value, end);
        return -1;
    }
    *out = (size_t)value;
    return 0;
}

/* ---- construction ---- */

static void forget_views(replay_t *self, size_t from, size_t to) {
    for (size_t i = from; self->views != NULL && i < to; i++)
        Py_CLEAR(self->views[i].view);
}

static int replay_clear(PyObject *given) {
    replay_t *self = of(given);
    forget_views(self, 0, self->asked_count * self->core.markets);
    for (size_t i = 0; self->asked != NULL && i < self->asked_count; i++) {
        Py_CLEAR(self->asked[i].decide);
        if (self->asked[i].bound)
            PyBuffer_Release(&self->asked[i].seen);
        self->asked[i].bound = false;
    }
    for (size_t i = 0; self->objects != NULL && i < 3 * self->core.markets; i++)
        Py_CLEAR(self->objects[i]);
    PyObject **held[] = {&self->matched, &self->refresh,  &self->print_type,  &self->sides,       &self->tokens, &self->answer,
                         &self->now,     &self->now_name, &self->prints_name, &self->second_name, &self->nothing};
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++)
        Py_CLEAR(*held[i]);
    return 0;
}

static int replay_traverse(PyObject *given, visitproc visit, void *arg) {
    replay_t *self = of(given);
    for (size_t i = 0; self->views != NULL && i < self->asked_count * self->core.markets; i++)
        Py_VISIT(self->views[i].view);
    for (size_t i = 0; self->asked != NULL && i < self->asked_count; i++)
        Py_VISIT(self->asked[i].decide);
    Py_VISIT(self->matched);
    Py_VISIT(self->refresh);
    Py_VISIT(self->answer);
    Py_VISIT(Py_TYPE(given));
    return 0;
}

static void replay_dealloc(PyObject *given) {
    replay_t *self = of(given);
    PyTypeObject *type = Py_TYPE(given);
    PyObject_GC_UnTrack(given);
    replay_clear(given);
    ag_replay_release(&self->core);
    Py_buffer *views[] = {&self->rows, &self->bounds, &self->flags};
    for (int i = 0; i < 3; i++)
        if (views[i]->obj != NULL)
            PyBuffer_Release(views[i]);
    PyMem_Free(self->asked);
    PyMem_Free(self->views);
    PyMem_Free(self->objects);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(given);
    Py_DECREF(type);
}

static int columns_get(replay_t *self, PyObject *rows, PyObject *bounds, PyObject *flags) {
    if (PyObject_GetBuffer(rows, &self->rows, PyBUF_SIMPLE) < 0 || column_get(bounds, &self->bounds, 'q', false) < 0 ||
        PyObject_GetBuffer(flags, &self->flags, PyBUF_SIMPLE) < 0)
        return -1;
    const int64_t *at = self->bounds.buf;
    Py_ssize_t count = self->bounds.len / 8, length = self->rows.len / (Py_ssize_t)sizeof(ag_row_t);
    bool ok = count > 0 && at[0] == 0 && at[count - 1] == length && self->flags.len == count - 1 &&
              PyBuffer_IsContiguous(&self->bounds, 'C');
    for (Py_ssize_t i = 1; ok && i < count; i++)
        ok = at[i] > at[i - 1];
    if (!ok) {
        PyErr_SetString(PyExc_ValueError, "bounds are not those of the rows, or flags not those of the groups");
        return -1;
    }
    self->core.rows = self->rows.buf;
    self->core.bounds = at;
    self->core.flags = self->flags.buf;
    self->core.groups = (size_t)count - 1;
    return 0;
}

static int names_get(replay_t *self) {
    self->now_name = PyUnicode_InternFromString("now_ns");
    self->prints_name = PyUnicode_InternFromString("prints");
    self->second_name = PyUnicode_InternFromString("second");
    self->nothing = PyTuple_New(0);
    bool ok = self->now_name != NULL && self->prints_name != NULL && self->second_name != NULL && self->nothing != NULL;
    return ok ? 0 : -1;
}

static int room_get(replay_t *self) {
    size_t markets = self->core.markets;
    self->asked = PyMem_Calloc(self->asked_count + 1, sizeof *self->asked);
    self->views = PyMem_Calloc(self->asked_count * markets + 1, sizeof *self->views);
    self->objects = PyMem_Calloc(3 * markets + 1, sizeof *self->objects);
    if (self->asked == NULL || self->views == NULL || self->objects == NULL || ag_replay_init(&self->core) != AG_OK) {
        PyErr_NoMemory();
        return -1;
    }
    return names_get(self);
}

static PyObject *replay_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs)) {
    PyObject *rows, *bounds, *flags, *matched, *refresh, *print_type, *sides, *tokens;
    long long feed;
    Py_ssize_t strategies;
    if (!PyArg_ParseTuple(args, "OOOLnOOOO!O!:Replay", &rows, &bounds, &flags, &feed, &strategies, &matched, &refresh,
                          &print_type, &PyTuple_Type, &sides, &PyTuple_Type, &tokens))
        return NULL;
    if (feed < 0 || strategies < 0)
        return PyErr_Format(PyExc_ValueError, "a latency of %lld, %zd strategies", feed, strategies);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *made = allocate(type, 0);
    if (made == NULL)
        return NULL;
    replay_t *self = of(made);
    self->asked_count = (size_t)strategies;
    self->core.feed_ns = feed;
    self->core.call = (ag_callbacks_t){self, replay_matched, replay_ask, replay_breathe};
    self->matched = Py_NewRef(matched);
    self->refresh = Py_NewRef(refresh);
    self->print_type = Py_NewRef(print_type);
    self->sides = Py_NewRef(sides);
    self->tokens = Py_NewRef(tokens);
    size_t markets = (size_t)PyTuple_Size(tokens) / 2;
    if (columns_get(self, rows, bounds, flags) == 0) {
        self->core.markets = markets;
        if (room_get(self) == 0)
            return made;
        self->core.markets = self->objects == NULL || self->views == NULL ? 0 : markets;
    }
    Py_DECREF(made);
    return NULL;
}

/* ---- binding ---- */

static PyObject *replay_bind_strategy(PyObject *given, PyObject *args) {
    replay_t *self = of(given);
    PyObject *decide, *seen;
    Py_ssize_t at;
    int wake;
    if (!PyArg_ParseTuple(args, "nOiO:bind_strategy", &at, &decide, &wake, &seen))
        return NULL;
    if (at < 0 || (size_t)at >= self->asked_count || wake < 0 || wake >= WAKES || self->asked[at].bound)
        return PyErr_Format(PyExc_ValueError, "no strategy %zd to bind, or no wake %d", at, wake);
    asked_t *asked = &self->asked[at];
    if (PyObject_GetBuffer(seen, &asked->seen, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    asked->bound = true;
    if (asked->seen.len != (Py_ssize_t)(self->core.markets * AG_BESTS * 8))
        return PyErr_Format(PyExc_ValueError, "needs %zu rows of %d int64", self->core.markets, AG_BESTS);
    asked->decide = Py_NewRef(decide);
    asked->wake = wake;
    Py_RETURN_NONE;
}

static void keep(replay_t *self, size_t place, PyObject *object) {
    PyObject *old = self->objects[place];
    self->objects[place] = Py_NewRef(object);
    Py_XDECREF(old);
}

/* bind_book(token, Book, whole) */
static PyObject *replay_bind_book(PyObject *given, PyObject *const *args, Py_ssize_t count) {
    replay_t *self = of(given);
    size_t token;
    if (count != 3)
        return wrong_count("bind_book(token, book, whole)");
    if (index_get(args[0], 2 * self->core.markets, &token) < 0 || !is_a(args[1], "agbot._book", "Book"))
        return NULL;
    int whole = PyObject_IsTrue(args[2]);
    if (whole < 0)
        return NULL;
    self->core.sights[token].book = ((book_t *)args[1])->book;
    self->core.sights[token].whole = whole > 0;
    keep(self, token, args[1]);
    Py_RETURN_NONE;
}

/* bind_condition(market, Condition or None) */
static PyObject *replay_bind_condition(PyObject *given, PyObject *const *args, Py_ssize_t count) {
    replay_t *self = of(given);
    size_t market;
    if (count != 2)
        return wrong_count("bind_condition(market, condition)");
    if (index_get(args[0], self->core.markets, &market) < 0 ||
        (args[1] != Py_None && !is_a(args[1], "agbot._condition", "Condition")))
        return NULL;
    self->core.market[market].condition = args[1] == Py_None ? NULL : ((condition_t *)args[1])->condition;
    keep(self, 2 * self->core.markets + market, args[1]);
    Py_RETURN_NONE;
}

/* follow(strategy, market, whether) */
static PyObject *replay_follow(PyObject *given, PyObject *const *args, Py_ssize_t count) {
    replay_t *self = of(given);
    size_t strategy, market;
    if (count != 3)
        return wrong_count("follow(strategy, market, whether)");
    if (index_get(args[0], self->asked_count, &strategy) < 0 || index_get(args[1], self->core.markets, &market) < 0)
        return NULL;
    self->views[strategy * self->core.markets + market].follows = args[2] == Py_True;
    Py_RETURN_NONE;
}

/* hold(market, [(yes, no), ...]) */
static PyObject *replay_hold(PyObject *given, PyObject *const *args, Py_ssize_t count) {
    replay_t *self = of(given);
    size_t market;
    rows_t rows;
    ag_held_t held[AG_HELD_MOST];
    if (count != 2)
        return wrong_count("hold(market, held)");
    if (index_get(args[0], self->core.markets, &market) < 0 || rows_get(&rows, args[1], 2) < 0)
        return NULL;
    for (size_t i = 0; i < rows.count && i < AG_HELD_MOST; i++)
        held[i] = (ag_held_t){rows.numbers[2 * i], rows.numbers[2 * i + 1], 0};
    ag_replay_hold(&self->core, market, held, rows.count);
    rows_release(&rows);
    Py_RETURN_NONE;
}

/* meet(market, met): one that is not met is the caller's in its next instant. Its views are made anew. */
static PyObject *replay_meet(PyObject *given, PyObject *const *args, Py_ssize_t count) {
    replay_t *self = of(given);
    size_t market;
    if (count != 2)
        return wrong_count("meet(market, met)");
    if (index_get(args[0], self->core.markets, &market) < 0)
        return NULL;
    self->core.market[market].met = args[1] == Py_True;
    for (size_t i = 0; i < self->asked_count; i++)
        forget_views(self, i * self->core.markets + market, i * self->core.markets + market + 1);
    Py_RETURN_NONE;
}

static PyObject *replay_forget(PyObject *given, PyObject *Py_UNUSED(ignored)) {
    forget_views(of(given), 0, of(given)->asked_count * of(given)->core.markets);
    Py_RETURN_NONE;
}

/* ---- where it stands ---- */

static PyObject *replay_stands(PyObject *given, PyObject *Py_UNUSED(ignored)) {
    const ag_replay_t *core = &of(given)->core;
    return Py_BuildValue("(nnLL)", (Py_ssize_t)core->venue, (Py_ssize_t)core->sight, (long long)core->timer_ns,
                         (long long)core->now_ns);
}

static PyObject *replay_resume(PyObject *given, PyObject *args) {
    replay_t *self = of(given);
    Py_ssize_t venue, sight;
    long long timer;
    int asking, timers, watching;
    if (!PyArg_ParseTuple(args, "nnLppp:resume", &venue, &sight, &timer, &asking, &timers, &watching))
        return NULL;
    if (sight < 0 || venue < sight || (size_t)venue > self->core.groups)
        return PyErr_Format(PyExc_ValueError, "the venue at group %zd, the strategies at %zd", venue, sight);
    for (size_t i = 0; i < self->asked_count; i++)
        if (self->asked[i].decide == NULL)
            return PyErr_Format(PyExc_ValueError, "strategy %zu is not bound", i);
    self->core.venue = (size_t)venue;
    self->core.sight = (size_t)sight;
    self->core.timer_ns = timer;
    self->core.asking = asking > 0;
    self->core.timers = timers > 0;
    self->core.watching = watching > 0;
    Py_RETURN_NONE;
}

/* counted(): [(token, deltas, snapshots, locked, crossed, updated_ns)] since it was called last. */
static PyObject *replay_counted(PyObject *given, PyObject *Py_UNUSED(ignored)) {
    ag_replay_t *core = &of(given)->core;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < 2 * core->markets; i++) {
        ag_sight_t *sight = &core->sights[i];
        if (sight->deltas + sight->snapshots == 0)
            continue;
        PyObject *row = Py_BuildValue("(nLLLLL)", (Py_ssize_t)i, (long long)sight->deltas, (long long)sight->snapshots,
                                      (long long)sight->locked, (long long)sight->crossed,
                                      (long long)sight->updated_ns);
        if (row == NULL || PyList_Append(list, row) < 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
        sight->deltas = sight->snapshots = sight->locked = sight->crossed = 0;
    }
    return list;
}

/* stale(): the markets whose holdings are worth something else since it was called last. */
static PyObject *replay_stale(PyObject *given, PyObject *Py_UNUSED(ignored)) {
    ag_replay_t *core = &of(given)->core;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < core->markets; i++) {
        if (!core->market[i].stale)
            continue;
        core->market[i].stale = false;
        PyObject *place = PyLong_FromSize_t(i);
        if (place == NULL || PyList_Append(list, place) < 0)
            Py_CLEAR(list);
        Py_XDECREF(place);
    }
    return list;
}

/* run(limit, due): None, or (asked before, answer, raised) of the one who said something. */
static PyObject *replay_run(PyObject *given, PyObject *const *args, Py_ssize_t count) {
    replay_t *self = of(given);
    int64_t limit;
    if (count != 2)
        return wrong_count("run(limit_ns, due_ns)");
    if (int64_get(args[0], &limit) < 0 || int64_get(args[1], &self->core.due_ns) < 0)
        return NULL;
    Py_CLEAR(self->answer);
    int result = ag_replay_run(&self->core, limit);
    if (result == AG_ERR_NOMEM && !PyErr_Occurred())
        return PyErr_NoMemory();
    if (result < 0 && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a row is no message");
    if (result < 0)
        return NULL;
    if (self->answer == NULL)
        Py_RETURN_NONE;
    PyObject *told = Py_BuildValue("(nOO)", (Py_ssize_t)self->place, self->answer, self->raised ? Py_True : Py_False);
    Py_CLEAR(self->answer);
    return told;
}

static PyMethodDef replay_methods[] = {
    {"run", FAST(replay_run), METH_FASTCALL, NULL},
    {"bind_strategy", replay_bind_strategy, METH_VARARGS, NULL},
    {"bind_book", FAST(replay_bind_book), METH_FASTCALL, NULL},
    {"bind_condition", FAST(replay_bind_condition), METH_FASTCALL, NULL},
    {"follow", FAST(replay_follow), METH_FASTCALL, NULL},
    {"hold", FAST(replay_hold), METH_FASTCALL, NULL},
    {"meet", FAST(replay_meet), METH_FASTCALL, NULL},
    {"forget", replay_forget, METH_NOARGS, NULL},
    {"stands", replay_stands, METH_NOARGS, NULL},
    {"resume", replay_resume, METH_VARARGS, NULL},
    {"counted", replay_counted, METH_NOARGS, NULL},
    {"stale", replay_stale, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot replay_slots[] = {
    {Py_tp_doc, "Replay(rows, bounds, flags, feed_ns, strategies, matched, refresh, print_type, sides, tokens)\n--\n\n"
                "The quiet stretches of a backtest; see native/include/agbot/ag_replay.h."},
    {Py_tp_new, replay_new},
    {Py_tp_dealloc, replay_dealloc},
    {Py_tp_traverse, replay_traverse},
    {Py_tp_clear, replay_clear},
    {Py_tp_methods, replay_methods},
    {0, NULL},
};

static PyType_Spec replay_spec = {
    .name = "agbot._replay.Replay",
    .basicsize = sizeof(replay_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = replay_slots,
};

static int module_exec(PyObject *module) {
    PyObject *replay = PyType_FromModuleAndSpec(module, &replay_spec, NULL);
    if (replay == NULL)
        return -1;
    int added = PyModule_AddType(module, (PyTypeObject *)replay);
    Py_DECREF(replay);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "agbot._replay",
    .m_doc = "The quiet stretches of a backtest, in C.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__replay(void) { return PyModuleDef_Init(&module_def); }
