/* filter.c - see filter.h; the semantics are those of lm-evaluation-harness's filters. */
#include "eval/filter.h"

#include "eval/reader.h"

#include <stdlib.h>

static const char *const filter_name[] = {"regex",         "multi_choice_regex",
                                          "take_first",    "take_first_k",
                                          "majority_vote", "remove_whitespace",
                                          "lowercase",     "uppercase",
                                          "map",           NULL};

/* ---- reading ------------------------------------------------------------ */

static const char *const plain_key[] = {"function", NULL};
static const char *const regex_key[] = {"function", "regex_pattern", "group_select", "fallback",
                                        NULL};
static const char *const choice_key[] = {
    "function",    "regex_pattern",      "group_select",      "fallback",
    "ignore_case", "ignore_punctuation", "regexes_to_ignore", NULL};
static const char *const k_key[] = {"function", "k", NULL};
static const char *const map_key[] = {"function", "mapping_dict", "default_value", NULL};

static const char *const *keys_of(gn_filter_kind k) {
    switch (k) {
    case GN_FILTER_REGEX:
        return regex_key;
    case GN_FILTER_CHOICE_REGEX:
        return choice_key;
    case GN_FILTER_TAKE_FIRST_K:
        return k_key;
    case GN_FILTER_MAP:
        return map_key;
    default:
        return plain_key;
    }
}

static bool read_regex(gn_reader *r, gn_filter *f) {
    gn_error e = {0};
    gn_slice pattern = GN_S("#### (\\-?[0-9\\.\\,]+)");
    const gn_value *select = gn_read_value(r, "group_select");
    int64_t at = 0;
    f->fallback = GN_S("[invalid]");
    bool ok = gn_read_text(r, "regex_pattern", &pattern) &
              gn_read_text(r, "fallback", &f->fallback) &
              gn_read_bool(r, "ignore_case", &f->ignore_case) &
              gn_read_bool(r, "ignore_punctuation", &f->ignore_punctuation) &
              gn_read_patterns(r, "regexes_to_ignore", &f->ignore, &f->n_ignore);
    if (select && (!gn_value_to_integer(select, &at) || at < -1000000 || at > 1000000))
        ok = gn_read_fault(r, select, "group_select", "want an integer");
    f->select = (int)at;
    f->regex = gn_regex_new(pattern, GN_REGEX_PYTHON, false, &e);
    if (!f->regex)
        ok = gn_read_fault(r, gn_value_get(r->tree, GN_S("regex_pattern")), "regex_pattern", "%s",
                           e.message);
    return ok;
}

static bool read_filter(gn_reader *r, gn_filter *f) {
    const gn_value *v = gn_read_value(r, "function");
    const gn_slice name = gn_value_text(v);
    int64_t k = 0;
    int i = 0;

    if (!v)
        return gn_function_in(gn_value_get(r->tree, GN_S("function"))).data
                   ? false
                   : gn_read_fault(r, r->tree, "function", "is missing: the name of a filter");
    while (filter_name[i] && !gn_slice_is(name, filter_name[i]))
        i++;
    if (!filter_name[i]) {
        const char *near = gn_nearest_name(name, filter_name);
        return gn_read_code(r, v, "function", "no filter '%.*s'%s%s", (int)name.len, name.data,
                            near ? "; did you mean " : " that gneiss has", near ? near : "");
    }
    f->kind = (gn_filter_kind)i;
    bool ok = gn_read_known(r, keys_of(f->kind));
    if (f->kind == GN_FILTER_REGEX || f->kind == GN_FILTER_CHOICE_REGEX)
        return read_regex(r, f) && ok;
    if (f->kind == GN_FILTER_TAKE_FIRST_K) {
        ok = gn_read_integer(r, "k", 1, &k) && ok;
        if (ok && k == 0)
            return gn_read_fault(r, v, "k", "is missing: how many answers to keep");
        f->k = (int)k;
    }
    if (f->kind == GN_FILTER_MAP) {
        f->map = gn_read_value(r, "mapping_dict");
        f->otherwise = gn_value_get(r->tree, GN_S("default_value"));
        if (f->map && f->map->kind != GN_MAP)
            return gn_read_fault(r, f->map, "mapping_dict", "want a map");
    }
    return ok;
}

