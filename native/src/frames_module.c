/* Python face of ag_frames: makes BookSnapshot and BookDelta from what was read, or answers None. */
#include "binding.h"

#include "agbot/ag_frames.h"
#include "names.h"

#define PRICE_STEP 100
#define PRICES (AG_BOOK_ONE / PRICE_STEP + 1)

typedef struct {
    PyObject_HEAD
    ag_frames_t *frames;
    PyObject *snapshot_type, *delta_type, *decoded_type;
    PyObject *ticks, *hashes; /* the decoder's dicts; hashes may be NULL */
    allocfunc tuple_alloc; /* of decoded_type */
    long long counts[2]; /* understood messages, by kind */
    names_t names;
    PyObject *prices[PRICES];
} scanner_t;

/* ---- values ---- */

static name_t *name_get(scanner_t *self, ag_slice_t text) { return names_get(&self->names, text.text, text.length); }

/* The market's name as a new reference, NULL without an error when the message names none. */
static int market_get(scanner_t *self, ag_slice_t text, PyObject **out) {
    name_t *name = text.length == 0 ? NULL : name_get(self, text);
    *out = name == NULL ? NULL : Py_NewRef(name->text);
    return text.length > 0 && name == NULL ? -1 : 0;
}

/* A new reference; prices on the finest grid are made once. */
static PyObject *price_get(scanner_t *self, int64_t price) {
    if (price % PRICE_STEP != 0 || price > AG_BOOK_ONE)
        return PyLong_FromLongLong(price);
    PyObject **kept = &self->prices[price / PRICE_STEP];
    if (*kept == NULL)
        *kept = PyLong_FromLongLong(price);
    Py_XINCREF(*kept);
    return *kept;
}

/* A tuple of `count` items, all references stolen; NULL, and all dropped, when one is NULL. */
static PyObject *tuple_of(Py_ssize_t count, PyObject *const *items) {
    bool whole = true;
    for (Py_ssize_t i = 0; i < count; i++)
        whole = whole && items[i] != NULL;
    PyObject *tuple = whole ? PyTuple_New(count) : NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (tuple != NULL)
            PyTuple_SetItem(tuple, i, items[i]);
        else
            Py_XDECREF(items[i]);
    }
    return tuple;
}

/* type(*items) with all references stolen. */
static PyObject *made(PyObject *type, Py_ssize_t count, PyObject *const *items) {
    PyObject *arguments = tuple_of(count, items);
    if (arguments == NULL)
        return NULL;
    PyObject *result = PyObject_CallObject(type, arguments);
    Py_DECREF(arguments);
    return result;
}

/* ---- what the decoder keeps ---- */

/* Notes market and best prices; a message without market leaves the one before, a book (about is NULL) the prices. */
static void remember(name_t *token, PyObject *market, const ag_frame_token_t *about) {
    if (market != NULL && market != token->market) {
        PyObject *before = token->market;
        token->market = Py_NewRef(market);
        Py_XDECREF(before);
    }
    if (about != NULL) {
        token->top_known = about->top_known;
        token->bid = about->bid;
        token->ask = about->ask;
    }
}

static int keep_hash(scanner_t *self, PyObject *token, ag_slice_t hash) {
    if (self->hashes == NULL || hash.length == 0)
        return 0;
    PyObject *text = PyUnicode_FromStringAndSize(hash.text, (Py_ssize_t)hash.length);
    int result = text == NULL ? -1 : PyDict_SetItem(self->hashes, token, text);
    Py_XDECREF(text);
    return result;
}

/* ---- events ---- */

static PyObject *levels_tuple(scanner_t *self, const ag_level_t *levels, size_t count) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *items[] = {price_get(self, levels[i].price), PyLong_FromLongLong(levels[i].size)};
        PyObject *level = tuple_of(2, items);
        if (level == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SetItem(tuple, (Py_ssize_t)i, level);
    }
    return tuple;
}

