/* request.c - see request.h. Prompts are assembled as lm-evaluation-harness's task.py does:
 * first turns, each with what delimits it, then either joined or handed to a chat template. */
#include "eval/request.h"

#include "eval/draw.h"
#include "eval/fields.h"

#include <stdlib.h>

struct gn_asker {
    const gn_task *task;
    const gn_dataset *data;
    gn_prompting prompting;
    int shots;
    bool contexts; /* the choices are contexts */
    bool many;     /* golds are lists */
    gn_draw draw;
    int64_t next;   /* the document whose draw comes next */
    uint32_t *shot; /* [shots + 1] rows of the pool, drawn for document next - 1 */
};

/* A turn and what stands after it in plain text. */
typedef struct turn {
    const char *role;
    gn_slice content, delimiter;
} turn;

typedef struct turns {
    turn *item;
    int count;
} turns;

/* One document being asked. */
typedef struct job {
    const gn_asker *asker;
    gn_document *out;
    gn_arena *a;
    gn_error *e;
    gn_slice prefix;  /* gen_prefix, "" */
    gn_value *choice; /* a list, or NULL */
    gn_value *text, *target;
} job;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- shots -------------------------------------------------------------- */

static bool is_doc(const gn_asker *a, uint32_t row, const gn_value *doc) {
    return gn_value_equal(a->data->pool->doc[row], doc);
}

static bool too_small(const gn_asker *a, int64_t have, gn_error *e) {
    return gn_fail(e, GN_INVALID, "%d shots%s, but '%.*s' has %lld documents", a->shots,
                   a->task->drops_itself && !a->task->first_n ? " and one to drop" : "",
                   (int)a->data->pool->name.len, a->data->pool->name.data, (long long)have);
}

static bool draw_first(gn_asker *a, const gn_value *doc, gn_error *e) {
    int n = 0;
    for (uint32_t row = 0; n < a->shots && row < a->data->pool->count; row++)
        if (!a->task->drops_itself || !is_doc(a, row, doc))
            a->shot[n++] = row;
    return n == a->shots || too_small(a, n, e);
}

/* Rows equal to the document are out; draw n anew from what is left. */
static bool draw_again(gn_asker *a, const gn_value *doc, gn_error *e) {
    const uint32_t all = (uint32_t)a->data->pool->count;
    uint32_t *rest = malloc(all * sizeof *rest), n = 0;
    if (!rest)
        return no_memory(e);
    for (uint32_t row = 0; row < all; row++)
        if (!is_doc(a, row, doc))
            rest[n++] = row;
    bool ok = n >= (uint32_t)a->shots || too_small(a, n, e);
    if (ok && !gn_draw_sample(&a->draw, n, (uint32_t)a->shots, a->shot))
        ok = no_memory(e);
    for (int i = 0; ok && i < a->shots; i++)
        a->shot[i] = rest[a->shot[i]];
    free(rest);
    return ok;
}

static bool draw_default(gn_asker *a, const gn_value *doc, gn_error *e) {
    const int more = a->task->drops_itself ? 1 : 0;
    if (!gn_draw_sample(&a->draw, (uint32_t)a->data->pool->count, (uint32_t)(a->shots + more),
                        a->shot))
        return no_memory(e);
    if (!more)
        return true;
    int n = 0;
    for (int i = 0; i <= a->shots; i++)
        if (!is_doc(a, a->shot[i], doc))
            a->shot[n++] = a->shot[i];
    return n >= a->shots || draw_again(a, doc, e);
}

/* Bring the generator to document ix and draw its shots. */
static bool draw_for(gn_asker *a, int64_t ix, gn_error *e) {
    if (a->shots == 0 || ix == a->next - 1)
        return true;
    if (a->task->first_n) {
        a->next = ix + 1;
        return draw_first(a, a->data->eval.doc[ix], e);
    }
    if (ix < a->next) {
        gn_draw_seed(&a->draw, a->prompting.fewshot_seed);
        a->next = 0;
    }
    for (; a->next <= ix; a->next++)
        if (!draw_default(a, a->data->eval.doc[a->next], e)) {
            a->next = INT64_MAX; /* begin anew next time */
            return false;
        }
    return true;
}

/* ---- turns -------------------------------------------------------------- */

