/* Python face of ag_frames: makes BookSnapshot and BookDelta from what was read, or answers None. */
#include "binding.h"

#include <string.h>

#include "agbot/ag_frames.h"

#define NAMES 512 /* names kept as Python strings, by a hash of their text */
#define PRICE_STEP 100
#define PRICES (AG_BOOK_ONE / PRICE_STEP + 1)

typedef struct {
    PyObject_HEAD
    ag_frames_t *frames;
    PyObject *snapshot_type, *delta_type;
    PyObject *ticks, *tops, *markets, *counts, *hashes; /* the decoder's dicts; hashes may be NULL */
    PyObject *kinds[2];
    PyObject *names[NAMES];
    PyObject *prices[PRICES];
} scanner_t;

/* ---- values ---- */

static uint32_t name_slot(ag_slice_t name) {
    uint64_t head = 0, tail = 0;
    size_t size = name.length < 8 ? name.length : 8;
    memcpy(&head, name.text, size);
    memcpy(&tail, name.text + name.length - size, size);
    return (uint32_t)(((head ^ (tail << 1) ^ name.length) * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % NAMES;
}

/* A string for ids that come again and again: borrowed, kept until another takes its slot. NULL with an error set. */
static PyObject *name_get(scanner_t *self, ag_slice_t name) {
    PyObject **slot = &self->names[name_slot(name)];
    Py_ssize_t length = 0;
    if (*slot != NULL) {
        const char *text = PyUnicode_AsUTF8AndSize(*slot, &length);
        if (text != NULL && (size_t)length == name.length && memcmp(text, name.text, name.length) == 0)
            return *slot;
    }
    PyObject *fresh = PyUnicode_FromStringAndSize(name.text, (Py_ssize_t)name.length);
    if (fresh == NULL)
        return NULL;
    Py_XDECREF(*slot);
    return *slot = fresh;
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

/* markets[token] = market, unless it is so already or the message names none. */
static int keep_market(scanner_t *self, PyObject *token, ag_slice_t market) {
    if (market.length == 0)
        return 0;
    PyObject *name = name_get(self, market);
    if (name == NULL)
        return -1;
    PyObject *known = PyDict_GetItemWithError(self->markets, token);
    if (known == name)
        return 0;
    return PyErr_Occurred() ? -1 : PyDict_SetItem(self->markets, token, name);
}

static int keep_hash(scanner_t *self, PyObject *token, ag_slice_t hash) {
    if (self->hashes == NULL || hash.length == 0)
        return 0;
    PyObject *text = PyUnicode_FromStringAndSize(hash.text, (Py_ssize_t)hash.length);
    int result = text == NULL ? -1 : PyDict_SetItem(self->hashes, token, text);
    Py_XDECREF(text);
    return result;
}

static int keep_top(scanner_t *self, PyObject *token, const ag_frame_token_t *about) {
    if (!about->top_known)
        return PyDict_SetItem(self->tops, token, Py_None);
    PyObject *top = tuple_of(2, (PyObject *[]){price_get(self, about->bid), price_get(self, about->ask)});
    int result = top == NULL ? -1 : PyDict_SetItem(self->tops, token, top);
    Py_XDECREF(top);
    return result;
}

static int count_add(scanner_t *self, ag_frame_kind_t kind, long long count) {
    PyObject *key = self->kinds[kind];
    PyObject *before = count == 0 ? NULL : PyDict_GetItemWithError(self->counts, key);
    if (count == 0 || (before == NULL && PyErr_Occurred()))
        return count == 0 ? 0 : -1;
    PyObject *after = PyLong_FromLongLong(count + (before == NULL ? 0 : PyLong_AsLongLong(before)));
    int result = after == NULL ? -1 : PyDict_SetItem(self->counts, key, after);
    Py_XDECREF(after);
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
static int add_book(scanner_t *self, const ag_frame_t *frame, PyObject *events) {
    PyObject *token = name_get(self, frame->token);
    int known = token == NULL ? -1 : tick_is_known(self, token, frame->tick);
    if (known != 1)
        return known;
    Py_INCREF(token); /* the market's name may take its slot */
    PyObject *items[] = {Py_NewRef(token), levels_tuple(self, frame->bids, frame->bid_count),
                         levels_tuple(self, frame->asks, frame->ask_count), PyLong_FromLongLong(frame->ts_ns)};
    bool failed = append(events, made(self->snapshot_type, 4, items)) < 0 ||
                  keep_market(self, token, frame->market) < 0 || keep_hash(self, token, frame->hash) < 0;
    Py_DECREF(token);
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

static int add_delta(scanner_t *self, const ag_frame_t *frame, size_t index, PyObject *events) {
    const ag_frame_token_t *about = &frame->tokens[index];
    PyObject *token = name_get(self, about->token);
    if (token == NULL)
        return -1;
    Py_INCREF(token);
    PyObject *items[] = {Py_NewRef(token), changes_tuple(self, frame, index), PyLong_FromLongLong(frame->ts_ns)};
    bool failed = append(events, made(self->delta_type, 3, items)) < 0 ||
                  keep_market(self, token, frame->market) < 0 || keep_top(self, token, about) < 0 ||
                  keep_hash(self, token, about->hash) < 0;
    Py_DECREF(token);
    return failed ? -1 : 1;
}

static int add_frame(scanner_t *self, const ag_frame_t *frame, PyObject *events) {
    if (frame->kind == AG_FRAME_BOOK)
        return add_book(self, frame, events);
    for (size_t i = 0; i < frame->token_count; i++)
        if (add_delta(self, frame, i, events) < 0)
            return -1;
    return 1;
}

static int scan(scanner_t *self, const char *text, size_t length, PyObject *events) {
    ag_frame_t frame;
    long long seen[2] = {0, 0};
    int more;
    ag_frames_begin(self->frames, text, length);
    while ((more = ag_frames_next(self->frames, &frame)) == 1) {
        int added = add_frame(self, &frame, events);
        if (added != 1)
            return added;
        seen[frame.kind]++;
    }
    if (more == AG_ERR_NOMEM)
        PyErr_NoMemory();
    if (more != 0)
        return more == AG_ERR_NOMEM ? -1 : 0;
    bool failed = count_add(self, AG_FRAME_BOOK, seen[0]) < 0 || count_add(self, AG_FRAME_CHANGES, seen[1]) < 0;
    return failed ? -1 : 1;
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

static PyObject *scanner_scan(PyObject *object, PyObject *raw) {
    Py_ssize_t length = 0;
    const char *text = text_get(raw, &length);
    if (text == NULL)
        Py_RETURN_NONE;
    PyObject *events = PyList_New(0);
    int result = events == NULL ? -1 : scan((scanner_t *)object, text, (size_t)length, events);
    if (result == 1)
        return events;
    Py_XDECREF(events);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- construction ---- */

static PyObject *scanner_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"snapshot", "delta", "ticks", "tops", "markets", "counts", "hashes", NULL};
    PyObject *given[7] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO!O!O!O!|O:Scanner", names, &given[0], &given[1], &PyDict_Type,
                                     &given[2], &PyDict_Type, &given[3], &PyDict_Type, &given[4], &PyDict_Type,
                                     &given[5], &given[6]))
        return NULL;
    if (given[6] == Py_None)
        given[6] = NULL;
    if (given[6] != NULL && !PyDict_Check(given[6])) {
        PyErr_SetString(PyExc_TypeError, "hashes is neither a dict nor None");
        return NULL;
    }
    scanner_t *self = (scanner_t *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL)
        return NULL;
    PyObject **fields[] = {&self->snapshot_type, &self->delta_type, &self->ticks, &self->tops,
                           &self->markets,       &self->counts,     &self->hashes};
    for (int i = 0; i < 7; i++) {
        Py_XINCREF(given[i]);
        *fields[i] = given[i];
    }
    self->frames = ag_frames_create();
    self->kinds[AG_FRAME_BOOK] = PyUnicode_InternFromString("book");
    self->kinds[AG_FRAME_CHANGES] = PyUnicode_InternFromString("price_change");
    if (self->frames != NULL && self->kinds[0] != NULL && self->kinds[1] != NULL)
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void scanner_dealloc(PyObject *object) {
    scanner_t *self = (scanner_t *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject *fields[] = {self->snapshot_type, self->delta_type, self->ticks,    self->tops,    self->markets,
                          self->counts,        self->hashes,     self->kinds[0], self->kinds[1]};
    ag_frames_destroy(self->frames);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        Py_XDECREF(fields[i]);
    for (size_t i = 0; i < NAMES; i++)
        Py_XDECREF(self->names[i]);
    for (size_t i = 0; i < PRICES; i++)
        Py_XDECREF(self->prices[i]);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef scanner_methods[] = {
    {"scan", scanner_scan, METH_O,
     PyDoc_STR("scan($self, raw, /)\n--\n\nThe events of a frame of book and price_change messages, None when it is "
               "anything else.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, "Scanner(snapshot, delta, ticks, tops, markets, counts, hashes=None)\n--\n\n"
                "Reads the frequent market frames; updates the dicts it was given."},
    {Py_tp_new, scanner_new},
    {Py_tp_dealloc, scanner_dealloc},
    {Py_tp_methods, scanner_methods},
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
