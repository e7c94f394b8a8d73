/* Python face of ag_timeseries: converts, checks, raises. `agbot/timeseries.py` adds the NumPy side. */
#include "binding.h"

#include "agbot/ag_timeseries.h"

typedef struct {
    PyTypeObject *memory_type;
} state_t;

/* Owns the C series and exports its block. Arrays refer to it, not to the Series, which keeps the arrays: no cycle. */
typedef struct {
    PyObject_HEAD
    ag_timeseries_t *ts;
} memory_t;

typedef struct {
    PyObject_HEAD
    ag_timeseries_t *ts; /* the memory's */
    PyObject *memory;
} series_t;

static struct PyModuleDef module_def;

static void memory_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    ag_timeseries_destroy(((memory_t *)self)->ts);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int memory_getbuffer(PyObject *self, Py_buffer *view, int flags) {
    size_t bytes = 0;
    const void *block = ag_timeseries_block(((memory_t *)self)->ts, &bytes);
    return PyBuffer_FillInfo(view, self, (void *)block, (Py_ssize_t)bytes, 1, flags);
}

static PyType_Slot memory_slots[] = {
    {Py_tp_doc, "The block behind a series: 2*capacity int64 timestamps, then 2*capacity doubles. Read-only."},
    {Py_tp_dealloc, memory_dealloc},
    {Py_bf_getbuffer, memory_getbuffer},
    {0, NULL},
};

static PyType_Spec memory_spec = {
    .name = "agbot._timeseries.Memory",
    .basicsize = sizeof(memory_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = memory_slots,
};

/* The state of our module; `type` may be a Python subclass, which knows no module, so its bases are asked too. */
static state_t *state_of(PyTypeObject *type) {
    for (; type != NULL; type = PyType_GetSlot(type, Py_tp_base)) {
        PyObject *module = PyType_GetModule(type);
        if (module == NULL)
            PyErr_Clear();
        else if (PyModule_GetDef(module) == &module_def)
            return PyModule_GetState(module);
    }
    PyErr_SetString(PyExc_TypeError, "not a subclass of agbot._timeseries.Series");
    return NULL;
}

/* Reads ewma_alpha: None is 0.0 (none kept), else a number in (0, 1]. */
static int parse_alpha(PyObject *given, double *alpha) {
    *alpha = 0.0;
    if (given == NULL || given == Py_None)
        return 0;
    *alpha = PyFloat_AsDouble(given);
    if (*alpha == -1.0 && PyErr_Occurred())
        return -1;
    if (*alpha > 0.0 && *alpha <= 1.0)
        return 0;
    PyErr_Format(PyExc_ValueError, "ewma_alpha must be in (0, 1], got %R", given);
    return -1;
}

static PyObject *memory_new(PyTypeObject *type, Py_ssize_t capacity, int stats, double alpha) {
    memory_t *memory = (memory_t *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (memory == NULL)
        return NULL;
    memory->ts = ag_timeseries_create_with_stats((size_t)capacity, stats != 0, alpha);
    if (memory->ts != NULL)
        return (PyObject *)memory;
    Py_DECREF(memory);
    return PyErr_NoMemory();
}

static PyObject *series_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"capacity", "stats", "ewma_alpha", NULL};
    Py_ssize_t capacity = 0;
    int stats = 0;
    PyObject *given_alpha = NULL;
    double alpha = 0.0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n|$pO:TimeSeries", names, &capacity, &stats, &given_alpha))
        return NULL;
    if (capacity < 1)
        return PyErr_Format(PyExc_ValueError, "capacity must be at least 1, got %zd", capacity);
    if (parse_alpha(given_alpha, &alpha) < 0)
        return NULL;
    state_t *state = state_of(type);
    if (state == NULL)
        return NULL;
    PyObject *memory = memory_new(state->memory_type, capacity, stats, alpha);
    if (memory == NULL)
        return NULL;
    series_t *self = (series_t *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) {
        Py_DECREF(memory);
        return NULL;
    }
    self->memory = memory;
    self->ts = ((memory_t *)memory)->ts;
    return (PyObject *)self;
}

static void series_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((series_t *)self)->memory);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *series_append(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2)
        return wrong_count("append(ts_ms, value)");
    int64_t timestamp = PyLong_AsLongLong(args[0]);
    if (timestamp == -1 && PyErr_Occurred())
        return NULL;
    double value = PyFloat_AsDouble(args[1]);
    if (value == -1.0 && PyErr_Occurred())
        return NULL;
    ag_timeseries_append(((series_t *)self)->ts, timestamp, value);
    Py_RETURN_NONE;
}