static bool joined(job *j, gn_slice *out, gn_slice a, gn_slice b, gn_slice c) {
    gn_str s = {0};
    gn_str_add(&s, a);
    gn_str_add(&s, b);
    gn_str_add(&s, c);
    *out = gn_arena_copy(j->a, gn_str_slice(&s));
    gn_str_release(&s);
    return out->data || no_memory(j->e);
}

static bool ends_in_space(gn_slice s) {
    return s.len > 0 && gn_text_strip(s, false, true).len < s.len;
}

static bool begins_with_space(gn_slice s) {
    return s.len > 0 && gn_text_strip(s, true, false).len < s.len;
}

/* White space at the seam is delimiter enough. */
static bool open_seam(gn_slice a, gn_slice b) { return !ends_in_space(a) && !begins_with_space(b); }

static bool delimited(job *j, gn_slice a, gn_slice b, gn_slice delimiter, gn_slice *out) {
    if (a.len == 0 || b.len == 0)
        return joined(j, out, a, b, GN_S(""));
    return joined(j, out, a, open_seam(a, b) ? delimiter : GN_S(""), b);
}

static bool string_of(job *j, const gn_value *v, const char *what, gn_slice *out) {
    if (v->kind != GN_STRING)
        return gn_fail(j->e, GN_INVALID, "%s is a %s, not a string", what, gn_kind_name(v->kind));
    *out = v->string;
    return true;
}

/* Python's list[i]. */
static const gn_value *element(const gn_value *list, int64_t i) {
    const int64_t n = (int64_t)gn_value_count(list);
    return i < -n || i >= n ? NULL : gn_value_at(list, (size_t)(i < 0 ? i + n : i));
}

/* The text of an answer: of a choice, of the first of a list, its own. */
static bool answer_text(job *j, const gn_value *a, const gn_value *choice, gn_slice *out) {
    int64_t i;
    const bool index = a->kind == GN_INTEGER || a->kind == GN_BOOL;
    if (index && choice && gn_value_count(choice)) {
        i = a->kind == GN_BOOL ? a->boolean : a->integer;
        a = element(choice, i);
        if (!a)
            return gn_fail(j->e, GN_INVALID, "answer %lld of %zu choices", (long long)i,
                           gn_value_count(choice));
    } else if (a->kind == GN_LIST && !(a = gn_value_at(a, 0))) {
        return gn_fail(j->e, GN_INVALID, "its list of answers is empty");
    }
    return string_of(j, a, "the answer of a shot", out);
}

/* A question, and its answer or what begins it: one or two turns. answer NULL: none. */
static bool add_turns(job *j, turns *t, gn_slice q, const gn_value *choice, const gn_value *answer,
                      gn_slice prefix, gn_slice target_delimiter, gn_slice fewshot_delimiter) {
    const bool has = answer && answer->kind != GN_NULL &&
                     !(answer->kind == GN_STRING && answer->string.len == 0);
    const bool delimit = prefix.len ? q.len > 0 && open_seam(q, prefix) : has;
    gn_slice text;

    t->item[t->count++] = (turn){"user", q, delimit ? target_delimiter : GN_S("")};
    if (has) {
        if (!answer_text(j, answer, choice, &text) || !delimited(j, prefix, text, GN_S(" "), &text))
            return false;
        t->item[t->count++] = (turn){"assistant", text, fewshot_delimiter};
    } else if (prefix.len) {
        t->item[t->count++] = (turn){"assistant", prefix, GN_S("")};
    }
    return true;
}

static bool add_shot(job *j, turns *t, const gn_value *doc) {
    const gn_asker *a = j->asker;
    const gn_form *f = &a->task->shot;
    const gn_value *columns = a->data->eval.column;
    const bool choices = a->task->form.choice.set;
    gn_value *choice = NULL, *text, *target;
    gn_slice q, prefix = GN_S("");

    if (!(text = gn_field_text(&f->text, doc, columns, choices, j->a, j->e)) ||
        !(target = gn_field_target(&f->target, doc, columns, choices, j->a, j->e)) ||
        (f->choice.set && !(choice = gn_field_choices(&f->choice, doc, columns, j->a, j->e))) ||
        !gn_field_string(&f->prefix, doc, doc, j->a, &prefix, j->e))
        return false;
    if (a->contexts) {
        const gn_value *at = text->kind == GN_INTEGER ? element(choice, text->integer) : NULL;
        if (!at)
            return gn_fail(j->e, GN_INVALID, "a shot's doc_to_text is no index of its choices");
        return string_of(j, at, "a choice", &q) &&
               add_turns(j, t, q, NULL, target, prefix, f->target_delimiter, f->fewshot_delimiter);
    }
    return string_of(j, text, "the prompt of a shot", &q) &&
           add_turns(j, t, q, choice, target, prefix, f->target_delimiter, f->fewshot_delimiter);
}

