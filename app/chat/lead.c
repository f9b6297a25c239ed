/* lead.c - see lead.h. */
#include "app/chat/lead.h"

/* ---- tools -------------------------------------------------------------- */

static gn_slice name_of(const gn_value *tool) {
    const gn_value *f = gn_value_get(tool, GN_S("function"));
    return gn_value_text(gn_value_get(gn_value_is(f, GN_MAP) ? f : tool, GN_S("name")));
}

static bool check_tool(const gn_value *tool, int number, gn_error *e) {
    if (!gn_value_is(tool, GN_MAP))
        return gn_fail(e, GN_INVALID, "definition %d is of the kind %s; want an object with a name",
                       number, tool ? gn_kind_name(tool->kind) : "nothing");
    const gn_value *f = gn_value_get(tool, GN_S("function"));
    const gn_value *p = gn_value_get(gn_value_is(f, GN_MAP) ? f : tool, GN_S("parameters"));
    if (name_of(tool).len == 0)
        return gn_fail(e, GN_INVALID,
                       "definition %d has no name: want {\"name\": ..., \"description\": ..., "
                       "\"parameters\": {...}}, or that as \"function\"",
                       number);
    if (p && !gn_value_is(p, GN_MAP))
        return gn_fail(e, GN_INVALID, "the parameters of '%.*s' are a %s; want an object",
                       name_of(tool).len > 40 ? 40 : (int)name_of(tool).len, name_of(tool).data,
                       gn_kind_name(p->kind));
    return true;
}

/* The line where definition `number` begins, in a text that is known to be JSON. */
static int line_of(gn_slice json, int depth_of_list, int number) {
    int line = 1, depth = 0, seen = 0;
    bool within = false;
    const ptrdiff_t key = depth_of_list == 2 ? gn_slice_find(json, GN_S("\"tools\"")) : 0;
    for (size_t i = 0; i < json.len; i++) {
        const char c = json.data[i];
        if (i < (size_t)key) { /* what stands before the list is another matter */
            line += c == '\n';
            depth = 1;
            continue;
        }
        line += c == '\n';
        if (within) {
            i += c == '\\';
            within = c != '"';
        } else if (c == '"')
            within = true;
        else if (c == '[' || c == '{') {
            if (depth++ == depth_of_list && ++seen == number)
                return line;
        } else
            depth -= c == ']' || c == '}';
    }
    return 1;
}

bool gn_lead_tools(gn_slice json, gn_str *out, int *n, gn_error *e) {
    gn_arena a = {0};
    const gn_value *v = gn_json_parse(&a, json, e), *list = v;
    bool ok = v != NULL;
    *n = 0;
    if (ok && gn_value_is(gn_value_get(v, GN_S("tools")), GN_LIST))
        list = gn_value_get(v, GN_S("tools"));
    const bool one = gn_value_is(list, GN_MAP);
    if (ok && !one && !gn_value_is(list, GN_LIST))
        ok = gn_fail(e, GN_INVALID, "want a list of tool definitions, not a %s",
                     gn_kind_name(list->kind));
    const int count = one ? 1 : (int)gn_value_count(list);
    if (ok && count == 0)
        ok = gn_fail(e, GN_INVALID, "the list of tool definitions is empty");
    for (int i = 0; ok && i < count; i++) {
        const gn_value *tool = one ? list : gn_value_at(list, (size_t)i);
        ok = check_tool(tool, i + 1, e) || gn_context(e, "line %d",
                                                      line_of(json,
                                                              one         ? 0
                                                              : list == v ? 1
                                                                          : 2,
                                                              i + 1));
        gn_str_puts(out, ok && i ? "\n" : "");
        if (ok)
            gn_json_write(out, tool);
    }
    *n = count;
    gn_arena_release(&a);
    return ok && gn_str_ok(out, e);
}

static gn_slice next_line(gn_slice *text) {
    const char *end = memchr(text->data, '\n', text->len);
    const gn_slice line = {text->data, end ? (size_t)(end - text->data) : text->len};
    *text = gn_slice_from(*text, line.len + 1);
    return line;
}

void gn_lead_tool_names(gn_slice text, gn_str *out) {
    for (bool first = true; text.len > 0; first = false) {
        gn_arena a = {0};
        gn_error e = {0};
        const gn_value *tool = gn_json_parse(&a, next_line(&text), &e);
        gn_str_puts(out, first ? "" : ", ");
        gn_str_add(out, name_of(tool));
        gn_arena_release(&a);
    }
}

