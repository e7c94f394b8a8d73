/* Python face of ag_book: converts, checks, raises. Prices and sizes are ints of 10^-6 on both sides. */
#include "binding.h"

#include "agbot/ag_book.h"
#include "objects.h"
#include "rows.h"

static ag_book_t *of(PyObject *self) { return ((book_t *)self)->book; }

/* ---- errors ---- */

static int side_get(PyObject *number, int *side) {
    int64_t value;
    if (number_get(number, &value) < 0)
        return -1;
    if (value != AG_BID && value != AG_ASK) {
        PyErr_Format(PyExc_ValueError, "side %lld is neither 0 (bid) nor 1 (ask)", (long long)value);
        return -1;
    }
    *side = (int)value;
    return 0;
}

static PyObject *bad_tick(int64_t tick) {
    return PyErr_Format(PyExc_ValueError, "tick %lld is none of 100000, 10000, 5000, 2500, 1000, 100",
                        (long long)tick);
}

/* Says why ag_book_check refused this change. `prefix` is "" or "change 3: ". */
static PyObject *refused(const ag_book_t *book, const char *prefix, const ag_change_t *change) {
    long long tick = ag_book_tick(book), side = change->side, price = change->price, size = change->size;
    if (side != AG_BID && side != AG_ASK)
        return PyErr_Format(PyExc_ValueError, "%sside %lld is neither 0 (bid) nor 1 (ask)", prefix, side);
    if (size < 0)
        return PyErr_Format(PyExc_ValueError, "%ssize %lld is negative", prefix, size);
    if (price < tick || price > AG_BOOK_ONE - tick)
        return PyErr_Format(PyExc_ValueError, "%sprice %lld is outside [%lld, %lld]", prefix, price, tick,
                            AG_BOOK_ONE - tick);
    return PyErr_Format(PyExc_ValueError, "%sprice %lld is not a multiple of the tick %lld", prefix, price, tick);
}

static PyObject *refused_at(const ag_book_t *book, const char *noun, size_t index, const ag_change_t *change) {
    char prefix[48];
    PyOS_snprintf(prefix, sizeof prefix, "%s %zu: ", noun, index);
    return refused(book, prefix, change);
}

/* The rows are int64 throughout, like the structs: the cast is checked here once. */
_Static_assert(sizeof(ag_change_t) == 3 * sizeof(int64_t) && sizeof(ag_level_t) == 2 * sizeof(int64_t), "no padding");

/* ---- construction ---- */

static PyObject *book_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"tick", NULL};
    long long tick = 10000;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|L:Book", names, &tick))
        return NULL;
    if (!ag_book_tick_ok(tick))
        return bad_tick(tick);
    book_t *self = (book_t *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL)
        return NULL;
    self->book = ag_book_create(tick);
    if (self->book != NULL)
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void book_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    ag_book_destroy(of(self));
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *book_repr(PyObject *self) {
    const ag_book_t *book = of(self);
    return PyUnicode_FromFormat("<Book tick=%lld bid=%lld x %lld ask=%lld x %lld levels=%zu+%zu>",
                                (long long)ag_book_tick(book), (long long)ag_book_best(book, AG_BID),
                                (long long)ag_book_best_size(book, AG_BID), (long long)ag_book_best(book, AG_ASK),
                                (long long)ag_book_best_size(book, AG_ASK), ag_book_count(book, AG_BID),
                                ag_book_count(book, AG_ASK));
}

/* ---- changes ---- */

static PyObject *book_update(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    ag_change_t change;
    if (count != 3)
        return wrong_count("update(side, price, size)");
    if (number_get(args[0], &change.side) < 0 || number_get(args[1], &change.price) < 0 ||
        number_get(args[2], &change.size) < 0)
        return NULL;
    if (ag_book_update(of(self), change.side, change.price, change.size) != AG_OK)
        return refused(of(self), "", &change);
    Py_RETURN_NONE;
}

