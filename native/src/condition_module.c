/* Python face of ag_condition: converts, checks, raises. Orders go by an int that the caller chooses. */
#include "binding.h"

#include "agbot/ag_condition.h"
#include "objects.h"
#include "rows.h"

static ag_condition_t *of(PyObject *self) { return ((condition_t *)self)->condition; }

static PyObject *failed(int result, const char *what) {
    if (result == AG_ERR_NOMEM)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, what);
    return NULL;
}

/* Reads `count` ints; 0 or -1. */
static int numbers_get(PyObject *const *args, Py_ssize_t count, int64_t *out) {
    for (Py_ssize_t i = 0; i < count; i++)
        if (number_get(args[i], &out[i]) < 0)
            return -1;
    return 0;
}

static int side_ok(int64_t side) {
    if (side == AG_BID || side == AG_ASK)
        return 0;
    PyErr_Format(PyExc_ValueError, "side %lld is neither 0 nor 1", (long long)side);
    return -1;
}

static PyObject *condition_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"rule", "exponent", "tick", NULL};
    int kind = AG_QUEUE_BACK, exponent = 1;
    long long tick = 10000;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iiL:Condition", names, &kind, &exponent, &tick))
        return NULL;
    bool known = kind >= AG_QUEUE_BACK && kind < AG_QUEUE_RULES && exponent >= 1 && exponent <= AG_EXPONENT_MOST;
    if (!known || !ag_book_tick_ok(tick))
        return PyErr_Format(PyExc_ValueError, "no rule %d with exponent %d on tick %lld", kind, exponent, tick);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *self = allocate(type, 0);
    if (self == NULL)
        return NULL;
    ((condition_t *)self)->condition = ag_condition_create((ag_queue_rule_t){kind, exponent}, tick);
    if (of(self) == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return self;
}

static void condition_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    ag_condition_destroy(of(self));
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* ---- what happens ---- */

static PyObject *matches_list(const ag_condition_t *condition) {
    size_t count;
    const ag_match_t *matches = ag_condition_matches(condition, &count);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        const ag_match_t *match = &matches[i];
        PyObject *row =
            Py_BuildValue("(LLL)", (long long)match->id, (long long)match->price, (long long)match->size);
        if (row == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, row);
    }
    return list;
}

static PyObject *answer(PyObject *self, int result) {
    if (result != AG_OK)
        return failed(result, "prices are multiples of 100 inside (0, 1000000), sizes at most 2^48");
    return matches_list(of(self));
}

static PyObject *condition_change(PyObject *self, PyObject *given) {
    rows_t rows;
    if (rows_get(&rows, given, 3) < 0)
        return NULL;
    int result = ag_condition_change(of(self), (const ag_change_t *)rows.numbers, rows.count);
    rows_release(&rows);
    return answer(self, result);
}

static PyObject *condition_snapshot(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    rows_t bids, asks;
    if (count != 2)
        return wrong_count("snapshot(bids, asks)");
    if (rows_get(&bids, args[0], 2) < 0)
        return NULL;
    if (rows_get(&asks, args[1], 2) < 0) {
        rows_release(&bids);
        return NULL;
    }
    int result = ag_condition_snapshot(of(self), (const ag_level_t *)bids.numbers, bids.count,
                                       (const ag_level_t *)asks.numbers, asks.count);
    rows_release(&asks);
    rows_release(&bids);
    return answer(self, result);
}

static PyObject *condition_trade(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int64_t given[3];
    if (count != 3)
        return wrong_count("trade(side, price, size)");
    if (numbers_get(args, 3, given) < 0 || side_ok(given[0]) < 0)
        return NULL;
    return answer(self, ag_condition_trade(of(self), (int)given[0], given[1], given[2]));
}

/* ---- our orders ---- */

static PyObject *condition_rest(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int64_t given[4];
    if (count != 4)
        return wrong_count("rest(id, side, price, size)");
    if (numbers_get(args, 4, given) < 0 || side_ok(given[1]) < 0)
        return NULL;
    int result = ag_condition_rest(of(self), given[0], (int)given[1], given[2], given[3]);
    if (result != AG_OK)
        return failed(result, "it rests already, crosses our own book, or is too large");
    Py_RETURN_NONE;
}

static PyObject *condition_remove(PyObject *self, PyObject *given) {
    int64_t id;
    return number_get(given, &id) < 0 ? NULL : PyBool_FromLong(ag_condition_remove(of(self), id));
}