/* ---- documents ---------------------------------------------------------- */

void gn_lead_document(gn_slice title, gn_slice text, gn_str *out) {
    const size_t first = out->len;
    gn_str_add(out, title);
    for (size_t i = first; i < out->len; i++)
        out->data[i] = out->data[i] == '\n' ? ' ' : out->data[i];
    gn_str_putc(out, '\n');
    gn_str_add(out, text);
}

/* ---- to the template ---------------------------------------------------- */

static gn_value *list_of(gn_arena *a, gn_value *vars, gn_slice key) {
    gn_value *list = gn_value_get(vars, key);
    if (gn_value_is(list, GN_LIST))
        return list;
    list = gn_value_list(a);
    return gn_value_set(a, vars, key, list) ? list : NULL;
}

bool gn_lead_apply(gn_arena *a, gn_value *vars, gn_role role, gn_slice text, gn_error *e) {
    const bool tools = role == GN_ROLE_TOOLS;
    gn_value *list = list_of(a, vars, tools ? GN_S("tools") : GN_S("documents"));
    bool ok = list != NULL;
    if (tools)
        while (ok && text.len > 0) {
            gn_value *tool = gn_json_parse(a, next_line(&text), e);
            if (!tool)
                return gn_context(e, "tools");
            ok = gn_value_add(a, list, tool);
        }
    else if (ok) { /* the keys that Granite's own documentation gives a document */
        gn_value *d = gn_value_map(a);
        const gn_slice title = next_line(&text);
        ok = gn_value_set(a, d, GN_S("doc_id"),
                          gn_value_integer(a, (int64_t)gn_value_count(list) + 1)) &&
             gn_value_set(a, d, GN_S("title"), gn_value_borrow(a, title)) &&
             gn_value_set(a, d, GN_S("text"), gn_value_borrow(a, text)) &&
             gn_value_set(a, d, GN_S("source"), gn_value_borrow(a, (gn_slice){"", 0})) &&
             gn_value_add(a, list, d);
    }
    return ok || gn_fail(e, GN_NO_MEMORY, "conversation: out of memory");
}

/* ---- the template's own system prompt ------------------------------------ */

static bool render(gn_engine *g, const char *system, const char *user, gn_str *out) {
    gn_arena a = {0};
    gn_error e = {0};
    gn_value *vars = gn_value_map(&a), *list = gn_value_list(&a);
    bool ok = gn_value_set(&a, vars, GN_S("messages"), list);
    for (int i = system ? 0 : 1; ok && i < 2; i++) {
        gn_value *m = gn_value_map(&a);
        ok = gn_value_set(&a, m, GN_S("role"),
                          gn_value_borrow(&a, i ? GN_S("user") : GN_S("system"))) &&
             gn_value_set(&a, m, GN_S("content"),
                          gn_value_borrow(&a, gn_slice_of(i ? user : system))) &&
             gn_value_add(&a, list, m);
    }
    ok = ok && gn_chat_render(g, vars, true, out, &e) && !out->failed;
    gn_arena_release(&a);
    return ok;
}

/* Rendered with a system prompt we know, what stands before and after it is known; between the
 * same two without one stands the template's own. */
void gn_preset(gn_engine *g, gn_str *out) {
    static const char system[] = "system-4f1c", user[] = "user-9a27";
    gn_str with = {0}, without = {0};
    if (render(g, system, user, &with) && render(g, NULL, user, &without)) {
        const gn_slice a = gn_str_slice(&with), b = gn_str_slice(&without);
        const ptrdiff_t at = gn_slice_find(a, gn_slice_of(system)),
                        said = gn_slice_find(a, gn_slice_of(user)),
                        end = gn_slice_find(b, gn_slice_of(user));
        if (at >= 0 && said > at && end >= 0) {
            const gn_slice before = {a.data, (size_t)at},
                           after = {a.data + at + strlen(system),
                                    (size_t)(said - at) - strlen(system)},
                           head = {b.data, (size_t)end};
            if (head.len > before.len + after.len && gn_slice_starts(head, before) &&
                gn_slice_ends(head, after))
                gn_str_add(out,
                           (gn_slice){head.data + before.len, head.len - before.len - after.len});
        }
    }
    gn_str_release(&with);
    gn_str_release(&without);
}
