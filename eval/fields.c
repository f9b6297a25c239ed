/* fields.c - see fields.h; eval.md's "Values" in code. */
#include "eval/fields.h"

static gn_value *no_memory(gn_error *e) {
    gn_fail(e, GN_NO_MEMORY, "out of memory");
    return NULL;
}

/* The column a field names, or NULL and nothing set when it names none. */
static gn_value *column(const gn_field *f, const gn_value *doc, const gn_value *columns,
                        gn_error *e) {
    if (!f->source.data || !gn_value_get(columns, f->source))
        return NULL;
    gn_value *v = gn_value_get(doc, f->source);
    if (!v)
        gn_fail(e, GN_INVALID, "no column '%.*s'", (int)f->source.len, f->source.data);
    return v;
}

static gn_value *rendered(const gn_field *f, const gn_value *doc, gn_arena *a, gn_error *e) {
    gn_str s = {0};
    gn_value *v = NULL;
    if (gn_template_render(f->template, doc, &s, e) && gn_str_ok(&s, e) &&
        !(v = gn_value_string(a, gn_str_slice(&s))))
        no_memory(e);
    gn_str_release(&s);
    return v;
}

static bool is_digits(gn_slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    return s.len > 0;
}

/* A plain value is shared; nothing writes to values once they are made. */
static gn_value *shared(const gn_value *v, gn_arena *a, gn_error *e) {
    gn_value *copy = gn_arena_alloc(a, sizeof *copy);
    if (!copy)
        return no_memory(e);
    *copy = *v;
    return copy;
}

static gn_value *value_of(const gn_field *f, const gn_value *doc, const gn_value *columns,
                          bool choices, gn_arena *a, bool *fresh, gn_error *e) {
    *fresh = false;
    if (!f->template)
        return shared(f->value, a, e);
    gn_value *v = column(f, doc, columns, e);
    if (v || e->code != GN_OK)
        return v;
    v = rendered(f, doc, a, e);
    *fresh = v != NULL;
    if (v && choices && is_digits(v->string)) {
        v = gn_literal_parse(a, v->string, e);
        *fresh = false;
    }
    return v;
}

gn_value *gn_field_text(const gn_field *f, const gn_value *doc, const gn_value *columns,
                        bool choices, gn_arena *a, gn_error *e) {
    bool fresh;
    gn_value *v = value_of(f, doc, columns, choices, a, &fresh, e);
    if (!v)
        gn_context(e, "doc_to_text");
    return v;
}

gn_value *gn_field_target(const gn_field *f, const gn_value *doc, const gn_value *columns,
                          bool choices, gn_arena *a, gn_error *e) {
    bool fresh;
    gn_value *v = value_of(f, doc, columns, choices, a, &fresh, e);
    if (!v) {
        gn_context(e, "doc_to_target");
        return NULL;
    }
    if (fresh && v->string.len >= 2 && v->string.data[0] == '[' &&
        v->string.data[v->string.len - 1] == ']') {
        gn_error none = {0};
        gn_value *list = gn_literal_parse(a, v->string, &none);
        if (none.code == GN_NO_MEMORY)
            return no_memory(e);
        return list ? list : v;
    }
    return v;
}

static gn_value *values_of(const gn_value *map, gn_arena *a, gn_error *e) {
    gn_value *list = gn_value_list(a);
    for (size_t i = 0; i < map->map.count; i++)
        if (!gn_value_add(a, list, map->map.entry[i].value))
            return no_memory(e);
    return list ? list : no_memory(e);
}