static bool same_length(const Py_buffer *times, const Py_buffer *values) {
    if (times->shape[0] == values->shape[0])
        return true;
    PyErr_Format(PyExc_ValueError, "%zd timestamps but %zd values", times->shape[0], values->shape[0]);
    return false;
}

static void append_columns(ag_timeseries_t *ts, const Py_buffer *times, const Py_buffer *values) {
    Py_ssize_t time_step = times->strides[0], value_step = values->strides[0];
    const char *time = times->buf, *value = values->buf;
    if (time_step == 8 && value_step == 8) {
        ag_timeseries_append_batch(ts, times->buf, values->buf, (size_t)times->shape[0]);
        return;
    }
    for (Py_ssize_t i = 0; i < times->shape[0]; i++, time += time_step, value += value_step)
        ag_timeseries_append(ts, *(const int64_t *)(const void *)time, *(const double *)(const void *)value);
}

static PyObject *series_append_batch(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    Py_buffer times, values;
    if (count != 2)
        return wrong_count("append_batch(ts_buffer, value_buffer)");
    if (column_get(args[0], &times, 'q', false) < 0)
        return NULL;
    if (column_get(args[1], &values, 'd', false) < 0) {
        PyBuffer_Release(&times);
        return NULL;
    }
    bool fits = same_length(&times, &values);
    if (fits)
        append_columns(((series_t *)self)->ts, &times, &values);
    PyBuffer_Release(&values);
    PyBuffer_Release(&times);
    return fits ? Py_NewRef(Py_None) : NULL;
}

/* slice(start, stop) of the newest n points in the mirrored columns. */
static PyObject *series_window(PyObject *self, PyObject *wanted) {
    const ag_timeseries_t *ts = ((series_t *)self)->ts;
    Py_ssize_t max_points = PyLong_AsSsize_t(wanted);
    if (max_points < 0) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "cannot show %zd points", max_points);
        return NULL;
    }
    const int64_t *times, *base;
    const double *values;
    size_t bytes;
    base = ag_timeseries_block(ts, &bytes);
    Py_ssize_t count = ag_timeseries_window(ts, (size_t)max_points, &times, &values);
    PyObject *start = PyLong_FromSsize_t(times - base), *stop = PyLong_FromSsize_t(times - base + count);
    PyObject *slice = start != NULL && stop != NULL ? PySlice_New(start, stop, NULL) : NULL;
    Py_XDECREF(start);
    Py_XDECREF(stop);
    return slice;
}

typedef struct {
    bool by_range;
    int64_t start, end;
} query_t;

static PyObject *fill(PyObject *self, query_t query, PyObject *out_times, PyObject *out_values) {
    const ag_timeseries_t *ts = ((series_t *)self)->ts;
    Py_buffer times, values;
    if (column_get(out_times, &times, 'q', true) < 0)
        return NULL;
    if (column_get(out_values, &values, 'd', true) < 0) {
        PyBuffer_Release(&times);
        return NULL;
    }
    PyObject *result = NULL;
    if (same_length(&times, &values)) {
        size_t room = (size_t)times.shape[0];
        ptrdiff_t written =
            query.by_range ? ag_timeseries_query_range(ts, query.start, query.end, room, times.buf, values.buf)
                           : ag_timeseries_query_last(ts, room, times.buf, values.buf);
        result = PyLong_FromSsize_t(written);
    }
    PyBuffer_Release(&values);
    PyBuffer_Release(&times);
    return result;
}

static PyObject *series_last_into(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2)
        return wrong_count("_last_into(out_ts, out_values)");
    return fill(self, (query_t){.by_range = false}, args[0], args[1]);
}

static PyObject *series_range_into(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    query_t query = {.by_range = true};
    if (count != 4)
        return wrong_count("_range_into(start_ms, end_ms, out_ts, out_values)");
    if (int64_get(args[0], &query.start) < 0 || int64_get(args[1], &query.end) < 0)
        return NULL;
    return fill(self, query, args[2], args[3]);
}

static PyObject *series_count_range(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    int64_t start, end;
    if (count != 2)
        return wrong_count("_count_range(start_ms, end_ms)");
    if (int64_get(args[0], &start) < 0 || int64_get(args[1], &end) < 0)
        return NULL;
    return PyLong_FromSsize_t(ag_timeseries_count_range(((series_t *)self)->ts, start, end));
}

static Py_ssize_t series_length(PyObject *self) { return (Py_ssize_t)ag_timeseries_size(((series_t *)self)->ts); }

static PyObject *series_capacity(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromSize_t(ag_timeseries_capacity(((series_t *)self)->ts));
}

static PyObject *series_memory(PyObject *self, void *Py_UNUSED(closure)) {
    return Py_NewRef(((series_t *)self)->memory);
}