/* Whether the book's tick, if it names one, is the one that is known: 1, 0, or -1 with an error set. */
static int tick_is_known(scanner_t *self, PyObject *token, int64_t tick) {
    if (tick == 0)
        return 1;
    PyObject *known = PyDict_GetItemWithError(self->ticks, token);
    if (known == NULL)
        return PyErr_Occurred() ? -1 : 0;
    int64_t value;
    return int64_get(known, &value) < 0 ? -1 : value == tick;
}

/* Appends `event` (stolen) to `events`. */
static int append(PyObject *events, PyObject *event) {
    int result = event == NULL ? -1 : PyList_Append(events, event);
    Py_XDECREF(event);
    return result;
}

/* 1: appended. 0: this frame needs the other way. -1: an error is set. So too below. */
static int add_book(scanner_t *self, const ag_frame_t *frame, PyObject *market, PyObject *events) {
    name_t *token = name_get(self, frame->token);
    int known = token == NULL ? -1 : tick_is_known(self, token->text, frame->tick);
    if (known != 1)
        return known;
    PyObject *items[] = {Py_NewRef(token->text), levels_tuple(self, frame->bids, frame->bid_count),
                         levels_tuple(self, frame->asks, frame->ask_count), PyLong_FromLongLong(frame->ts_ns)};
    remember(token, market, NULL);
    bool failed = append(events, made(self->snapshot_type, 4, items)) < 0 ||
                  keep_hash(self, token->text, frame->hash) < 0;
    return failed ? -1 : 1;
}

static PyObject *changes_tuple(scanner_t *self, const ag_frame_t *frame, size_t token) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)frame->tokens[token].rows);
    Py_ssize_t filled = 0;
    for (size_t i = 0; tuple != NULL && i < frame->row_count; i++) {
        const ag_change_t *change = &frame->rows[i].change;
        if (frame->rows[i].token != token)
            continue;
        PyObject *items[] = {PyLong_FromLongLong(change->side), price_get(self, change->price),
                             PyLong_FromLongLong(change->size)};
        PyObject *row = tuple_of(3, items);
        if (row == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SetItem(tuple, filled++, row);
    }
    return tuple;
}

static int add_delta(scanner_t *self, const ag_frame_t *frame, size_t index, PyObject *market, PyObject *ts_ns,
                     PyObject *events) {
    const ag_frame_token_t *about = &frame->tokens[index];
    name_t *token = name_get(self, about->token);
    if (token == NULL)
        return -1;
    PyObject *items[] = {Py_NewRef(token->text), changes_tuple(self, frame, index), Py_NewRef(ts_ns)};
    remember(token, market, about);
    bool failed = append(events, made(self->delta_type, 3, items)) < 0 ||
                  keep_hash(self, token->text, about->hash) < 0;
    return failed ? -1 : 1;
}

static int add_deltas(scanner_t *self, const ag_frame_t *frame, PyObject *market, PyObject *events) {
    PyObject *ts_ns = PyLong_FromLongLong(frame->ts_ns);
    int result = ts_ns == NULL ? -1 : 1;
    for (size_t i = 0; i < frame->token_count && result == 1; i++)
        result = add_delta(self, frame, i, market, ts_ns, events);
    Py_XDECREF(ts_ns);
    return result;
}

static int add_frame(scanner_t *self, const ag_frame_t *frame, PyObject *events) {
    PyObject *market;
    if (market_get(self, frame->market, &market) < 0)
        return -1;
    int result = frame->kind == AG_FRAME_BOOK ? add_book(self, frame, market, events)
                                              : add_deltas(self, frame, market, events);
    Py_XDECREF(market);
    return result;
}