/* What one answer was taken of is a text no more a list: only the end may do that. */
static bool check_order(gn_reader *r, const gn_pipeline *p, const gn_value *list) {
    for (int i = 0; i + 1 < p->n_filter; i++)
        if (p->filter[i].kind == GN_FILTER_TAKE_FIRST)
            return gn_read_fault(r, gn_value_at(list, (size_t)i + 1), "filter",
                                 "nothing may follow take_first");
    for (int i = 0; r->task->kind != GN_TASK_GENERATE && i < p->n_filter; i++)
        if (p->filter[i].kind != GN_FILTER_TAKE_FIRST)
            return gn_read_fault(r, gn_value_at(list, (size_t)i), "filter",
                                 "%s is for generate_until alone", filter_name[p->filter[i].kind]);
    return true;
}

static bool read_pipeline(gn_reader *r, gn_pipeline *p) {
    static const char *const keys[] = {"name", "filter", NULL};
    gn_slice name = {NULL, 0};
    bool ok = gn_read_known(r, keys) & gn_read_text(r, "name", &name);
    const gn_value *list = gn_value_get(r->tree, GN_S("filter"));
    if (ok && !name.data)
        ok = gn_read_fault(r, r->tree, "name", "is missing: what to call the pipeline");
    if (!gn_value_is(list, GN_LIST))
        return gn_read_fault(r, list ? list : r->tree, "filter", "want a list of filters");
    p->name = name;
    p->filter = calloc(list->list.count + 1, sizeof *p->filter);
    if (!p->filter)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < list->list.count; i++) {
        gn_reader in = *r;
        in.tree = list->list.item[i];
        in.inside = "filter_list.filter";
        p->n_filter++;
        if (in.tree->kind != GN_MAP)
            ok = gn_read_fault(r, in.tree, "filter", "item %zu is no map", i);
        else
            ok = read_filter(&in, &p->filter[i]) && ok;
    }
    return ok && check_order(r, p, list);
}

static bool default_pipeline(gn_reader *r) {
    gn_task *t = r->task;
    t->pipeline = calloc(1, sizeof *t->pipeline);
    if (!t->pipeline)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    t->n_pipeline = 1;
    t->pipeline[0].name = GN_S("none");
    t->pipeline[0].filter = calloc(1, sizeof(gn_filter));
    if (!t->pipeline[0].filter)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    t->pipeline[0].filter[0].kind = GN_FILTER_TAKE_FIRST;
    t->pipeline[0].n_filter = 1;
    return true;
}

bool gn_pipelines_read(gn_reader *r) {
    gn_task *t = r->task;
    const gn_value *list = gn_value_get(r->tree, GN_S("filter_list"));
    bool ok = true;
    if (!list || list->kind == GN_NULL)
        return default_pipeline(r);
    if (list->kind != GN_LIST || list->list.count == 0)
        return gn_function_in(list).data
                   ? gn_read_value(r, "filter_list") != NULL
                   : gn_read_fault(r, list, "filter_list", "want a list of {name, filter}");
    t->pipeline = calloc(list->list.count, sizeof *t->pipeline);
    if (!t->pipeline)
        return gn_fail(r->e, GN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < list->list.count; i++) {
        gn_reader in = *r;
        in.tree = list->list.item[i];
        in.inside = "filter_list";
        t->n_pipeline++;
        if (in.tree->kind != GN_MAP)
            ok = gn_read_fault(r, in.tree, "filter_list", "item %zu is no map", i);
        else
            ok = read_pipeline(&in, &t->pipeline[i]) && ok;
    }
    return ok;
}

void gn_pipelines_release(gn_task *t) {
    for (int i = 0; i < t->n_pipeline; i++) {
        gn_pipeline *p = &t->pipeline[i];
        for (int j = 0; p->filter && j < p->n_filter; j++) {
            gn_regex_free(p->filter[j].regex);
            gn_patterns_release(p->filter[j].ignore, p->filter[j].n_ignore);
        }
        free(p->filter);
    }
    free(t->pipeline);
}

/* ---- running ------------------------------------------------------------ */