gn_value *gn_field_choices(const gn_field *f, const gn_value *doc, const gn_value *columns,
                           gn_arena *a, gn_error *e) {
    gn_value *v;
    if (!f->template) {
        v = f->value->kind == GN_MAP ? values_of(f->value, a, e) : shared(f->value, a, e);
    } else {
        v = column(f, doc, columns, e);
        if (!v && e->code == GN_OK && (v = rendered(f, doc, a, e)))
            v = gn_literal_parse(a, v->string, e);
    }
    if (v && v->kind != GN_LIST) {
        gn_fail(e, GN_INVALID, "a %s where a list is wanted", gn_kind_name(v->kind));
        v = NULL;
    }
    if (!v)
        gn_context(e, "doc_to_choice");
    return v;
}

bool gn_field_string(const gn_field *f, const gn_value *doc, const gn_value *columns, gn_arena *a,
                     gn_slice *out, gn_error *e) {
    gn_str s = {0};
    if (!f->set || f->source.len == 0)
        return true;
    gn_value *v = column(f, doc, columns, e);
    if (!v && e->code == GN_OK)
        v = rendered(f, doc, a, e);
    if (!v)
        return false;
    if (v->kind == GN_NULL)
        return true;
    gn_print_str(&s, v);
    *out = gn_arena_copy(a, gn_str_slice(&s));
    const bool ok = gn_str_ok(&s, e) && (out->data || no_memory(e));
    gn_str_release(&s);
    return ok;
}

/* ---- gold --------------------------------------------------------------- */

typedef struct gold {
    gn_document *out;
    gn_error *e;
} gold;

static bool warn(gold *g) {
    g->out->warning = GN_S("its answer is none of the choices");
    return true;
}

/* An index as it is, a string looked up; GN_NO_CHOICE when there is none such. */
enum { NO_CHOICE = -100 };
static bool index_of(gold *g, const gn_value *v, int *out) {
    int64_t i;
    *out = NO_CHOICE;
    if (v->kind == GN_NULL) {
        *out = -1;
        return true;
    }
    if (v->kind == GN_STRING) {
        for (int c = 0; c < g->out->n_choice; c++)
            if (gn_slice_equal(v->string, g->out->choice[c])) {
                *out = c;
                return true;
            }
        return warn(g);
    }
    if (v->kind == GN_BOOL)
        i = v->boolean;
    else if (!gn_value_to_integer(v, &i))
        return v->kind == GN_NUMBER ||
               gn_fail(g->e, GN_INVALID, "its answer is a %s, not an index or a choice",
                       gn_kind_name(v->kind));
    if (i >= g->out->n_choice)
        return warn(g);
    *out = i < -1 ? -1 : (int)i;
    return true;
}

static bool make_target(gold *g, gn_str *s) {
    g->out->target = gn_arena_copy(&g->out->arena, gn_str_slice(s));
    const bool ok = gn_str_ok(s, g->e) && (g->out->target.data || no_memory(g->e));
    gn_str_release(s);
    return ok;
}

static bool room_for(gold *g, size_t n) {
    g->out->gold = gn_arena_alloc(&g->out->arena, (n + 1) * sizeof *g->out->gold);
    g->out->gold_text = gn_arena_alloc(&g->out->arena, (n + 1) * sizeof *g->out->gold_text);
    return (g->out->gold && g->out->gold_text) || no_memory(g->e);
}

