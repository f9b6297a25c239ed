/* reader.c - see reader.h. */
#include "eval/reader.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- refusals ----------------------------------------------------------- */

static bool add_refusal(gn_refusals *r, gn_slice task, gn_slice file, int line, const char *key,
                        bool code, const char *why) {
    gn_str where = {0};
    gn_str_add(&where, file);
    if (line > 0)
        gn_str_fmt(&where, ":%d", line);
    if (key[0])
        gn_str_fmt(&where, ": %s", key);
    if (r->count == r->capacity) {
        const size_t room = r->capacity ? 2 * r->capacity : 8;
        gn_refusal *item = realloc(r->item, room * sizeof *item);
        if (!item) {
            gn_str_release(&where);
            return false;
        }
        r->item = item;
        r->capacity = room;
    }
    const gn_refusal made = {.task = gn_arena_copy(&r->arena, task),
                             .where = gn_arena_copy(&r->arena, gn_str_slice(&where)),
                             .why = gn_arena_copy(&r->arena, gn_slice_of(why)),
                             .code = code};
    gn_str_release(&where);
    if (!made.task.data || !made.where.data || !made.why.data)
        return false;
    r->item[r->count++] = made;
    return true;
}

bool gn_refuse(gn_refusals *r, gn_slice task, gn_slice file, int line, const char *key, bool code,
               const char *fmt, ...) {
    char why[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    return add_refusal(r, task, file, line, key, code, why);
}

void gn_refusals_release(gn_refusals *r) {
    free(r->item);
    gn_arena_release(&r->arena);
    *r = (gn_refusals){0};
}

static bool refuse(gn_reader *r, const gn_value *v, const char *key, bool code, const char *fmt,
                   va_list args) {
    char why[600], path[200];
    vsnprintf(why, sizeof why, fmt, args);
    snprintf(path, sizeof path, "%s%s%s", r->inside, r->inside[0] && key[0] ? "." : "", key);
    const gn_value *origin = r->inside[0] ? NULL : gn_value_get(r->origin, gn_slice_of(key));
    if (r->inside[0] && r->origin) {
        const char *end = strpbrk(r->inside, ".[");
        const size_t n = end ? (size_t)(end - r->inside) : strlen(r->inside);
        origin = gn_value_get(r->origin, (gn_slice){r->inside, n});
    }
    const gn_slice file = origin ? gn_value_text(origin) : r->task->file;
    if (!add_refusal(r->refusals, r->task->name, file, v ? v->line : 0, path, code, why))
        gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    return false;
}

bool gn_read_fault(gn_reader *r, const gn_value *v, const char *key, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    refuse(r, v, key, false, fmt, args);
    va_end(args);
    return false;
}

bool gn_read_code(gn_reader *r, const gn_value *v, const char *key, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    refuse(r, v, key, true, fmt, args);
    va_end(args);
    return false;
}

gn_slice gn_function_in(const gn_value *v) {
    gn_slice found = {NULL, 0};
    if (!v)
        return found;
    if (v->kind == GN_MAP) {
        const gn_value *f = gn_value_get(v, GN_S("!function"));
        if (f)
            return gn_value_text(f);
    }
    for (size_t i = 0; i < gn_value_count(v) && !found.data; i++)
        found = gn_function_in(v->kind == GN_MAP ? v->map.entry[i].value : v->list.item[i]);
    return found;
}

/* ---- values ------------------------------------------------------------- */

const char *gn_read_copy(gn_reader *r, gn_slice text) {
    const gn_slice copy = gn_arena_copy(r->arena, text);
    if (copy.data)
        return copy.data;
    gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    return "";
}

static bool is_code(gn_reader *r, const gn_value *v, const char *key) {
    const gn_slice f = gn_function_in(v);
    if (f.data)
        gn_read_code(r, v, key,
                     "!function %.*s is Python, which gneiss does not run; say it as a template "
                     "(gneiss-task(5)), or prepare the data with it",
                     (int)f.len, f.data);
    return f.data != NULL;
}

const gn_value *gn_read_value(gn_reader *r, const char *key) {
    const gn_value *v = gn_value_get(r->tree, gn_slice_of(key));
    if (!v || v->kind == GN_NULL || is_code(r, v, key))
        return NULL;
    return v;
}

bool gn_read_text(gn_reader *r, const char *key, gn_slice *out) {
    const gn_value *v = gn_read_value(r, key);
    if (!v)
        return true;
    if (v->kind != GN_STRING)
        return gn_read_fault(r, v, key, "want a string, not a %s", gn_kind_name(v->kind));
    *out = v->string;
    return true;
}

bool gn_read_bool(gn_reader *r, const char *key, bool *out) {
    const gn_value *v = gn_read_value(r, key);
    if (!v)
        return true;
    if (v->kind != GN_BOOL)
        return gn_read_fault(r, v, key, "want true or false, not a %s", gn_kind_name(v->kind));
    *out = v->boolean;
    return true;
}

bool gn_read_integer(gn_reader *r, const char *key, int64_t least, int64_t *out) {
    const gn_value *v = gn_read_value(r, key);
    int64_t n;
    if (!v)
        return true;
    if (!gn_value_to_integer(v, &n) || n < least || n > 1 << 30)
        return gn_read_fault(r, v, key, "want an integer from %lld on", (long long)least);
    *out = n;
    return true;
}

bool gn_read_number(gn_reader *r, const char *key, double least, double *out) {
    const gn_value *v = gn_read_value(r, key);
    double n;
    if (!v)
        return true;
    if (!gn_value_to_number(v, &n) || !(n >= least))
        return gn_read_fault(r, v, key, "want a number from %g on", least);
    *out = n;
    return true;
}

bool gn_field_set(gn_reader *r, const char *key, const gn_value *v, unsigned kinds, gn_field *out) {
    gn_error e = {0};
    gn_field_release(out);
    if (v->kind != GN_STRING) {
        if (!(kinds >> v->kind & 1))
            return gn_read_fault(r, v, key, "want a template or the name of a column%s, not a %s",
                                 kinds >> GN_LIST & 1 ? ", or a list" : "", gn_kind_name(v->kind));
        *out = (gn_field){.set = true, .value = v};
        return true;
    }
    gn_template *t = gn_template_new(v->string, GN_TEMPLATE_TASK, &e);
    if (!t)
        return gn_read_fault(r, v, key, "%s", e.message);
    *out = (gn_field){.set = true, .source = v->string, .template = t};
    return true;
}

bool gn_read_field(gn_reader *r, const char *key, unsigned kinds, gn_field *out) {
    const gn_value *v = gn_read_value(r, key);
    return !v || gn_field_set(r, key, v, kinds, out);
}

void gn_field_release(gn_field *f) {
    gn_template_free(f->template);
    *f = (gn_field){0};
}

bool gn_read_patterns(gn_reader *r, const char *key, gn_regex ***out, int *n) {
    const gn_value *v = gn_read_value(r, key);
    const size_t count = gn_value_count(v);
    if (!v)
        return true;
    if (v->kind != GN_LIST)
        return gn_read_fault(r, v, key, "want a list of patterns, not a %s", gn_kind_name(v->kind));
    gn_regex **p = calloc(count ? count : 1, sizeof *p);
    if (!p)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        gn_error e = {0};
        const gn_value *item = gn_value_at(v, i);
        if (item->kind != GN_STRING)
            gn_fail(&e, GN_FORMAT, "item %zu is no string", i);
        else
            p[i] = gn_regex_new(item->string, GN_REGEX_PYTHON, false, &e);
        if (!p[i]) {
            gn_patterns_release(p, (int)i);
            return gn_read_fault(r, item, key, "%s", e.message);
        }
    }
    *out = p;
    *n = (int)count;
    return true;
}