typedef struct run {
    const gn_filter *f;
    const gn_document *doc;
    gn_arena *a;
    gn_error *e;
    gn_filtered *item;
    int n;
} run;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* Moves a finished string into the arena. */
static bool keep(run *r, gn_str *s, gn_slice *out) {
    *out = gn_arena_copy(r->a, gn_str_slice(s));
    const bool ok = !s->failed && out->data;
    gn_str_release(s);
    return ok || no_memory(r->e);
}

/* findall(text)[select], stripped: of several groups the first that is not empty. out.data
 * NULL: no match, or several groups and all of them empty. */
static bool find(gn_regex *regex, int select, gn_slice text, gn_slice *out, gn_error *e) {
    enum { MOST = 64 };
    gn_span span[MOST];
    const int groups = gn_regex_groups(regex), n = groups + 1 < MOST ? groups + 1 : MOST;
    gn_slice *all = NULL;
    size_t count = 0, capacity = 0;
    bool found = false;

    *out = (gn_slice){NULL, 0};
    bool ok = gn_regex_find(regex, text, 0, span, n, &found, e);
    while (ok && found) {
        gn_slice best = {text.data, 0};
        for (int g = groups ? 1 : 0; g < n && best.len == 0; g++)
            if (span[g].begin <= span[g].end)
                best = (gn_slice){text.data + span[g].begin, span[g].end - span[g].begin};
        if (!gn_vec_reserve(&all, &capacity, count + 1, sizeof *all)) {
            ok = no_memory(e);
            break;
        }
        all[count++] = best;
        ok = gn_regex_next(regex, text, span, n, &found, e);
    }
    if (ok && count) {
        const int64_t at = select < 0 ? (int64_t)count + select : select;
        if (at < 0 || at >= (int64_t)count)
            ok = gn_fail(e, GN_INVALID, "group_select %d, but the pattern matched %zu times",
                         select, count);
        else if (all[at].len > 0 || groups < 2)
            *out = gn_text_strip(all[at], true, true);
    }
    free(all);
    return ok;
}

static bool run_regex(run *r, gn_filtered *item) {
    gn_slice match;
    const gn_slice text = item->text.data ? item->text : GN_S("");
    if (!find(r->f->regex, r->f->select, text, &match, r->e))
        return false;
    item->invalid = !match.data;
    item->text = item->invalid ? r->f->fallback : match;
    return true;
}

/* The answer, or a choice, as they are compared: ignored patterns out, lower-cased, without
 * punctuation. */
static bool simplify(run *r, gn_slice text, gn_slice *out) {
    gn_str s = {0};
    gn_str_add(&s, text);
    for (int i = 0; i < r->f->n_ignore; i++) {
        gn_str next = {0};
        const bool ok = gn_regex_sub(r->f->ignore[i], gn_str_slice(&s), GN_S(""), 0, &next, r->e);
        gn_str_release(&s);
        s = next;
        if (!ok) {
            gn_str_release(&s);
            return false;
        }
    }
    if (r->f->ignore_case) {
        gn_str lower = {0};
        gn_text_lower(&lower, gn_str_slice(&s));
        gn_str_release(&s);
        s = lower;
    }
    if (r->f->ignore_punctuation) {
        gn_str bare = {0};
        const gn_slice all = gn_str_slice(&s);
        int32_t cp;
        for (size_t i = 0, n; (n = gn_utf8_next(all, i, &cp)) > 0; i += n)
            if (cp < 0 || !gn_is_punctuation(cp))
                gn_str_add(&bare, (gn_slice){all.data + i, n});
        gn_str_release(&s);
        s = bare;
    }
    return keep(r, &s, out);
}

/* The document's choices as patterns. */
typedef struct letters {
    gn_slice *text; /* [n] simplified */
    size_t n;
    gn_regex *word, *letter;
} letters;

static int longer(const gn_str *a, const gn_str *b) {
    const size_t x = gn_utf8_count(gn_str_slice(a)), y = gn_utf8_count(gn_str_slice(b));
    return x > y ? -1 : x < y;
}