/* System text, description and shots: what stands before the document's own question. */
static bool begin_turns(job *j, turns *t) {
    const gn_asker *a = j->asker;
    gn_slice description = GN_S(""), system;
    t->item = gn_arena_alloc(j->a, (size_t)(2 * a->shots + 3) * sizeof *t->item);
    if (!t->item)
        return no_memory(j->e);
    if (!gn_field_string(&a->task->description, j->out->doc, j->out->doc, j->a, &description,
                         j->e) ||
        !delimited(j, a->prompting.system, description, a->task->form.fewshot_delimiter, &system))
        return false;
    if (system.len)
        t->item[t->count++] = (turn){"system", system, GN_S("")};
    for (int i = 0; i < a->shots; i++)
        if (!add_shot(j, t, a->data->pool->doc[a->shot[i]]))
            return gn_context(j->e, "shot %u", a->shot[i]);
    return true;
}

/* ---- text --------------------------------------------------------------- */

static void plain(const turn *t, int n, gn_str *out) {
    for (int i = 0; i < n; i++) {
        gn_str_add(out, t[i].content);
        gn_str_add(out, t[i].delimiter);
    }
}

static bool add_message(gn_arena *a, gn_value *list, const char *role, gn_slice content) {
    gn_value *m = gn_value_map(a);
    return gn_value_set(a, m, GN_S("role"), gn_value_borrow(a, gn_slice_of(role))) &&
           gn_value_set(a, m, GN_S("content"), gn_value_borrow(a, content)) &&
           gn_value_add(a, list, m);
}

/* Turns as messages; with one_turn what stands between system and an open answer is one. */
static gn_value *messages(job *j, turns *t) {
    gn_value *list = gn_value_list(j->a);
    const bool one = j->asker->prompting.one_turn;
    const bool system = t->count && strcmp(t->item[0].role, "system") == 0;
    const bool open = t->count && strcmp(t->item[t->count - 1].role, "assistant") == 0;
    const int first = system, last = t->count - open;
    bool ok = list != NULL;
    if (!one) {
        for (int i = 0; ok && i < t->count; i++)
            ok = add_message(j->a, list, t->item[i].role, t->item[i].content);
        return ok ? list : NULL;
    }
    gn_slice text;
    gn_str s = {0};
    t->item[last - 1].delimiter = GN_S("");
    plain(t->item + first, last - first, &s);
    ok = ok && joined(j, &text, gn_str_slice(&s), GN_S(""), GN_S(""));
    gn_str_release(&s);
    if (ok && system)
        ok = add_message(j->a, list, "system", t->item[0].content);
    ok = ok && add_message(j->a, list, "user", text);
    if (ok && open)
        ok = add_message(j->a, list, "assistant", t->item[t->count - 1].content);
    return ok ? list : NULL;
}

/* Render; when the template refuses, once more without the system message. */
static bool render(job *j, gn_value *list, bool generation, gn_str *out) {
    const gn_prompting *p = &j->asker->prompting;
    gn_value *first = gn_value_at(list, 0);
    if (p->render(p->user, list, generation, out, j->e))
        return true;
    if ((j->e->code != GN_INVALID && j->e->code != GN_UNSUPPORTED) ||
        !gn_slice_is(gn_value_text(gn_value_get(first, GN_S("role"))), "system"))
        return false;
    list->list.item++;
    list->list.count--;
    *j->e = (gn_error){0};
    gn_str_cut(out, 0);
    return p->render(p->user, list, generation, out, j->e);
}

/* The last message is to be gone on with: a mark tells where it ends in the text. */
#define MARK "GNEISS_GOES_ON_HERE"

static bool mark_open(job *j, gn_value *list) {
    gn_value *last = gn_value_at(list, gn_value_count(list) - 1);
    gn_value *content = gn_value_get(last, GN_S("content"));
    return joined(j, &content->string, content->string, GN_S(MARK " "), GN_S(""));
}