void gn_patterns_release(gn_regex **p, int n) {
    for (int i = 0; i < n; i++)
        gn_regex_free(p[i]);
    free(p);
}

/* ---- names -------------------------------------------------------------- */

/* Edits that turn a into b: insert, delete, replace, swap neighbours; both short. */
static int distance(gn_slice a, const char *b) {
    enum { MOST = 40 };
    const size_t n = strlen(b);
    int row[3][MOST + 1];
    if (a.len > MOST || n > MOST)
        return MOST;
    for (size_t j = 0; j <= n; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= a.len; i++) {
        int *now = row[i % 3], *last = row[(i + 2) % 3], *older = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            const int replace = last[j - 1] + (a.data[i - 1] != b[j - 1]);
            int best = last[j] < now[j - 1] ? last[j] + 1 : now[j - 1] + 1;
            best = replace < best ? replace : best;
            if (i > 1 && j > 1 && a.data[i - 1] == b[j - 2] && a.data[i - 2] == b[j - 1] &&
                older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a.len % 3][n];
}

const char *gn_nearest_name(gn_slice word, const char *const *names) {
    const char *best = NULL;
    int least = word.len < 4 ? 2 : 1 + (int)word.len / 3;
    for (; *names; names++) {
        const int d = distance(word, *names);
        if (d < least) {
            least = d;
            best = *names;
        }
    }
    return best;
}

bool gn_read_known(gn_reader *r, const char *const *known) {
    bool ok = true;
    for (size_t i = 0; i < gn_value_count(r->tree); i++) {
        const gn_entry *entry = &r->tree->map.entry[i];
        const char *const *k = known;
        while (*k && !gn_slice_is(entry->key, *k))
            k++;
        if (*k)
            continue;
        const char *near = gn_nearest_name(entry->key, known);
        gn_str all = {0};
        for (k = known; !near && *k; k++)
            gn_str_fmt(&all, "%s%s", k == known ? "" : ", ", *k);
        ok = gn_read_fault(r, entry->value, gn_read_copy(r, entry->key),
                           near ? "no such key; did you mean %s?" : "no such key; there are %s",
                           near ? near : gn_str_text(&all));
        gn_str_release(&all);
    }
    return ok;
}