/* Longest first, equal ones as they stood: an insertion sort is stable. */
static void sort_longest(gn_str *s, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && longer(&s[j], &s[j - 1]) < 0; j--) {
            const gn_str swap = s[j];
            s[j] = s[j - 1];
            s[j - 1] = swap;
        }
}

static bool compile_letters(run *r, letters *l, gn_str *escaped) {
    gn_str word = {0}, letter = {0};
    for (size_t i = 0; i < l->n; i++)
        gn_regex_escape(&escaped[i], l->text[i]);
    sort_longest(escaped, l->n);
    gn_str_puts(&letter, ":[\\s]*(");
    for (size_t i = 0; i < l->n; i++) {
        gn_str_fmt(&word, "%s%s", i ? "|" : "", gn_str_text(&escaped[i]));
        gn_str_fmt(&letter, "%s%c", i ? "|" : "", (char)('A' + i));
    }
    gn_str_putc(&letter, ')');
    bool ok = gn_str_ok(&word, r->e) && gn_str_ok(&letter, r->e);
    ok = ok && (l->word = gn_regex_new(gn_str_slice(&word), GN_REGEX_PYTHON, false, r->e)) &&
         (l->letter = gn_regex_new(gn_str_slice(&letter), GN_REGEX_PYTHON, false, r->e));
    gn_str_release(&word);
    gn_str_release(&letter);
    return ok;
}

static bool make_letters(run *r, letters *l) {
    const gn_value *choices = gn_value_get(r->doc->doc, GN_S("choices"));
    *l = (letters){0};
    if (!gn_value_is(choices, GN_LIST) || choices->list.count > 26)
        return gn_fail(r->e, GN_INVALID,
                       "multi_choice_regex needs a column 'choices' with a list of at most 26");
    l->n = choices->list.count;
    l->text = gn_arena_alloc(r->a, (l->n + 1) * sizeof *l->text);
    gn_str *escaped = calloc(l->n + 1, sizeof *escaped);
    bool ok = (l->text && escaped) || no_memory(r->e);
    for (size_t i = 0; ok && i < l->n; i++) {
        const gn_value *v = choices->list.item[i];
        ok = v->kind == GN_STRING
                 ? simplify(r, gn_text_strip(v->string, true, true), &l->text[i])
                 : gn_fail(r->e, GN_INVALID, "multi_choice_regex: choice %zu is no string", i);
    }
    ok = ok && compile_letters(r, l, escaped);
    for (size_t i = 0; escaped && i < l->n; i++)
        gn_str_release(&escaped[i]);
    free(escaped);
    return ok;
}

static bool paren(run *r, size_t i, gn_slice *out) {
    const char text[4] = {'(', (char)('A' + i), ')', 0};
    *out = gn_arena_copy(r->a, (gn_slice){text, 3});
    return out->data || no_memory(r->e);
}

static bool run_choice(run *r, const letters *l, gn_filtered *item) {
    const gn_slice raw = item->text.data ? item->text : GN_S("");
    gn_slice match, simple;
    if (!find(r->f->regex, r->f->select, raw, &match, r->e))
        return false;
    if (!match.len) {
        if (!simplify(r, raw, &simple) || !find(l->word, r->f->select, simple, &match, r->e))
            return false;
        /* Of equal texts the last letter: a dict keeps what was set last. */
        for (size_t i = l->n; match.len && i-- > 0;)
            if (gn_slice_equal(match, l->text[i])) {
                if (!paren(r, i, &match))
                    return false;
                break;
            }
    }
    if (!match.len) {
        if (!find(l->letter, r->f->select, raw, &match, r->e))
            return false;
        if (match.len == 1 && !paren(r, (size_t)(match.data[0] - 'A'), &match))
            return false;
    }
    item->invalid = !match.len;
    item->text = match.len ? match : r->f->fallback;
    return true;
}

static bool run_choices(run *r) {
    letters l;
    bool ok = make_letters(r, &l);
    for (int i = 0; ok && i < r->n; i++)
        ok = run_choice(r, &l, &r->item[i]);
    gn_regex_free(l.word);
    gn_regex_free(l.letter);
    return ok;
}

static bool same(const gn_filtered *a, const gn_filtered *b) {
    return (a->text.data == NULL) == (b->text.data == NULL) &&
           (!a->text.data || gn_slice_equal(a->text, b->text));
}