static int scan(scanner_t *self, const char *text, size_t length, PyObject *events) {
    ag_frame_t frame;
    long long seen[2] = {0, 0};
    /* Nothing may be noted of an array that breaks off; a lone object is read whole before it is noted. */
    int more = length > 0 && *text == '{' ? AG_OK : ag_frames_check(self->frames, text, length);
    ag_frames_begin(self->frames, text, length);
    while (more == AG_OK && (more = ag_frames_next(self->frames, &frame)) == 1) {
        int added = add_frame(self, &frame, events);
        if (added != 1)
            return added;
        seen[frame.kind]++;
        more = AG_OK;
    }
    if (more == AG_ERR_NOMEM)
        PyErr_NoMemory();
    if (more != 0)
        return more == AG_ERR_NOMEM ? -1 : 0;
    for (int kind = 0; kind < 2; kind++)
        self->counts[kind] += seen[kind];
    return 1;
}

/* The bytes of `raw`; NULL without an error when it is neither bytes nor text that UTF-8 can hold. */
static const char *text_get(PyObject *raw, Py_ssize_t *length) {
    char *bytes = NULL;
    if (PyBytes_CheckExact(raw))
        return PyBytes_AsStringAndSize(raw, &bytes, length) < 0 ? NULL : bytes;
    const char *text = PyUnicode_CheckExact(raw) ? PyUnicode_AsUTF8AndSize(raw, length) : NULL;
    if (text == NULL)
        PyErr_Clear();
    return text;
}

/* Decoded(events, []); `events` is stolen. A named tuple is filled like a tuple, which costs a third of calling it. */
static PyObject *decoded(scanner_t *self, PyObject *events) {
    PyObject *faults = PyList_New(0);
    PyObject *pair = faults == NULL ? NULL : self->tuple_alloc((PyTypeObject *)self->decoded_type, 2);
    if (pair == NULL) {
        Py_XDECREF(faults);
        Py_DECREF(events);
        return NULL;
    }
    PyTuple_SetItem(pair, 0, events);
    PyTuple_SetItem(pair, 1, faults);
    return pair;
}

