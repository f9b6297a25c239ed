/* system.c - -p NAME: the system prompt from prompts/NAME.txt in the configuration folder.
 *
 * The file, less one final newline, is a template that knows `date` (2026-11-24) and
 * `model` (its name). What it gives becomes the setting `system`, where everybody looks.
 */
#include "app/command.h"

/* Which of the two was asked for nearer by: false: `system`, or none. */
static bool wants_file(const gn_settings *s, bool *both) {
    const char *name = gn_settings_text(s, "prompt"), *text = gn_settings_text(s, "system");
    const gn_source of_name = gn_settings_source(s, "prompt"),
                    of_text = gn_settings_source(s, "system");
    *both = name && text && of_name == GN_SOURCE_FLAG && of_text == GN_SOURCE_FLAG;
    return name && name[0] && (!text || of_name > of_text);
}

static bool read_file(const char *name, gn_str *out, gn_error *e) {
    gn_str path = {0};
    bool ok = gn_path_user(&path, GN_DIR_CONFIG, e);
    if (ok && (strchr(name, '/') || name[0] == '.'))
        ok = gn_fail(e, GN_INVALID, "a prompt is named without its folder, not '%.60s'", name);
    if (ok) {
        gn_str_fmt(&path, "/prompts/%s.txt", name);
        ok = gn_str_ok(&path, e);
    }
    if (ok && !gn_path_exists(gn_str_text(&path)))
        ok = gn_fail(e, GN_INVALID, "there is no prompt '%.60s': want a file '%.300s'", name,
                     gn_str_text(&path));
    ok = ok && gn_file_read(out, gn_str_text(&path), 16 << 20, e);
    gn_str_release(&path);
    if (ok && out->len > 0 && out->data[out->len - 1] == '\n')
        gn_str_cut(out, out->len - 1);
    return ok;
}

static bool render(gn_slice source, const char *model, gn_str *out, gn_error *e) {
    char date[16];
    gn_arena arena = {0};
    gn_slice name = gn_path_name(gn_slice_of(model));
    if (gn_slice_ends(name, GN_S(".gguf")))
        name.len -= strlen(".gguf");
    gn_value *vars = gn_value_map(&arena);
    gn_template *t = gn_template_new(source, GN_TEMPLATE_CHAT, e);
    bool ok = t != NULL;
    if (ok &&
        (gn_local_time(date, sizeof date, "%Y-%m-%d") == 0 ||
         !gn_value_set(&arena, vars, GN_S("date"), gn_value_string(&arena, gn_slice_of(date))) ||
         !gn_value_set(&arena, vars, GN_S("model"), gn_value_string(&arena, name))))
        ok = gn_fail(e, GN_NO_MEMORY, "out of memory");
    ok = ok && gn_template_render(t, vars, out, e) && gn_str_ok(out, e);
    gn_template_free(t);
    gn_arena_release(&arena);
    return ok;
}

bool gn_settings_use_prompt(gn_settings *s, const char *model, gn_error *e) {
    bool both;
    const bool wanted = wants_file(s, &both);
    if (both) {
        gn_fail(e, GN_INVALID, "a system prompt is given twice: -s TEXT and -p NAME");
        return gn_where(e, "--prompt");
    }
    if (!wanted)
        return true;
    const char *name = gn_settings_text(s, "prompt");
    gn_str source = {0}, text = {0};
    bool ok = read_file(name, &source, e);
    if (ok && !render(gn_str_slice(&source), model, &text, e))
        ok = gn_context(e, "prompt '%.60s'", name);
    ok = ok && gn_settings_set(s, GN_S("system"), gn_str_slice(&text),
                               gn_settings_source(s, "prompt"), NULL, e);
    if (!ok)
        gn_where(e, "--prompt");
    gn_str_release(&source);
    gn_str_release(&text);
    return ok;
}