static bool cut_open(job *j, gn_str *out) {
    const gn_slice all = gn_str_slice(out);
    size_t at = all.len;
    while (at > 0 && !gn_slice_starts(gn_slice_from(all, at), GN_S(MARK)))
        at--;
    if (!gn_slice_starts(gn_slice_from(all, at), GN_S(MARK)))
        return gn_fail(j->e, GN_UNSUPPORTED,
                       "the chat template leaves gen_prefix out of the last message");
    const bool kept = gn_slice_starts(gn_slice_from(all, at), GN_S(MARK " "));
    const gn_slice before = {all.data, at};
    gn_str_cut(out, kept ? at : gn_text_strip(before, false, true).len);
    return true;
}

/* The prompt, from turns. */
static bool finish(job *j, turns *t, gn_slice *out) {
    gn_str s = {0};
    bool ok = true;
    if (!j->asker->prompting.chat) {
        plain(t->item, t->count, &s);
    } else {
        const bool open = j->prefix.len > 0;
        gn_value *list = messages(j, t);
        ok = (list || no_memory(j->e)) && (!open || mark_open(j, list)) &&
             render(j, list, !open, &s) && (!open || cut_open(j, &s));
    }
    *out = ok ? gn_arena_copy(j->a, gn_str_slice(&s)) : GN_S("");
    ok = ok && gn_str_ok(&s, j->e) && (out->data || no_memory(j->e));
    gn_str_release(&s);
    return ok;
}

/* The prompt with q as the document's own question; the turns before it are shared. */
static bool prompt(job *j, const turns *before, gn_slice q, gn_slice delimiter, gn_slice *out) {
    turns t = {.count = before->count};
    t.item = gn_arena_alloc(j->a, (size_t)(before->count + 2) * sizeof *t.item);
    if (!t.item)
        return no_memory(j->e);
    memcpy(t.item, before->item, (size_t)before->count * sizeof *t.item);
    return add_turns(j, &t, q, NULL, NULL, j->prefix, delimiter, GN_S("")) && finish(j, &t, out);
}

/* ---- requests ----------------------------------------------------------- */

static bool new_requests(job *j, int n) {
    j->out->request = gn_arena_alloc(j->a, (size_t)(n ? n : 1) * sizeof *j->out->request);
    return j->out->request || no_memory(j->e);
}

static void add_request(job *j, gn_asked r) {
    r.doc = j->out->ix;
    r.choice = j->out->n_request;
    j->out->request[j->out->n_request++] = r;
}

static bool wants_mutual_info(const gn_task *t) {
    for (int i = 0; i < t->n_metric; i++)
        if (t->metric[i].kind == GN_METRIC_ACC_MUTUAL_INFO)
            return true;
    return false;
}

/* What stands before a choice. */
static gn_slice choice_delimiter(const job *j) {
    const gn_form *f = &j->asker->task->form;
    if (!j->asker->prompting.chat)
        return f->target_delimiter;
    return f->prefix.set && f->prefix.source.len && !ends_in_space(f->prefix.source)
               ? f->target_delimiter
               : GN_S("");
}

static bool ask_contexts(job *j, const turns *before) {
    const gn_slice delimiter = choice_delimiter(j);
    gn_str target = {0};
    gn_slice text;
    gn_print_str(&target, j->target);
    bool ok = joined(j, &text, delimiter, gn_str_slice(&target), GN_S(""));
    gn_str_release(&target);
    for (int i = 0; ok && i < j->out->n_choice; i++) {
        gn_asked r = {.kind = GN_REQUEST_SCORE, .continuation = text};
        ok = prompt(j, before, j->out->choice[i], GN_S(""), &r.context);
        add_request(j, r);
    }
    return ok;
}

static bool ask_continuations(job *j, const turns *before) {
    const gn_slice delimiter = choice_delimiter(j);
    gn_slice q, context;
    if (!string_of(j, j->text, "the prompt", &q) ||
        !prompt(j, before, q, j->asker->task->form.target_delimiter, &context))
        return false;
    for (int i = 0; i < j->out->n_choice; i++) {
        gn_asked r = {.kind = GN_REQUEST_SCORE, .context = context};
        if (!joined(j, &r.continuation, delimiter, j->out->choice[i], GN_S("")))
            return false;
        add_request(j, r);
    }
    return true;
}

