/* A bounded table of the ids a feed repeats, each with its Python string and what the venue last said of it. */
#ifndef AGBOT_NAMES_H
#define AGBOT_NAMES_H

#include "binding.h"

#define NAMES_MAX 16384 /* beyond this many the table starts anew: no honest feed has so many ids */

typedef struct {
    PyObject *text;
    PyObject *market; /* of a token; NULL when no message named one */
    uint64_t hash;
    bool top_known;
    int64_t bid, ask; /* when top_known */
} name_t;

typedef struct {
    name_t *slots;
    size_t capacity, count;
} names_t;

/* The name of this UTF-8 text, added when it is new; valid until the next call. NULL with an error set. */
name_t *names_get(names_t *names, const char *text, size_t length);

/* The same for a Python string, which is kept when it is new; TypeError or UnicodeError when it is no such text. */
name_t *names_of(names_t *names, PyObject *text);

/* The name of a Python string that is there already, else NULL without an error. */
const name_t *names_find(const names_t *names, PyObject *text);

void names_clear(names_t *names);

#endif