static PyObject *book_apply(PyObject *self, PyObject *given) {
    rows_t rows;
    size_t bad = 0;
    if (rows_get(&rows, given, 3) < 0)
        return NULL;
    const ag_change_t *changes = (const ag_change_t *)rows.numbers;
    bool ok = ag_book_apply(of(self), changes, rows.count, &bad) == AG_OK;
    if (!ok)
        refused_at(of(self), "change", bad, &changes[bad]);
    rows_release(&rows);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static PyObject *snapshot(ag_book_t *book, const rows_t *bids, const rows_t *asks) {
    const ag_level_t *bid_levels = (const ag_level_t *)bids->numbers, *ask_levels = (const ag_level_t *)asks->numbers;
    size_t bad = 0;
    if (ag_book_snapshot(book, bid_levels, bids->count, ask_levels, asks->count, &bad) == AG_OK)
        Py_RETURN_NONE;
    bool in_bids = bad < bids->count;
    const ag_level_t *level = in_bids ? &bid_levels[bad] : &ask_levels[bad - bids->count];
    ag_change_t change = {in_bids ? AG_BID : AG_ASK, level->price, level->size};
    return refused_at(book, in_bids ? "bid" : "ask", in_bids ? bad : bad - bids->count, &change);
}

static PyObject *book_snapshot(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    rows_t bids, asks;
    if (count != 2)
        return wrong_count("snapshot(bids, asks)");
    if (rows_get(&bids, args[0], 2) < 0)
        return NULL;
    if (rows_get(&asks, args[1], 2) < 0) {
        rows_release(&bids);
        return NULL;
    }
    PyObject *result = snapshot(of(self), &bids, &asks);
    rows_release(&asks);
    rows_release(&bids);
    return result;
}

static PyObject *book_clear(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    ag_book_clear(of(self));
    Py_RETURN_NONE;
}

static PyObject *book_regrid(PyObject *self, PyObject *given) {
    int64_t tick;
    if (number_get(given, &tick) < 0)
        return NULL;
    if (!ag_book_tick_ok(tick))
        return bad_tick(tick);
    int result = ag_book_regrid(of(self), tick);
    if (result == AG_ERR_NOMEM)
        return PyErr_NoMemory();
    if (result != AG_OK)
        return PyErr_Format(PyExc_ValueError, "a level does not fit the tick %lld", (long long)tick);
    Py_RETURN_NONE;
}

/* ---- questions ---- */

static PyObject *levels_list(const ag_book_t *book, int side, size_t wanted) {
    size_t held = ag_book_count(book, side), count = wanted < held ? wanted : held;
    ag_level_t stack[ROWS_ON_STACK], *levels = stack;
    if (count > ROWS_ON_STACK && (levels = PyMem_Malloc(count * sizeof *levels)) == NULL)
        return PyErr_NoMemory();
    ag_book_top(book, side, count, levels);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *price = PyLong_FromLongLong(levels[i].price), *size = PyLong_FromLongLong(levels[i].size);
        PyObject *pair = price != NULL && size != NULL ? PyTuple_Pack(2, price, size) : NULL;
        Py_XDECREF(price);
        Py_XDECREF(size);
        if (pair == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, pair);
    }
    if (levels != stack)
        PyMem_Free(levels);
    return list;
}

/* A count of levels: -1 with an error set below `least`. */
static Py_ssize_t level_count(PyObject *number, Py_ssize_t least) {
    Py_ssize_t count = PyLong_AsSsize_t(number);
    if (count >= least || (count == -1 && PyErr_Occurred()))
        return count;
    PyErr_Format(PyExc_ValueError, "%zd levels asked, needs %zd at least", count, least);
    return -1;
}

static PyObject *book_top(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int side;
    if (count != 2)
        return wrong_count("top(side, n)");
    if (side_get(args[0], &side) < 0)
        return NULL;
    Py_ssize_t wanted = level_count(args[1], 0);
    return wanted < 0 ? NULL : levels_list(of(self), side, (size_t)wanted);
}

static PyObject *book_levels(PyObject *self, PyObject *given) {
    int side;
    return side_get(given, &side) < 0 ? NULL : levels_list(of(self), side, SIZE_MAX);
}