static bool ask_choices(job *j, const turns *before) {
    const bool alone = wants_mutual_info(j->asker->task);
    if (!new_requests(j, j->out->n_choice * (1 + alone)) ||
        !(j->asker->contexts ? ask_contexts(j, before) : ask_continuations(j, before)))
        return false;
    for (int i = 0; alone && i < j->out->n_choice; i++) {
        gn_asked r = {.kind = GN_REQUEST_SCORE, .alone = true, .context = GN_S("")};
        if (!joined(j, &r.continuation, choice_delimiter(j), j->out->choice[i], GN_S("")))
            return false;
        add_request(j, r);
    }
    return true;
}

/* Pieces of re.split(r"\s+", text). */
static int64_t words_of(gn_slice text) {
    int64_t n = 1;
    bool space = false;
    int32_t cp;
    for (size_t i = 0, k; (k = gn_utf8_next(text, i, &cp)) > 0; i += k) {
        const bool now = cp >= 0 && gn_is_space_python(cp);
        n += now && !space;
        space = now;
    }
    return n;
}

static bool ask_rolling(job *j) {
    const gn_task *t = j->asker->task;
    gn_asked r = {.kind = GN_REQUEST_ROLLING, .context = GN_S("")};
    gn_slice counted;
    if (!string_of(j, j->target, "doc_to_target", &r.continuation) || !new_requests(j, 1))
        return false;
    counted = r.continuation;
    if (t->count.set &&
        !gn_field_string(&t->count, j->out->doc, j->asker->data->eval.column, j->a, &counted, j->e))
        return false;
    j->out->words = words_of(counted);
    j->out->bytes = (int64_t)counted.len;
    add_request(j, r);
    return true;
}

static bool ask_one(job *j, const turns *before) {
    const gn_task *t = j->asker->task;
    gn_asked r = {.kind = GN_REQUEST_SCORE};
    gn_slice q;
    if (t->kind == GN_TASK_GENERATE)
        r = (gn_asked){
            .kind = GN_REQUEST_GENERATE, .continuation = GN_S(""), .generation = &t->generation};
    else if (!string_of(j, j->target, "doc_to_target", &r.continuation))
        return false;
    if (!string_of(j, j->text, "the prompt", &q) ||
        !prompt(j, before, q, t->form.target_delimiter, &r.context) || !new_requests(j, 1))
        return false;
    add_request(j, r);
    return true;
}

static bool ask(job *j) {
    turns before = {0};
    if (j->asker->task->kind == GN_TASK_ROLLING)
        return ask_rolling(j);
    if (!begin_turns(j, &before))
        return false;
    return j->asker->task->kind == GN_TASK_CHOICE ? ask_choices(j, &before) : ask_one(j, &before);
}

/* ---- the document ------------------------------------------------------- */

static bool read_choices(job *j) {
    gn_document *d = j->out;
    d->choice = gn_arena_alloc(j->a, (gn_value_count(j->choice) + 1) * sizeof *d->choice);
    if (!d->choice)
        return no_memory(j->e);
    for (size_t i = 0; i < gn_value_count(j->choice); i++)
        if (!string_of(j, gn_value_at(j->choice, i), "a choice", &d->choice[d->n_choice++]))
            return false;
    return d->n_choice > 0 || gn_fail(j->e, GN_INVALID, "it has no choices");
}

/* The task's fields of this document. */
static bool read_fields(job *j) {
    const gn_asker *a = j->asker;
    const gn_task *t = a->task;
    const gn_value *doc = j->out->doc, *columns = a->data->eval.column;
    const bool choices = t->form.choice.set;
    if (choices && (!(j->choice = gn_field_choices(&t->form.choice, doc, columns, j->a, j->e)) ||
                    !read_choices(j)))
        return false;
    j->prefix = GN_S("");
    if (t->kind != GN_TASK_ROLLING) {
        j->text = gn_field_text(&t->form.text, doc, columns, choices, j->a, j->e);
        if (!j->text || !gn_field_string(&t->form.prefix, doc, columns, j->a, &j->prefix, j->e))
            return false;
    }
    j->target = gn_field_target(&t->form.target, doc, columns, choices, j->a, j->e);
    j->out->target_value = j->target;
    return j->target && gn_field_string(&t->cluster, doc, columns, j->a, &j->out->cluster, j->e);
}

