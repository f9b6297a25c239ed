/* prompt.c - see prompt.h. */
#include "app/cli/prompt.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool gn_parse_ids(gn_slice text, gn_ids *out, gn_error *e) {
    while (text.len > 0) {
        size_t skip = 0, n = 0;
        while (skip < text.len && strchr(" ,\t\r\n[]", text.data[skip]))
            skip++;
        text = gn_slice_from(text, skip);
        while (n < text.len && !strchr(" ,\t\r\n[]", text.data[n]))
            n++;
        int64_t id;
        if (n == 0)
            break;
        if (!gn_parse_integer((gn_slice){text.data, n}, &id) || id < 0 || id > INT32_MAX)
            return gn_fail(e, GN_INVALID, "'%.*s' is no token id", (int)(n > 40 ? 40 : n),
                           text.data);
        if (!gn_ids_add(out, (int32_t)id))
            return gn_fail(e, GN_NO_MEMORY, "out of memory");
        text = gn_slice_from(text, n);
    }
    return true;
}

/* Standard input is something to read: a pipe or a file, not a terminal or nothing at all. */
static bool input_waits(void) {
    struct stat st;
    return !isatty(0) && fstat(0, &st) == 0 &&
           (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode));
}

static bool add_part(gn_str *out, gn_slice part) {
    if (part.len == 0)
        return true;
    if (out->len > 0)
        gn_str_puts(out, gn_slice_ends(gn_str_slice(out), GN_S("\n")) ? "\n" : "\n\n");
    gn_str_add(out, part);
    return true;
}

static bool add_file(gn_str *out, const char *path, gn_error *e) {
    gn_str text = {0};
    const bool ok = gn_file_read(&text, path, 0, e) && add_part(out, gn_str_slice(&text));
    gn_str_release(&text);
    return ok;
}

bool gn_prompt_text(const gn_args *a, int first, const char *files, gn_str *out, gn_error *e) {
    bool named = false;
    for (int i = first; i < gn_args_count(a); i++) {
        gn_str_puts(out, i > first ? " " : "");
        gn_str_puts(out, gn_args_at(a, i));
    }
    const char *path;
    for (int i = 0; (path = gn_args_nth(a, files, i)); i++) {
        named |= strcmp(path, "-") == 0;
        if (!add_file(out, path, e))
            return false;
    }
    if (!named && input_waits() && !add_file(out, "-", e))
        return false;
    return gn_str_ok(out, e);
}

static gn_value *read_value(gn_arena *a, const char *path, gn_error *e) {
    gn_str text = {0};
    gn_value *v = gn_file_read(&text, path, 0, e) ? gn_json_parse(a, gn_str_slice(&text), e) : NULL;
    gn_str_release(&text);
    if (!v) {
        gn_context(e, "%s", path);
        gn_where(e, "%s", path);
    }
    return v;
}

static gn_value *no_memory(gn_error *e) {
    gn_fail(e, GN_NO_MEMORY, "out of memory");
    return NULL;
}

gn_value *gn_chat_vars_of(gn_arena *a, gn_value *v, gn_error *e) {
    if (gn_value_is(v, GN_LIST)) {
        gn_value *vars = gn_value_map(a);
        return gn_value_set(a, vars, GN_S("messages"), v) ? vars : no_memory(e);
    }
    if (gn_value_is(v, GN_MAP) && gn_value_is(gn_value_get(v, GN_S("messages")), GN_LIST))
        return v;
    gn_fail(e, GN_INVALID, "want a list of messages, or an object with the key 'messages'");
    return NULL;
}

gn_value *gn_chat_vars(gn_arena *a, const char *messages, const char *tools, const char *documents,
                       gn_error *e) {
    gn_value *v = read_value(a, messages, e), *vars = v ? gn_chat_vars_of(a, v, e) : NULL;
    if (v && !vars) {
        gn_context(e, "%s", messages);
        gn_where(e, "%s", messages);
    }
    const char *const path[] = {tools, documents};
    static const char *const key[] = {"tools", "documents"};
    for (int i = 0; vars && i < 2; i++) {
        gn_value *more = path[i] ? read_value(a, path[i], e) : NULL;
        if (path[i] && !more)
            return NULL;
        if (more && !gn_value_set(a, vars, gn_slice_of(key[i]), more))
            return no_memory(e);
    }
    return vars;
}

static bool add_message(gn_arena *a, gn_value *list, const char *role, gn_slice content) {
    gn_value *m = gn_value_map(a);
    return gn_value_set(a, m, GN_S("role"), gn_value_string(a, gn_slice_of(role))) &&
           gn_value_set(a, m, GN_S("content"), gn_value_string(a, content)) &&
           gn_value_add(a, list, m);
}

gn_value *gn_chat_vars_text(gn_arena *a, gn_slice system, gn_slice user, gn_error *e) {
    gn_value *vars = gn_value_map(a), *list = gn_value_list(a);
    if ((system.len && !add_message(a, list, "system", system)) ||
        !add_message(a, list, "user", user) || !gn_value_set(a, vars, GN_S("messages"), list))
        return no_memory(e);
    return vars;
}
