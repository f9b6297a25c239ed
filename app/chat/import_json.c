/* import_json.c - conversations in JSON, as OpenAI, llama.cpp's web interface and people write
 * them.
 *
 * {"messages": [{"role", "content"}...]}, with a title, id, model and times if they are there;
 * a list of messages; a list of such conversations, or {"conversations": [...]}; JSON Lines of
 * any of these. {"conv", "messages"} with parents is a tree, of llama.cpp; newer versions of it
 * write a line {"type": "session"} and a line {"type": "message"} for each message.
 */
#include "app/chat/import.h"

#include "app/cli/when.h"

#include <math.h>
#include <stdlib.h>

typedef struct reader {
    gn_hads *out;
} reader;

/* ---- values ---------------------------------------------------------------------- */

static const gn_value *first_of(const gn_value *v, const char *a, const char *b, const char *c) {
    const char *const name[] = {a, b, c};
    for (int i = 0; i < 3; i++) {
        const gn_value *found = name[i] ? gn_value_get(v, gn_slice_of(name[i])) : NULL;
        if (found && !gn_value_is(found, GN_NULL))
            return found;
    }
    return NULL;
}

/* Seconds, milliseconds or a text; "" if it is no time. */
static const char *time_of(const gn_value *v, char out[GN_TIME]) {
    time_t when;
    double number;
    out[0] = '\0';
    if (gn_value_to_number(v, &number) && number > 0 && number < 1e15) {
        when = (time_t)(number > 1e11 ? number / 1000 : number);
        gn_when_utc(when, out);
    } else if (gn_when_parse(gn_value_text(v), &when))
        gn_when_utc(when, out);
    return out;
}

static bool role_of(const gn_value *message, gn_role *out, gn_error *e) {
    static const struct {
        const char *name;
        gn_role role;
    } known[] = {
        {"system", GN_ROLE_SYSTEM}, {"developer", GN_ROLE_SYSTEM}, {"user", GN_ROLE_USER},
        {"human", GN_ROLE_USER},    {"assistant", GN_ROLE_MODEL},  {"model", GN_ROLE_MODEL},
        {"gpt", GN_ROLE_MODEL},     {"tool", GN_ROLE_TOOL},        {"function", GN_ROLE_TOOL}};
    const gn_slice name = gn_value_text(first_of(message, "role", "from", NULL));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (gn_slice_is(name, known[i].name)) {
            *out = known[i].role;
            return true;
        }
    return gn_fail(e, GN_FORMAT, "a message of role '%.*s'", name.len > 30 ? 30 : (int)name.len,
                   name.data);
}

/* A text, or a list of parts of which the texts count. */
static void content_of(const gn_value *v, gn_str *out, int *left_out) {
    if (gn_value_is(v, GN_STRING)) {
        gn_str_add(out, v->string);
        return;
    }
    const gn_value *inner = gn_value_get(v, GN_S("text"));
    if (inner) {
        content_of(inner, out, left_out);
        return;
    }
    if (gn_value_is(v, GN_MAP))
        ++*left_out;
    for (size_t i = 0; gn_value_is(v, GN_LIST) && i < v->list.count; i++)
        content_of(v->list.item[i], out, left_out);
}

/* Files that llama.cpp puts behind a message; those that are text were read with it. */
static void files_of(const gn_value *extra, gn_str *out, int *left_out) {
    for (size_t i = 0; i < gn_value_count(extra); i++) {
        const gn_value *file = gn_value_at(extra, i);
        const gn_slice name = gn_value_text(gn_value_get(file, GN_S("name")));
        const gn_slice text = gn_value_text(gn_value_get(file, GN_S("content")));
        if (text.len == 0) {
            ++*left_out;
            continue;
        }
        gn_str_fmt(out, "\n\n--- File: %.*s ---\n", (int)name.len, name.data);
        gn_str_add(out, text);
    }
}

/* toolCalls of llama.cpp may be a text that holds JSON. */
static void calls_of(const gn_value *message, gn_str *out) {
    const gn_value *calls = first_of(message, "tool_calls", "toolCalls", NULL);
    gn_arena a = {0};
    gn_error none = {0};
    if (gn_value_is(calls, GN_STRING))
        calls = calls->string.len ? gn_json_parse(&a, calls->string, &none) : NULL;
    gn_had_calls(calls, out);
    gn_arena_release(&a);
}

static bool say(gn_had *h, const gn_value *message, int64_t parent, int64_t *id, gn_error *e) {
    char when[GN_TIME];
    gn_role role = GN_ROLE_USER;
    gn_str text = {0};
    if (!role_of(message, &role, e))
        return false;
    content_of(first_of(message, "content", "value", "text"), &text, &h->left_out);
    files_of(gn_value_get(message, GN_S("extra")), &text, &h->left_out);
    if (role == GN_ROLE_MODEL)
        calls_of(message, &text);
    h->left_out +=
        gn_value_text(first_of(message, "reasoning_content", "reasoningContent", "thinking")).len >
        0;
    if (role == GN_ROLE_MODEL && h->model.len == 0)
        gn_str_add(&h->model, gn_value_text(gn_value_get(message, GN_S("model"))));
    time_of(first_of(message, "timestamp", "created_at", "create_time"), when);
    const bool ok =
        gn_str_ok(&text, e) && gn_had_say(h, parent, role, gn_str_slice(&text), when, id, e);
    gn_str_release(&text);
    return ok;
}