/* The hash does not mind the order of keys; what is kept does, as lm-evaluation-harness's own
 * hash of a document is over that order. */
bool gn_document_describe(gn_document *d, const gn_value *doc, gn_error *e) {
    gn_str canonical = {0};
    gn_json_write_canonical(&canonical, doc);
    gn_str_cut(&d->json, 0);
    gn_json_write(&d->json, doc);
    const bool ok = gn_str_ok(&canonical, e) && gn_str_ok(&d->json, e);
    gn_sha256_of(gn_str_text(&canonical), canonical.len, d->hash);
    gn_str_release(&canonical);
    return ok;
}

bool gn_asker_ask(gn_asker *a, int64_t ix, gn_document *out, gn_error *e) {
    *out = (gn_document){.ix = ix, .cluster = {NULL, 0}, .warning = GN_S("")};
    if (ix < 0 || ix >= a->data->eval.count)
        return gn_fail(e, GN_INVALID, "document %lld of %lld", (long long)ix,
                       (long long)a->data->eval.count);
    out->doc = a->data->eval.doc[ix];
    job j = {.asker = a, .out = out, .a = &out->arena, .e = e};
    if (!gn_document_describe(out, out->doc, e) || !draw_for(a, ix, e) || !read_fields(&j) ||
        !ask(&j) || !gn_gold_read(out, a->task, a->contexts ? j.text : j.target, a->many, e)) {
        gn_document_release(out);
        return gn_context(e, "task '%.*s': document %lld", (int)a->task->name.len,
                          a->task->name.data, (long long)ix);
    }
    return true;
}

void gn_document_release(gn_document *d) {
    gn_str_release(&d->json);
    gn_arena_release(&d->arena);
    *d = (gn_document){0};
}

/* ---- the asker ---------------------------------------------------------- */

/* The first document tells what all are like. */
static bool learn(gn_asker *a, gn_error *e) {
    gn_document d = {.doc = a->data->eval.doc[0]};
    job j = {.asker = a, .out = &d, .a = &d.arena, .e = e};
    const bool ok = read_fields(&j);
    if (ok) {
        a->contexts = a->task->kind == GN_TASK_CHOICE && j.text->kind == GN_INTEGER;
        a->many = j.target->kind == GN_LIST && j.target->list.count > 0 && !a->contexts;
    }
    gn_document_release(&d);
    return ok || gn_context(e, "document 0");
}

gn_asker *gn_asker_new(const gn_task *t, const gn_dataset *d, const gn_prompting *p, gn_error *e) {
    gn_asker *a = calloc(1, sizeof *a);
    if (!a) {
        no_memory(e);
        return NULL;
    }
    *a = (gn_asker){.task = t, .data = d, .prompting = *p, .next = INT64_MAX};
    a->shots = t->kind == GN_TASK_ROLLING ? 0 : gn_task_shots(t, p);
    a->shot = malloc((size_t)(a->shots + 1) * sizeof *a->shot);
    bool ok = a->shot || no_memory(e);
    if (ok && a->shots > 0 && d->pool->count > UINT32_MAX)
        ok = gn_fail(e, GN_UNSUPPORTED, "more than 2^32 documents");
    if (ok && a->shots > 0 && a->shots + (t->drops_itself && !t->first_n) > d->pool->count)
        ok = too_small(a, d->pool->count, e);
    if (!ok || !learn(a, e)) {
        gn_context(e, "task '%.*s'", (int)t->name.len, t->name.data);
        gn_asker_free(a);
        return NULL;
    }
    return a;
}

void gn_asker_free(gn_asker *a) {
    if (!a)
        return;
    free(a->shot);
    free(a);
}

int64_t gn_asker_count(const gn_asker *a) { return a->data->eval.count; }

bool gn_asker_where(const gn_asker *a, int64_t ix, const gn_template *where, bool *holds,
                    gn_error *e) {
    gn_arena arena = {0};
    const gn_value *v = gn_template_evaluate(where, a->data->eval.doc[ix], &arena, e);
    if (v)
        *holds = gn_value_true(v);
    gn_arena_release(&arena);
    return v || gn_context(e, "document %lld", (long long)ix);
}