typedef int (*statistic_t)(const ag_timeseries_t *, double *);

static PyObject *statistic(PyObject *self, statistic_t ask, const char *option) {
    double value = 0.0;
    int state = ask(((series_t *)self)->ts, &value);
    if (state == 1)
        return PyFloat_FromDouble(value);
    if (state == 0)
        Py_RETURN_NONE;
    return PyErr_Format(PyExc_ValueError, "not kept: create the series with %s", option);
}

static PyObject *series_mean(PyObject *self, void *Py_UNUSED(closure)) {
    return statistic(self, ag_timeseries_mean, "stats=True");
}

static PyObject *series_min(PyObject *self, void *Py_UNUSED(closure)) {
    return statistic(self, ag_timeseries_min, "stats=True");
}

static PyObject *series_max(PyObject *self, void *Py_UNUSED(closure)) {
    return statistic(self, ag_timeseries_max, "stats=True");
}

static PyObject *series_ewma(PyObject *self, void *Py_UNUSED(closure)) {
    return statistic(self, ag_timeseries_ewma, "ewma_alpha");
}


static PyMethodDef series_methods[] = {
    {"append", FAST(series_append), METH_FASTCALL,
     PyDoc_STR("append($self, ts_ms, value, /)\n--\n\nAppend one point; a full series evicts its oldest. O(1).")},
    {"append_batch", FAST(series_append_batch), METH_FASTCALL,
     PyDoc_STR("append_batch($self, ts_buffer, value_buffer, /)\n--\n\n"
               "Append equally long int64 and float64 buffers, in order; all points or none.")},
    {"_window", series_window, METH_O, PyDoc_STR("The newest n points as a slice of the mirrored columns.")},
    {"_last_into", FAST(series_last_into), METH_FASTCALL, PyDoc_STR("Fill two columns newest first; return the count.")},
    {"_range_into", FAST(series_range_into), METH_FASTCALL, PyDoc_STR("Fill two columns by time; return the count.")},
    {"_count_range", FAST(series_count_range), METH_FASTCALL, PyDoc_STR("Count the points by time.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef series_getset[] = {
    {"capacity", series_capacity, NULL, PyDoc_STR("The most points this series can hold."), NULL},
    {"mean", series_mean, NULL, PyDoc_STR("Mean of the values held; None when empty; needs stats=True."), NULL},
    {"min", series_min, NULL, PyDoc_STR("Least value held; None when empty; needs stats=True."), NULL},
    {"max", series_max, NULL, PyDoc_STR("Greatest value held; None when empty; needs stats=True."), NULL},
    {"ewma", series_ewma, NULL, PyDoc_STR("EWMA of every finite value ever appended; needs ewma_alpha."), NULL},
    {"_memory", series_memory, NULL, PyDoc_STR("The block behind the columns, a read-only buffer."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot series_slots[] = {
    {Py_tp_doc, "A ring of (timestamp, value) points; see agbot.timeseries.TimeSeries."},
    {Py_tp_new, series_new},
    {Py_tp_dealloc, series_dealloc},
    {Py_tp_methods, series_methods},
    {Py_tp_getset, series_getset},
    {Py_sq_length, series_length},
    {0, NULL},
};

static PyType_Spec series_spec = {
    .name = "agbot._timeseries.Series",
    .basicsize = sizeof(series_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = series_slots,
};

static PyObject *noop(PyObject *Py_UNUSED(module), PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(count)) {
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"_noop", FAST(noop), METH_FASTCALL,
     PyDoc_STR("Do nothing with any arguments: the floor benchmarks and tests measure calls against.")},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module) {
    state_t *state = PyModule_GetState(module);
    state->memory_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &memory_spec, NULL);
    if (state->memory_type == NULL || PyModule_AddType(module, state->memory_type) < 0)
        return -1;
    PyObject *series = PyType_FromModuleAndSpec(module, &series_spec, NULL);
    if (series == NULL)
        return -1;
    int added = PyModule_AddType(module, (PyTypeObject *)series);
    Py_DECREF(series);
    return added;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    state_t *state = PyModule_GetState(module);
    Py_VISIT(state->memory_type);
    return 0;
}

static int module_clear(PyObject *module) {
    state_t *state = PyModule_GetState(module);
    Py_CLEAR(state->memory_type);
    return 0;
}

static void module_free(void *module) { module_clear(module); }

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "agbot._timeseries",
    .m_doc = "Ring buffer of points in C; use agbot.timeseries.",
    .m_size = sizeof(state_t),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__timeseries(void) { return PyModuleDef_Init(&module_def); }