/* ---- a conversation: one message after the other ----------------------------------- */

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "import: out of memory"); }

/* Identifiers are texts or numbers. */
static void id_text(const gn_value *v, gn_str *out) {
    if (gn_value_is(v, GN_STRING))
        gn_str_add(out, v->string);
    else if (gn_value_is(v, GN_INTEGER))
        gn_json_write(out, v);
}

static void facts(gn_had *h, const gn_value *v) {
    gn_str_add(&h->name, gn_value_text(first_of(v, "title", "name", NULL)));
    gn_str_add(&h->model, gn_value_text(gn_value_get(v, GN_S("model"))));
    id_text(first_of(v, "id", "conversation_id", NULL), &h->id);
}

static bool in_a_row(reader *r, const gn_value *v, const gn_value *list, gn_error *e) {
    gn_had *h = gn_hads_add(r->out, e);
    int64_t at = -1;
    if (!h)
        return false;
    if (v)
        facts(h, v);
    for (size_t i = 0; i < list->list.count; i++)
        if (!say(h, list->list.item[i], at, &at, e))
            return gn_context(e, "message %zu", i + 1);
    return true;
}

/* ---- a tree: messages that name their parents --------------------------------------- */

typedef struct tree {
    gn_had *had;
    const gn_value *list;
    gn_map by_id;  /* -> index in list */
    int64_t *turn; /* [list] the turn it became; NOT_YET, ON_THE_WAY, or -1: a root, no turn */
    gn_arena arena;
} tree;
enum { NOT_YET = -3, ON_THE_WAY = -2 };

static gn_slice key_of(tree *t, const gn_value *v) {
    gn_str text = {0};
    id_text(v, &text);
    const gn_slice kept = gn_arena_copy(&t->arena, gn_str_slice(&text));
    gn_str_release(&text);
    return kept;
}

/* The index of a message's parent; -1: it has none here. */
static int64_t parent_of(tree *t, int64_t i) {
    int64_t parent = -1;
    const gn_value *v = gn_value_get(t->list->list.item[i], GN_S("parent"));
    const gn_slice key = key_of(t, v);
    if (key.len)
        gn_map_get(&t->by_id, key, &parent);
    return parent;
}

/* A turn for message i, after those above it. */
static bool place(tree *t, int64_t i, int64_t *way, gn_error *e) {
    int64_t n = 0;
    for (; i >= 0 && t->turn[i] == NOT_YET; i = parent_of(t, i)) {
        t->turn[i] = ON_THE_WAY;
        way[n++] = i;
    }
    if (i >= 0 && t->turn[i] == ON_THE_WAY)
        return gn_fail(e, GN_FORMAT, "its messages go round in a circle");
    int64_t at = i >= 0 ? t->turn[i] : -1;
    while (n-- > 0) {
        const gn_value *message = t->list->list.item[way[n]];
        if (gn_slice_is(gn_value_text(gn_value_get(message, GN_S("type"))), "root"))
            at = -1;
        else if (!say(t->had, message, at, &at, e))
            return gn_context(e, "message %lld", (long long)way[n] + 1);
        t->turn[way[n]] = at;
    }
    return true;
}

static bool with_parents(gn_had *h, const gn_value *list, const gn_value *head, gn_error *e) {
    tree t = {.had = h, .list = list};
    const int64_t n = (int64_t)list->list.count;
    int64_t *way = malloc((size_t)(n + 1) * sizeof *way), newest = -1;
    t.turn = malloc((size_t)(n + 1) * sizeof *t.turn);
    bool ok = (way && t.turn) || no_memory(e);
    for (int64_t i = 0; ok && i < n; i++) {
        const gn_slice id = key_of(&t, gn_value_get(list->list.item[i], GN_S("id")));
        t.turn[i] = NOT_YET;
        ok = id.len == 0 || gn_map_set(&t.by_id, id, i) || no_memory(e);
    }
    for (int64_t i = 0; ok && i < n; i++) {
        ok = place(&t, i, way, e);
        newest = ok && t.turn[i] >= 0 ? t.turn[i] : newest;
    }
    if (ok) {
        int64_t at = -1;
        const gn_slice id = key_of(&t, head);
        h->turns.head = id.len && gn_map_get(&t.by_id, id, &at) ? t.turn[at] : newest;
    }
    free(way);
    free(t.turn);
    gn_map_release(&t.by_id);
    gn_arena_release(&t.arena);
    return ok;
}

static bool of_llama(reader *r, const gn_value *conv, const gn_value *list, gn_error *e) {
    gn_had *h = gn_hads_add(r->out, e);
    if (!h)
        return false;
    r->out->from = "llama.cpp";
    facts(h, conv);
    return with_parents(h, list, gn_value_get(conv, GN_S("currNode")), e);
}