static PyObject *scanner_scan(PyObject *object, PyObject *raw) {
    scanner_t *self = (scanner_t *)object;
    Py_ssize_t length = 0;
    const char *text = text_get(raw, &length);
    if (text == NULL)
        Py_RETURN_NONE;
    PyObject *events = PyList_New(0);
    int result = events == NULL ? -1 : scan(self, text, (size_t)length, events);
    if (result == 1)
        return decoded(self, events);
    Py_XDECREF(events);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- what the venue said, for the other way of reading ---- */

static PyObject *scanner_said(PyObject *object, PyObject *token) {
    const name_t *name = names_find(&((scanner_t *)object)->names, token);
    PyObject *items[] = {Py_NewRef(name == NULL || name->market == NULL ? Py_None : name->market), NULL, NULL};
    bool top = name != NULL && name->top_known;
    items[1] = top ? PyLong_FromLongLong(name->bid) : Py_NewRef(Py_None);
    items[2] = top ? PyLong_FromLongLong(name->ask) : Py_NewRef(Py_None);
    return tuple_of(3, items);
}

static PyObject *scanner_note_market(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    names_t *names = &((scanner_t *)object)->names;
    if (count != 2)
        return wrong_count("note_market(token, market)");
    name_t *market = names_of(names, args[1]);
    PyObject *text = market == NULL ? NULL : Py_NewRef(market->text);
    name_t *token = text == NULL ? NULL : names_of(names, args[0]);
    if (token != NULL)
        remember(token, text, NULL);
    Py_XDECREF(text);
    return token == NULL ? NULL : Py_NewRef(Py_None);
}

static PyObject *scanner_note_top(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    ag_frame_token_t about = {.top_known = count == 3};
    if (count != 1 && count != 3)
        return wrong_count("note_top(token[, bid, ask])");
    if (count == 3 && (int64_get(args[1], &about.bid) < 0 || int64_get(args[2], &about.ask) < 0))
        return NULL;
    name_t *token = names_of(&((scanner_t *)object)->names, args[0]);
    if (token == NULL)
        return NULL;
    remember(token, NULL, &about);
    Py_RETURN_NONE;
}

/* ---- construction ---- */

#define FIELDS 5

static PyObject *scanner_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"snapshot", "delta", "decoded", "ticks", "hashes", NULL};
    PyObject *given[FIELDS] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO!O!|O:Scanner", names, &given[0], &given[1], &PyType_Type,
                                     &given[2], &PyDict_Type, &given[3], &given[4]))
        return NULL;
    if (given[4] == Py_None)
        given[4] = NULL;
    if ((given[4] != NULL && !PyDict_Check(given[4])) ||
        !PyType_IsSubtype((PyTypeObject *)given[2], &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "needs a subclass of tuple as decoded, and a dict or None as hashes");
        return NULL;
    }
    scanner_t *self = (scanner_t *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL)
        return NULL;
    PyObject **fields[FIELDS] = {&self->snapshot_type, &self->delta_type, &self->decoded_type, &self->ticks,
                                 &self->hashes};
    for (int i = 0; i < FIELDS; i++)
        *fields[i] = Py_XNewRef(given[i]);
    self->tuple_alloc = (allocfunc)PyType_GetSlot((PyTypeObject *)given[2], Py_tp_alloc);
    self->frames = ag_frames_create();
    if (self->frames != NULL)
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void scanner_dealloc(PyObject *object) {
    scanner_t *self = (scanner_t *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject *fields[FIELDS] = {self->snapshot_type, self->delta_type, self->decoded_type, self->ticks,
                                self->hashes};
    ag_frames_destroy(self->frames);
    for (int i = 0; i < FIELDS; i++)
        Py_XDECREF(fields[i]);
    names_clear(&self->names);
    for (size_t i = 0; i < PRICES; i++)
        Py_XDECREF(self->prices[i]);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *get_count(PyObject *self, void *kind) {
    return PyLong_FromLongLong(((scanner_t *)self)->counts[kind == NULL ? AG_FRAME_BOOK : AG_FRAME_CHANGES]);
}

static PyGetSetDef scanner_getset[] = {
    {"books", get_count, NULL, PyDoc_STR("Book messages read."), NULL},
    {"changes", get_count, NULL, PyDoc_STR("price_change messages read."), (void *)1},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef scanner_methods[] = {
    {"scan", scanner_scan, METH_O,
     PyDoc_STR("scan($self, raw, /)\n--\n\ndecoded(events, []) of a frame of book and price_change messages, None when it "
               "is anything else.")},
    {"said", scanner_said, METH_O,
     PyDoc_STR("said($self, token, /)\n--\n\n(market, best bid, best ask) as last said of a token; None what is not "
               "known.")},
    {"note_market", FAST(scanner_note_market), METH_FASTCALL,
     PyDoc_STR("note_market($self, token, market, /)\n--\n\nNote the token's market.")},
    {"note_top", FAST(scanner_note_top), METH_FASTCALL,
     PyDoc_STR("Note the token's best prices; without them, that they are not known.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, "Scanner(snapshot, delta, decoded, ticks, hashes=None)\n--\n\n"
                "Reads the frequent market frames; those whose tick is not ticks[token] it leaves."},
    {Py_tp_new, scanner_new},
    {Py_tp_dealloc, scanner_dealloc},
    {Py_tp_methods, scanner_methods},
    {Py_tp_getset, scanner_getset},
    {0, NULL},
};

static PyType_Spec scanner_spec = {
    .name = "agbot._frames.Scanner",
    .basicsize = sizeof(scanner_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = scanner_slots,
};

static int module_exec(PyObject *module) {
    PyObject *scanner = PyType_FromModuleAndSpec(module, &scanner_spec, NULL);
    if (scanner == NULL)
        return -1;
    int added = PyModule_AddType(module, (PyTypeObject *)scanner);
    Py_DECREF(scanner);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "agbot._frames",
    .m_doc = "Book and price_change messages straight from their text, in C.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__frames(void) { return PyModuleDef_Init(&module_def); }