static PyObject *condition_get(PyObject *self, PyObject *given) {
    int64_t id;
    if (number_get(given, &id) < 0)
        return NULL;
    const ag_resting_t *order = ag_condition_find(of(self), id);
    if (order == NULL)
        Py_RETURN_NONE;
    return Py_BuildValue("(iLLL)", order->side, (long long)order->price, (long long)order->remaining,
                         (long long)order->ahead);
}

static PyObject *condition_crosses_own(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int64_t given[2];
    if (count != 2)
        return wrong_count("crosses_own(side, price)");
    if (numbers_get(args, 2, given) < 0 || side_ok(given[0]) < 0)
        return NULL;
    return PyBool_FromLong(ag_condition_crosses_own(of(self), (int)given[0], given[1]));
}

static PyObject *condition_reachable(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int64_t given[2];
    size_t found;
    if (count != 2)
        return wrong_count("reachable(side, limit)");
    if (numbers_get(args, 2, given) < 0 || side_ok(given[0]) < 0)
        return NULL;
    const ag_level_t *levels = ag_condition_reachable(of(self), (int)given[0], given[1], &found);
    PyObject *list = levels == NULL ? PyErr_NoMemory() : PyList_New((Py_ssize_t)found);
    for (size_t i = 0; list != NULL && i < found; i++) {
        PyObject *row = Py_BuildValue("(LL)", (long long)levels[i].price, (long long)levels[i].size);
        if (row == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, (Py_ssize_t)i, row);
    }
    return list;
}

static PyObject *condition_take(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int64_t given[3];
    if (count != 3)
        return wrong_count("take(side, price, size)");
    if (numbers_get(args, 3, given) < 0 || side_ok(given[0]) < 0)
        return NULL;
    int result = ag_condition_take(of(self), (int)given[0], given[1], given[2]);
    if (result != AG_OK)
        return failed(result, "the level does not hold as much");
    Py_RETURN_NONE;
}

#define DOC(signature, text) PyDoc_STR(signature "\n--\n\n" text)

static PyMethodDef condition_methods[] = {
    {"change", condition_change, METH_O,
     DOC("change($self, changes, /)", "Apply absolute (side, price, size) rows; return [(id, price, size)] filled.")},
    {"snapshot", FAST(condition_snapshot), METH_FASTCALL,
     DOC("snapshot($self, bids, asks, /)", "Replace the background; return [(id, price, size)] filled.")},
    {"trade", FAST(condition_trade), METH_FASTCALL,
     DOC("trade($self, side, price, size, /)", "A print by a taker on side; return [(id, price, size)] filled.")},
    {"rest", FAST(condition_rest), METH_FASTCALL,
     DOC("rest($self, id, side, price, size, /)", "Put an order behind what its level shows.")},
    {"remove", condition_remove, METH_O, DOC("remove($self, id, /)", "Take an order off; whether it rested.")},
    {"get", condition_get, METH_O, DOC("get($self, id, /)", "(side, price, remaining, ahead) of an order, or None.")},
    {"crosses_own", FAST(condition_crosses_own), METH_FASTCALL,
     DOC("crosses_own($self, side, price, /)", "Whether an order at this limit could meet one of our own.")},
    {"reachable", FAST(condition_reachable), METH_FASTCALL,
     DOC("reachable($self, side, limit, /)", "[(price, size not taken yet)] that a taker on side can hit.")},
    {"take", FAST(condition_take), METH_FASTCALL,
     DOC("take($self, side, price, size, /)", "Use up a level for a taker on side.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot condition_slots[] = {
    {Py_tp_doc, "Condition(rule=0, exponent=1, tick=10000)\n--\n\nA market's background and our resting orders."},
    {Py_tp_new, condition_new},
    {Py_tp_dealloc, condition_dealloc},
    {Py_tp_methods, condition_methods},
    {0, NULL},
};

static PyType_Spec condition_spec = {
    .name = "agbot._condition.Condition",
    .basicsize = sizeof(condition_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = condition_slots,
};

static int module_exec(PyObject *module) {
    PyObject *condition = PyType_FromModuleAndSpec(module, &condition_spec, NULL);
    if (condition == NULL)
        return -1;
    int added = PyModule_AddType(module, (PyTypeObject *)condition);
    Py_DECREF(condition);
    return added;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "agbot._condition",
    .m_doc = "One market's background levels and our resting orders, in C.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__condition(void) { return PyModuleDef_Init(&module_def); }