/* ---- what a value is ------------------------------------------------------------------ */

static bool is_message(const gn_value *v) {
    return gn_value_is(v, GN_MAP) && first_of(v, "role", "from", NULL) != NULL;
}

static bool has_parents(const gn_value *list) {
    const gn_value *one = gn_value_at(list, 0);
    return gn_value_get(one, GN_S("parent")) && gn_value_get(one, GN_S("id"));
}

static bool read_value(reader *r, const gn_value *v, int depth, gn_error *e) {
    const gn_value *messages = gn_value_get(v, GN_S("messages"));
    const gn_value *more = first_of(v, "conversations", "history", NULL);
    const gn_value *conv = gn_value_get(v, GN_S("conv"));
    if (gn_value_is(messages, GN_LIST) && (conv || has_parents(messages)))
        return of_llama(r, conv ? conv : v, messages, e);
    if (gn_value_is(messages, GN_LIST))
        return in_a_row(r, v, messages, e);
    if (gn_value_is(more, GN_LIST) && is_message(gn_value_at(more, 0)))
        return in_a_row(r, v, more, e);
    if (gn_value_is(more, GN_LIST) && depth < 2)
        return read_value(r, more, depth + 1, e);
    if (gn_value_is(v, GN_LIST) && is_message(gn_value_at(v, 0)))
        return in_a_row(r, NULL, v, e);
    if (gn_value_is(v, GN_LIST) && depth < 2) {
        for (size_t i = 0; i < v->list.count; i++)
            if (!read_value(r, v->list.item[i], depth + 1, e))
                return gn_context(e, "conversation %zu", i + 1);
        return true;
    }
    return gn_fail(e, GN_FORMAT,
                   "no conversation: want {\"messages\": [...]}, a list of messages, or a list of "
                   "conversations");
}

/* ---- JSON Lines ------------------------------------------------------------------------- */

/* Message lines of one conversation, until something else comes. */
typedef struct pile {
    gn_arena arena;
    gn_value *conv, *list;
    bool llama;
} pile;

static bool flush(reader *r, pile *p, gn_error *e) {
    bool ok = true;
    if (p->list && p->list->list.count)
        ok = p->llama ? of_llama(r, p->conv, p->list, e) : in_a_row(r, p->conv, p->list, e);
    gn_arena_release(&p->arena);
    *p = (pile){0};
    return ok;
}

static bool read_line(reader *r, pile *p, gn_slice line, gn_error *e) {
    gn_value *v = gn_json_parse(&p->arena, line, e);
    if (!v)
        return false;
    const gn_slice type = gn_value_text(gn_value_get(v, GN_S("type")));
    gn_value *message = gn_value_get(v, GN_S("message"));
    const bool session = gn_slice_is(type, "session");
    if (session || !(is_message(v) || is_message(message))) {
        if (!flush(r, p, e) || !(v = gn_json_parse(&p->arena, line, e)))
            return false;
        if (!session)
            return read_value(r, v, 1, e);
        p->conv = v;
        p->llama = true;
    }
    if (!p->list)
        p->list = gn_value_list(&p->arena);
    if (session)
        return p->list || no_memory(e);
    return (p->list && gn_value_add(&p->arena, p->list, message ? message : v)) || no_memory(e);
}

static bool read_lines(reader *r, gn_slice text, gn_error *e) {
    pile p = {0};
    bool ok = true;
    for (int number = 1; ok && text.len; number++) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t n = end ? (size_t)(end - text.data) : text.len;
        const gn_slice line = gn_text_strip((gn_slice){text.data, n}, true, true);
        ok = line.len == 0 || read_line(r, &p, line, e) || gn_context(e, "line %d", number);
        text = gn_slice_from(text, n + 1);
    }
    ok = ok && flush(r, &p, e);
    gn_arena_release(&p.arena);
    return ok;
}

/* Is the first line that says something JSON of its own? */
static bool has_lines(gn_slice text) {
    gn_arena a = {0};
    gn_error none = {0};
    text = gn_text_strip(text, true, true);
    const char *end = memchr(text.data, '\n', text.len);
    const bool yes =
        end && gn_json_parse(&a, (gn_slice){text.data, (size_t)(end - text.data)}, &none);
    gn_arena_release(&a);
    return yes;
}

bool gn_import_json(gn_slice text, gn_hads *out, bool *own, gn_error *e) {
    gn_arena a = {0};
    reader r = {.out = out};
    out->from = "chat";
    *own = false;
    if (gn_slice_starts(text, GN_S("\xef\xbb\xbf")))
        text = gn_slice_from(text, 3);
    bool ok;
    if (has_lines(text))
        ok = read_lines(&r, text, e);
    else {
        const gn_value *v = gn_json_parse(&a, text, e);
        ok = v != NULL;
        *own = gn_slice_is(gn_value_text(gn_value_get(v, GN_S("schema"))), "gneiss.session/1") &&
               gn_value_get(v, GN_S("nodes"));
        ok = ok && (*own || read_value(&r, v, 0, e));
    }
    gn_arena_release(&a);
    return ok;
}