static PyObject *book_top_into(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int side;
    Py_buffer out;
    if (count != 2)
        return wrong_count("top_into(side, out)");
    if (side_get(args[0], &side) < 0 ||
        PyObject_GetBuffer(args[1], &out, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return NULL;
    PyObject *result = NULL;
    if (format_is(&out, 'q') && aligned(&out) && out.ndim == 2 && out.shape[1] == 2)
        result = PyLong_FromSize_t(ag_book_top(of(self), side, (size_t)out.shape[0], out.buf));
    else
        PyErr_SetString(PyExc_TypeError, "needs an aligned int64 buffer of shape (n, 2)");
    PyBuffer_Release(&out);
    return result;
}

static PyObject *book_size_at(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int side;
    int64_t price;
    if (count != 2)
        return wrong_count("size_at(side, price)");
    if (side_get(args[0], &side) < 0 || number_get(args[1], &price) < 0)
        return NULL;
    return PyLong_FromLongLong(ag_book_size_at(of(self), side, price));
}

static PyObject *float_or_none(int known, double value) {
    if (known)
        return PyFloat_FromDouble(value);
    Py_RETURN_NONE;
}

static PyObject *book_mid(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    double value = 0.0;
    int known = ag_book_mid(of(self), &value);
    return float_or_none(known, value);
}

static PyObject *book_microprice(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    double value = 0.0;
    int known = ag_book_microprice(of(self), &value);
    return float_or_none(known, value);
}

static PyObject *book_imbalance(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"levels", NULL};
    PyObject *given = NULL;
    double value = 0.0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:imbalance", names, &given))
        return NULL;
    Py_ssize_t levels = given == NULL ? 1 : level_count(given, 1);
    if (levels < 1)
        return NULL;
    int known = ag_book_imbalance(of(self), (size_t)levels, &value);
    return float_or_none(known, value);
}

static PyObject *book_vwap(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int side;
    int64_t size;
    if (count != 2)
        return wrong_count("vwap(side, size)");
    if (side_get(args[0], &side) < 0 || number_get(args[1], &size) < 0)
        return NULL;
    if (size <= 0)
        return PyErr_Format(PyExc_ValueError, "size %lld is not positive", (long long)size);
    double average = Py_NAN;
    int64_t filled = ag_book_vwap(of(self), side, size, &average);
    return Py_BuildValue("(dL)", average, (long long)filled);
}

/* One getter serves both sides: the closure is the side. */
#define SIDE_OF(closure) ((closure) == NULL ? AG_BID : AG_ASK)
#define ASK_CLOSURE ((void *)1)

static PyObject *get_best(PyObject *self, void *side) {
    return PyLong_FromLongLong(ag_book_best(of(self), SIDE_OF(side)));
}

static PyObject *get_best_size(PyObject *self, void *side) {
    return PyLong_FromLongLong(ag_book_best_size(of(self), SIDE_OF(side)));
}

static PyObject *get_count(PyObject *self, void *side) {
    return PyLong_FromSize_t(ag_book_count(of(self), SIDE_OF(side)));
}

static PyObject *get_tick(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromLongLong(ag_book_tick(of(self)));
}

static PyObject *get_empty(PyObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(ag_book_count(of(self), AG_BID) + ag_book_count(of(self), AG_ASK) == 0);
}

static PyObject *get_locked(PyObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(ag_book_best(of(self), AG_BID) == ag_book_best(of(self), AG_ASK));
}

static PyObject *get_crossed(PyObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(ag_book_best(of(self), AG_BID) > ag_book_best(of(self), AG_ASK));
}

#define DOC(signature, text) PyDoc_STR(signature "\n--\n\n" text)

static PyMethodDef book_methods[] = {
    {"update", FAST(book_update), METH_FASTCALL,
     DOC("update($self, side, price, size, /)", "Set one level's size (0 removes it). ValueError: nothing changed.")},
    {"apply", book_apply, METH_O,
     DOC("apply($self, changes, /)", "Apply (side, price, size) rows in order, all or none. Rows are tuples, or a "
                                     "C-contiguous int64 buffer of shape (n, 3).")},
    {"snapshot", FAST(book_snapshot), METH_FASTCALL,
     DOC("snapshot($self, bids, asks, /)", "Replace the book by (price, size) rows, all or nothing. Rows are tuples, or "
                                           "int64 buffers of shape (n, 2).")},
    {"clear", book_clear, METH_NOARGS, DOC("clear($self, /)", "Remove every level.")},
    {"regrid", book_regrid, METH_O,
     DOC("regrid($self, tick, /)", "Move to another tick. ValueError when a level would not fit: nothing changed.")},
    {"size_at", FAST(book_size_at), METH_FASTCALL,
     DOC("size_at($self, side, price, /)", "The size at a price, 0 when there is no level.")},
    {"top", FAST(book_top), METH_FASTCALL,
     DOC("top($self, side, n, /)", "The best n levels as [(price, size)], best first.")},
    {"top_into", FAST(book_top_into), METH_FASTCALL,
     DOC("top_into($self, side, out, /)", "Fill an int64 buffer of shape (n, 2), best first; return the count.")},
    {"levels", book_levels, METH_O, DOC("levels($self, side, /)", "Every level as [(price, size)], best first.")},
    {"mid", book_mid, METH_NOARGS, DOC("mid($self, /)", "(bid + ask) / 2 in 10^-6 usd; None unless both are there.")},
    {"microprice", book_microprice, METH_NOARGS,
     DOC("microprice($self, /)", "The mid weighted by the opposite best sizes; None unless both sides are there.")},
    {"imbalance", FAST(book_imbalance), METH_VARARGS | METH_KEYWORDS,
     DOC("imbalance($self, /, levels=1)", "(bid - ask) / (bid + ask) of the best sizes; None on an empty book.")},
    {"vwap", FAST(book_vwap), METH_FASTCALL,
     DOC("vwap($self, side, size, /)", "Walk a side: (average price, filled size); (nan, 0) on an empty side.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef book_getset[] = {
    {"tick", get_tick, NULL, PyDoc_STR("The grid's tick in 10^-6 usd."), NULL},
    {"best_bid", get_best, NULL, PyDoc_STR("Best bid in 10^-6 usd, 0 when there is none."), NULL},
    {"best_ask", get_best, NULL, PyDoc_STR("Best ask in 10^-6 usd, 1000000 when there is none."), ASK_CLOSURE},
    {"best_bid_size", get_best_size, NULL, PyDoc_STR("Size at the best bid, 0 when there is none."), NULL},
    {"best_ask_size", get_best_size, NULL, PyDoc_STR("Size at the best ask, 0 when there is none."), ASK_CLOSURE},
    {"bid_count", get_count, NULL, PyDoc_STR("How many bid levels there are."), NULL},
    {"ask_count", get_count, NULL, PyDoc_STR("How many ask levels there are."), ASK_CLOSURE},
    {"empty", get_empty, NULL, PyDoc_STR("No level at all."), NULL},
    {"locked", get_locked, NULL, PyDoc_STR("Best bid equals best ask."), NULL},
    {"crossed", get_crossed, NULL, PyDoc_STR("Best bid is above best ask."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot book_slots[] = {
    {Py_tp_doc, "Book(tick=10000)\n--\n\nAn L2 order book of a [0, 1] market; prices and sizes are ints of 10^-6."},
    {Py_tp_new, book_new},
    {Py_tp_dealloc, book_dealloc},
    {Py_tp_repr, book_repr},
    {Py_tp_methods, book_methods},
    {Py_tp_getset, book_getset},
    {0, NULL},
};

static PyType_Spec book_spec = {
    .name = "agbot._book.Book",
    .basicsize = sizeof(book_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = book_slots,
};

static int module_exec(PyObject *module) {
    PyObject *book = PyType_FromModuleAndSpec(module, &book_spec, NULL);
    if (book == NULL)
        return -1;
    int added = PyModule_AddType(module, (PyTypeObject *)book);
    Py_DECREF(book);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "agbot._book",
    .m_doc = "L2 order book on the tick grid, in C.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__book(void) { return PyModuleDef_Init(&module_def); }
