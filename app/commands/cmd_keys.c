/* cmd_keys.c - gneiss keys: which key asks for what, the keys file counted in. */
#include "app/cli/command.h"
#include "app/tui/view.h"

static int run(const gn_args *a, gn_error *e) {
    gn_keymap m = {0};
    gn_str text = {0};
    bool ok = gn_keymap_init(&m, e) && gn_keymap_load(&m, NULL, e);
    if (ok && gn_args_flag(a, "json"))
        for (size_t i = 0; i < m.count; i++) {
            const gn_binding *b = &m.binding[i];
            gn_str key = {0};
            gn_key_name(b->key[0], &key);
            if (b->key[1].code) {
                gn_str_putc(&key, ' ');
                gn_key_name(b->key[1], &key);
            }
            gn_str_puts(&text, i ? "" : "{\"schema\":\"gneiss.keys/1\"}\n");
            gn_str_fmt(&text, "{\"view\":\"%s\",\"key\":", b->view);
            gn_json_write_string(&text, gn_str_slice(&key));
            gn_str_puts(&text, ",\"request\":");
            gn_json_write_string(
                &text, gn_slice_of(b->argument ? b->argument : gn_request_name(b->request)));
            gn_str_puts(&text, "}\n");
            gn_str_release(&key);
        }
    else if (ok)
        gn_keymap_text(&m, &text);
    ok = ok && gn_str_ok(&text, e);
    if (ok)
        fputs(gn_str_text(&text), stdout);
    gn_str_release(&text);
    gn_keymap_release(&m);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_keys = {
    .name = "keys",
    .usage = "",
    .summary = "print the keys of the screen",
    .about =
        "The file $XDG_CONFIG_HOME/gneiss/keys changes them, a line each:\n"
        "  bind VIEW KEY... REQUEST     unbind VIEW KEY...\n"
        "VIEW: write, read, chat, help. KEY: a character, Enter, Esc, Up, F1, ... with Ctrl+,\n"
        "Alt+, Shift+ before it; two KEYs are a sequence. REQUEST: of the first column, or a\n"
        "slash command. bind read x undo",
    .run = run,
};