static bool read_indices(gold *g, const gn_value *v) {
    gn_document *d = g->out;
    gn_str s = {0};
    const bool list = v->kind == GN_LIST;
    const size_t n = list ? v->list.count : 1;
    if (!room_for(g, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!index_of(g, list ? v->list.item[i] : v, &d->gold[d->n_gold++]))
            return false;
    gn_str_puts(&s, list ? "[" : "");
    for (int i = 0; i < d->n_gold; i++)
        gn_str_fmt(&s, i ? ",%d" : "%d", d->gold[i]);
    gn_str_puts(&s, list ? "]" : "");
    return make_target(g, &s);
}

static bool add_text(gold *g, const gn_value *v) {
    gn_str s = {0};
    gn_slice *out = &g->out->gold_text[g->out->n_gold_text++];
    gn_print_str(&s, v);
    *out = gn_arena_copy(&g->out->arena, gn_str_slice(&s));
    const bool ok = gn_str_ok(&s, g->e) && (out->data || no_memory(g->e));
    gn_str_release(&s);
    return ok;
}

/* With choices the answer is one of them, by its index. */
static bool read_choice_text(gold *g, const gn_value *v) {
    int64_t i;
    if (v->kind == GN_BOOL)
        i = v->boolean;
    else if (v->kind != GN_INTEGER || !gn_value_to_integer(v, &i))
        return gn_fail(g->e, GN_INVALID, "its answer is a %s, not the index of a choice",
                       gn_kind_name(v->kind));
    const int64_t n = g->out->n_choice;
    if (i >= n || i < -n)
        return gn_fail(g->e, GN_INVALID, "answer %lld of %lld choices", (long long)i, (long long)n);
    g->out->gold_text[g->out->n_gold_text++] = g->out->choice[i < 0 ? i + n : i];
    return true;
}

static bool read_texts(gold *g, const gn_task *t, const gn_value *v, bool many) {
    gn_document *d = g->out;
    gn_str s = {0};
    const bool list = many && v->kind == GN_LIST && !t->form.choice.set;
    const size_t n = list ? v->list.count : 1;
    bool ok = room_for(g, n);
    for (size_t i = 0; ok && i < n; i++)
        ok = t->form.choice.set ? read_choice_text(g, v) : add_text(g, list ? v->list.item[i] : v);
    if (!ok)
        return false;
    d->many = list;
    if (!list) {
        d->target = d->gold_text[0];
        return true;
    }
    gn_str_putc(&s, '[');
    for (int i = 0; i < d->n_gold_text; i++) {
        gn_str_puts(&s, i ? "," : "");
        gn_json_write_string(&s, d->gold_text[i]);
    }
    gn_str_putc(&s, ']');
    return make_target(g, &s);
}

static bool is_marked(const gn_task *t) {
    for (int i = 0; i < t->n_metric; i++)
        if (t->metric[i].kind == GN_METRIC_MC2)
            return true;
    return false;
}

/* mc2: a 0 or 1 for each choice; the ones that are 1 are gold. */
static bool read_marks(gold *g, const gn_value *v) {
    gn_document *d = g->out;
    gn_str s = {0};
    if (v->kind != GN_LIST || v->list.count != (size_t)d->n_choice)
        return gn_fail(g->e, GN_INVALID, "mc2 wants a list of 0 and 1, one a choice");
    if (!room_for(g, v->list.count))
        return false;
    for (int i = 0; i < d->n_choice; i++) {
        int64_t mark;
        const gn_value *item = v->list.item[i];
        if (!gn_value_to_integer(item, &mark) || (mark != 0 && mark != 1))
            return gn_fail(g->e, GN_INVALID, "mc2: mark %d is neither 0 nor 1", i);
        if (mark)
            d->gold[d->n_gold++] = i;
        gn_str_fmt(&s, "%s%d", i ? "," : "[", (int)mark);
    }
    gn_str_putc(&s, ']');
    d->marks = v;
    d->many = true;
    return make_target(g, &s);
}

bool gn_gold_read(gn_document *out, const gn_task *t, const gn_value *value, bool many,
                  gn_error *e) {
    gold g = {out, e};
    switch (t->kind) {
    case GN_TASK_ROLLING:
        return true;
    case GN_TASK_TARGET:
        out->target = gn_value_text(value);
        return true;
    case GN_TASK_GENERATE:
        return read_texts(&g, t, value, many);
    default:
        break;
    }
    if (is_marked(t))
        return read_marks(&g, value);
    if (many != (value->kind == GN_LIST))
        return gn_fail(e, GN_INVALID, "its answer is a %s, the first document's %s a list",
                       gn_kind_name(value->kind), many ? "is" : "is not");
    out->many = many;
    return read_indices(&g, value);
}