/* The most frequent moves to the front; the earlier one on a tie. */
static void run_majority(run *r) {
    int best = 0, most = 0;
    for (int i = 0; i < r->n; i++) {
        int count = 0;
        for (int j = 0; j < r->n; j++)
            count += same(&r->item[i], &r->item[j]);
        if (count > most) {
            most = count;
            best = i;
        }
    }
    r->item[0] = r->item[best];
    r->n = 1;
}

static bool run_map(run *r, gn_filtered *item) {
    const gn_value *v = item->text.data ? gn_value_get(r->f->map, item->text) : NULL;
    if (!v)
        v = r->f->otherwise;
    item->text = (gn_slice){NULL, 0};
    if (!v || v->kind == GN_NULL)
        return true;
    gn_str s = {0};
    gn_print_str(&s, v);
    return keep(r, &s, &item->text);
}

static bool run_case(run *r, gn_filtered *item) {
    gn_str s = {0};
    if (r->f->kind == GN_FILTER_LOWER)
        gn_text_lower(&s, item->text);
    else
        gn_text_upper(&s, item->text);
    return keep(r, &s, &item->text);
}

/* Filters that treat each answer by itself. */
static bool run_each(run *r) {
    bool ok = true;
    for (int i = 0; ok && i < r->n; i++) {
        gn_filtered *item = &r->item[i];
        if (r->f->kind == GN_FILTER_REGEX)
            ok = run_regex(r, item);
        else if (r->f->kind == GN_FILTER_MAP)
            ok = run_map(r, item);
        else if (!item->text.data)
            ok =
                gn_fail(r->e, GN_INVALID, "%s after a map that gave null", filter_name[r->f->kind]);
        else if (r->f->kind == GN_FILTER_STRIP)
            item->text = gn_text_strip(item->text, true, true);
        else
            ok = run_case(r, item);
    }
    return ok;
}

bool gn_pipeline_run(const gn_pipeline *p, const gn_document *doc, const gn_slice *answer, int n,
                     gn_arena *a, gn_filtered **out, int *n_out, bool *taken, gn_error *e) {
    run r = {.doc = doc, .a = a, .e = e, .n = n};
    bool ok = n > 0 || gn_fail(e, GN_INVALID, "no answer");
    *taken = false;
    r.item = ok ? gn_arena_alloc(a, (size_t)n * sizeof *r.item) : NULL;
    if (ok && !r.item)
        return no_memory(e);
    for (int i = 0; ok && i < n; i++)
        r.item[i].text = answer[i].data ? answer[i] : GN_S("");
    for (int i = 0; ok && i < p->n_filter; i++) {
        r.f = &p->filter[i];
        if (r.f->kind == GN_FILTER_CHOICE_REGEX) {
            ok = run_choices(&r);
        } else if (r.f->kind == GN_FILTER_TAKE_FIRST) {
            r.n = 1;
            *taken = true;
        } else if (r.f->kind == GN_FILTER_TAKE_FIRST_K) {
            ok = r.n >= r.f->k ||
                 gn_fail(e, GN_INVALID, "take_first_k: %d of %d answers", r.f->k, r.n);
            r.n = r.f->k;
        } else if (r.f->kind == GN_FILTER_MAJORITY) {
            run_majority(&r);
        } else {
            ok = run_each(&r);
        }
    }
    *out = r.item;
    *n_out = r.n;
    return ok || gn_context(e, "pipeline '%.*s'", (int)p->name.len, p->name.data);
}

/* ---- the end of an answer ----------------------------------------------- */

gn_slice gn_answer_cut(gn_slice text, gn_slice think_end, const gn_slice *stop, int n_stop) {
    if (think_end.len) {
        for (ptrdiff_t at; (at = gn_slice_find(text, think_end)) >= 0;)
            text = gn_slice_from(text, (size_t)at + think_end.len);
        text = gn_text_strip(text, true, false);
    }
    for (int i = 0; i < n_stop; i++) {
        const ptrdiff_t at = stop[i].len ? gn_slice_find(text, stop[i]) : -1;
        if (at >= 0)
            text.len = (size_t)at;
    }
    return text;
}
