/* Python face of ag_frames: makes BookSnapshot and BookDelta from what was read, or answers None. */
#include "binding.h"

#include <string.h>

#include "agbot/ag_frames.h"

#define NAMES 512 /* names kept as Python strings, by a hash of their text */
#define PRICE_STEP 100
#define PRICES (AG_BOOK_ONE / PRICE_STEP + 1)

/* A name that comes again and again; for a token also what its decoder's dict says of it. */
typedef struct {
    PyObject *text;
    PyObject *said; /* (market, bid, ask), NULL when not known here; equal to what follows */
    PyObject *market;
    bool top_known;
    int64_t bid, ask;
} name_t;

typedef struct {
    PyObject_HEAD
    ag_frames_t *frames;
    PyObject *snapshot_type, *delta_type, *decoded_type;
    PyObject *ticks, *said, *hashes; /* the decoder's dicts; hashes may be NULL */
    allocfunc tuple_alloc; /* of decoded_type */
    long long counts[2]; /* understood messages, by kind */
    name_t names[NAMES];
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

/* The name's place, kept until another takes it; NULL with an error set. */
static name_t *name_get(scanner_t *self, ag_slice_t text) {
    name_t *name = &self->names[name_slot(text)];
    Py_ssize_t length = 0;
    if (name->text != NULL) {
        const char *known = PyUnicode_AsUTF8AndSize(name->text, &length);
        if (known != NULL && (size_t)length == text.length && memcmp(known, text.text, text.length) == 0)
            return name;
    }
    PyObject *fresh = PyUnicode_FromStringAndSize(text.text, (Py_ssize_t)text.length);
    if (fresh == NULL)
        return NULL;
    Py_XDECREF(name->text);
    Py_CLEAR(name->said);
    Py_CLEAR(name->market);
    name->text = fresh;
    return name;
}

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

static void replace(PyObject **place, PyObject *object) {
    PyObject *before = *place;
    *place = object;
    Py_XDECREF(before);
}

/* Whether said[token] is what this name holds, and a message with this market and top would leave it so. */
static bool unchanged(const name_t *name, const PyObject *current, const PyObject *market,
                      const ag_frame_token_t *about) {
    if (current == NULL || current != name->said || (market != NULL && market != name->market))
        return false;
    if (about == NULL)
        return true;
    return about->top_known == name->top_known &&
           (!about->top_known || (about->bid == name->bid && about->ask == name->ask));
}

/* What the dict says of a token: (market, bid, ask), borrowed; None where it says nothing. */
static int said_before(PyObject *current, PyObject *items[3]) {
    for (Py_ssize_t i = 0; i < 3; i++) {
        items[i] = current == NULL ? Py_None : PyTuple_GetItem(current, i);
        if (items[i] == NULL)
            return -1;
    }
    return 0;
}

/* said[token] = (market, bid, ask); a message without market keeps the one before, a book (about is NULL) the top. */
static int remember(scanner_t *self, name_t *name, PyObject *market, const ag_frame_token_t *about) {
    PyObject *current = PyDict_GetItemWithError(self->said, name->text), *before[3];
    if (unchanged(name, current, market, about))
        return 0;
    if ((current == NULL && PyErr_Occurred()) || said_before(current, before) < 0)
        return -1;
    PyObject *items[3] = {Py_NewRef(market == NULL ? before[0] : market), NULL, NULL};
    bool top = about != NULL && about->top_known;
    items[1] = top ? price_get(self, about->bid) : Py_NewRef(about == NULL ? before[1] : Py_None);
    items[2] = top ? price_get(self, about->ask) : Py_NewRef(about == NULL ? before[2] : Py_None);
    PyObject *said = tuple_of(3, items);
    if (said == NULL || PyDict_SetItem(self->said, name->text, said) < 0) {
        Py_XDECREF(said);
        return -1;
    }
    /* A book's top is not read back: the next price_change says it anew. */
    replace(&name->said, about == NULL ? NULL : Py_NewRef(said));
    replace(&name->market, Py_XNewRef(market));
    Py_DECREF(said);
    if (about != NULL) {
        name->top_known = about->top_known;
        name->bid = about->bid;
        name->ask = about->ask;
    }
    return 0;
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
    bool failed = append(events, made(self->snapshot_type, 4, items)) < 0 || remember(self, token, market, NULL) < 0 ||
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
    bool failed = append(events, made(self->delta_type, 3, items)) < 0 || remember(self, token, market, about) < 0 ||
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

/* ---- construction ---- */

#define FIELDS 6

static PyObject *scanner_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"snapshot", "delta", "decoded", "ticks", "said", "hashes", NULL};
    PyObject *given[FIELDS] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO!O!O!|O:Scanner", names, &given[0], &given[1], &PyType_Type,
                                     &given[2], &PyDict_Type, &given[3], &PyDict_Type, &given[4], &given[5]))
        return NULL;
    if (given[5] == Py_None)
        given[5] = NULL;
    if ((given[5] != NULL && !PyDict_Check(given[5])) ||
        !PyType_IsSubtype((PyTypeObject *)given[2], &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "needs a subclass of tuple as decoded, and a dict or None as hashes");
        return NULL;
    }
    scanner_t *self = (scanner_t *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL)
        return NULL;
    PyObject **fields[FIELDS] = {&self->snapshot_type, &self->delta_type, &self->decoded_type,
                                 &self->ticks,         &self->said,       &self->hashes};
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
    PyObject *fields[FIELDS] = {self->snapshot_type, self->delta_type, self->decoded_type,
                                self->ticks,         self->said,       self->hashes};
    ag_frames_destroy(self->frames);
    for (int i = 0; i < FIELDS; i++)
        Py_XDECREF(fields[i]);
    for (size_t i = 0; i < NAMES; i++) {
        Py_XDECREF(self->names[i].text);
        Py_XDECREF(self->names[i].said);
        Py_XDECREF(self->names[i].market);
    }
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
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, "Scanner(snapshot, delta, decoded, ticks, said, hashes=None)\n--\n\n"
                "Reads the frequent market frames. Sets said[token] = (market, best bid, best ask), reads ticks[token]."},
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
