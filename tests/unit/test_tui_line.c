/* test_tui_line.c - keys as bytes, the line they edit, and the table that binds them. */
/* floor: gn_app */
#include "app/cli/settings.h"
#include "app/term/keymap.h"
#include "app/term/line.h"
#include "tests/check.h"

#include <locale.h>

static const char *line_text(void) {
    static char text[512];
    const gn_slice s = gn_line_text();
    snprintf(text, sizeof text, "%.*s", (int)s.len, s.data);
    return text;
}

static void begin(void) {
    gn_error e = {0};
    setenv("INPUTRC", "/dev/null", 1);
    setenv("TERM", "xterm", 1);
    setlocale(LC_CTYPE, "C.UTF-8");
    CHECK(gn_line_open(&e));
}

static void keys(const char *bytes) { gn_line_type(gn_slice_of(bytes)); }

TEST(letters_with_marks_are_deleted_whole) {
    begin();
    keys("ae\u0301\u4e16");
    CHECK_TEXT(line_text(), "ae\u0301\u4e16");
    keys("\x7f");
    CHECK_TEXT(line_text(), "ae\u0301");
    keys("\x7f");
    CHECK_TEXT(line_text(), "a");
    keys("\U0001F469\u200D\U0001F680"
         "b\x1b[D\x1b[D");
    CHECK(gn_line_point() == 1);
    keys("\x1b[3~");
    CHECK_TEXT(line_text(), "ab");
    gn_line_close();
}

TEST(readline_still_knows_its_keys) {
    begin();
    keys("one two three\x17");
    CHECK_TEXT(line_text(), "one two ");
    keys("\x19\x19");
    CHECK_TEXT(line_text(), "one two threethree");
    keys("\x01X\x05Y");
    CHECK_TEXT(line_text(), "Xone two threethreeY");
    keys("\x1f\x1f");
    CHECK_TEXT(line_text(), "one two threethree");
    keys("\x05\x15");
    CHECK_TEXT(line_text(), "");
    gn_line_close();
}

TEST(several_lines_are_one_text) {
    gn_str taken = {0};
    begin();
    keys("first");
    gn_line_insert(GN_S("\n"));
    keys("second");
    gn_line_up();
    CHECK(gn_line_point() == 5);
    keys("\x01>");
    gn_line_down();
    CHECK(gn_line_point() == strlen(">first\n") + 1);
    keys("\x05!");
    CHECK_TEXT(line_text(), ">first\nsecond!");
    gn_line_accept();
    CHECK(gn_line_taken(&taken));
    CHECK_TEXT(gn_str_text(&taken), ">first\nsecond!");
    CHECK(!gn_line_taken(&taken) && gn_line_text().len == 0);
    gn_str_release(&taken);
    gn_line_close();
}

TEST(history_is_walked_and_searched) {
    begin();
    gn_line_remember(GN_S("alpha"));
    gn_line_remember(GN_S("beta"));
    gn_line_remember(GN_S("beta"));
    gn_line_up();
    CHECK_TEXT(line_text(), "beta");
    gn_line_up();
    CHECK_TEXT(line_text(), "alpha");
    gn_line_down();
    gn_line_down();
    CHECK_TEXT(line_text(), "");
    keys("\x12lph");
    CHECK(gn_line_prompt() && strstr(gn_line_prompt(), "lph"));
    CHECK_TEXT(line_text(), "alpha");
    keys("\x07");
    CHECK(!gn_line_prompt());
    CHECK_TEXT(line_text(), "");
    gn_line_close();
}

TEST(many_pasted_lines_take_a_moment) {
    gn_str text = {0};
    begin();
    for (int i = 0; i < 5000; i++)
        gn_str_fmt(&text, "pasted line %d\n", i);
    gn_line_insert(gn_str_slice(&text));
    CHECK(gn_slice_equal(gn_line_text(), gn_str_slice(&text)));
    gn_str_release(&text);
    gn_line_close();
}

/* ---- keys --------------------------------------------------------------- */

TEST(names_and_bytes_of_keys_are_the_same_keys) {
    static const char *const name[] = {
        "a",     "Z",         "\u00e9",    "Enter",     "Esc",           "Tab",    "Space",
        "Up",    "Ctrl+Left", "Alt+Up",    "Shift+Up",  "PgDn",          "Del",    "F1",
        "F5",    "F12",       "Ctrl+R",    "Alt+x",     "BackSpace",     "Ctrl+_", "Ctrl+Space",
        "Alt+R", "Alt+Enter", "Ctrl+Home", "Shift+Tab", "Ctrl+Alt+Right"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        gn_key key;
        gn_input in = {0};
        gn_input_event ev;
        gn_str bytes = {0}, back = {0};
        if (!CHECK(gn_key_parse(gn_slice_of(name[i]), &key)))
            printf("  %s\n", name[i]);
        gn_key_bytes(key, &bytes);
        gn_input_feed(&in, bytes.data, bytes.len, 1);
        if (!CHECK(gn_input_next(&in, 2, &ev) && gn_key_equal(ev.key, key)))
            printf("  %s\n", name[i]);
        CHECK(ev.bytes.len == bytes.len && !gn_input_next(&in, 2, &ev));
        gn_key_name(key, &back);
        CHECK_TEXT(gn_str_text(&back), name[i]);
        gn_str_release(&bytes);
        gn_str_release(&back);
        gn_input_release(&in);
    }
    gn_key key;
    CHECK(!gn_key_parse(GN_S("Ctrl+"), &key) && !gn_key_parse(GN_S("F13"), &key) &&
          !gn_key_parse(GN_S("Up2"), &key) && !gn_key_parse(GN_S("Shift+a"), &key));
}

TEST(escape_alone_waits_and_a_cut_sequence_is_awaited) {
    gn_input in = {0};
    gn_input_event ev;
    gn_input_feed(&in, "\x1b", 1, 10);
    CHECK(!gn_input_next(&in, 10.01, &ev) && gn_input_wait(&in, 10.01) > 0.01);
    CHECK(gn_input_next(&in, 10.03, &ev) && ev.key.code == GN_KEY_ESC && ev.key.mods == 0);
    gn_input_feed(&in, "\x1b[", 2, 11);
    CHECK(!gn_input_next(&in, 11, &ev));
    gn_input_feed(&in, "1;5", 3, 11.01);
    CHECK(!gn_input_next(&in, 11.01, &ev));
    gn_input_feed(&in, "Cx", 2, 11.02);
    CHECK(gn_input_next(&in, 11.02, &ev) && ev.key.code == GN_KEY_RIGHT && ev.key.mods == GN_CTRL);
    CHECK(gn_input_next(&in, 11.02, &ev) && ev.key.code == 'x');
    gn_input_feed(&in, "\xe4\xb8", 2, 12);
    CHECK(!gn_input_next(&in, 12, &ev));
    gn_input_feed(&in, "\x96", 1, 12.01);
    CHECK(gn_input_next(&in, 12.01, &ev) && ev.key.code == 0x4e16);
    gn_input_feed(&in, "\x1b[<64;3;4M", 10, 13);
    CHECK(gn_input_next(&in, 13, &ev) && ev.kind == GN_INPUT_WHEEL && ev.wheel == -3);
    gn_input_feed(&in, "\x1b\x1bx", 3, 14);
    CHECK(gn_input_next(&in, 14, &ev) && ev.key.code == GN_KEY_ESC);
    CHECK(gn_input_next(&in, 14, &ev) && ev.key.code == 'x' && ev.key.mods == GN_ALT);
    gn_input_release(&in);
}

TEST(a_paste_is_one_event_however_it_is_cut) {
    const char bytes[] = "\x1b[200~line \x1b[1m one\rline two\x1b[201~x";
    for (size_t cut = 1; cut < sizeof bytes - 1; cut++) {
        gn_input in = {0};
        gn_input_event ev = {0};
        int pastes = 0, letters = 0;
        gn_input_feed(&in, bytes, cut, 1);
        while (gn_input_next(&in, 1.001, &ev))
            pastes += ev.kind == GN_INPUT_PASTE;
        gn_input_feed(&in, bytes + cut, sizeof bytes - 1 - cut, 1.002);
        while (gn_input_next(&in, 1.002, &ev)) {
            letters += ev.kind == GN_INPUT_KEY && ev.key.code == 'x';
            if (ev.kind == GN_INPUT_PASTE) {
                pastes++;
                CHECK(gn_slice_equal(ev.bytes, GN_S("line \x1b[1m one\rline two")));
            }
        }
        CHECK(pastes == 1 && letters == 1);
        gn_input_release(&in);
    }
}

TEST(speed_tells_a_paste_where_no_bracket_ever_came) {
    gn_input in = {0};
    gn_input_event ev;
    gn_input_feed(&in, "12345678", 8, 1);
    while (gn_input_next(&in, 1, &ev))
        CHECK(!ev.burst);
    gn_input_feed(&in, "9\r", 2, 1.01);
    while (gn_input_next(&in, 1.01, &ev))
        CHECK(ev.burst);
    gn_input_feed(&in, "\r", 1, 1.5);
    CHECK(gn_input_next(&in, 1.5, &ev) && !ev.burst);
    gn_input_feed(&in, "\x1b[200~x\x1b[201~1234567890\r", 24, 2);
    CHECK(gn_input_next(&in, 2, &ev) && ev.kind == GN_INPUT_PASTE);
    while (gn_input_next(&in, 2, &ev))
        CHECK(!ev.burst);
    gn_input_release(&in);
}

TEST(any_bytes_become_keys_and_come_to_an_end) {
    uint64_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        gn_input in = {0};
        gn_input_event ev;
        char bytes[64];
        const char *const common = "\x1b[O0;~<Mm200201\r\xe4\xff";
        const size_t n = gn_splitmix64(++seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = gn_splitmix64(++seed) % 2 ? common[gn_splitmix64(++seed) % 19]
                                                 : (char)gn_splitmix64(++seed);
        gn_input_feed(&in, bytes, n, 1);
        size_t events = 0, told = 0;
        while (gn_input_next(&in, 2, &ev) && ++events < 1000)
            told += ev.kind == GN_INPUT_KEY ? ev.bytes.len : 0;
        CHECK(events <= n && told <= n && (in.pasting || in.at == in.pending.len));
        gn_input_release(&in);
    }
}

TEST(a_keys_file_binds_and_unbinds) {
    gn_keymap m;
    gn_error e = {0};
    bool more;
    gn_key g[2], r;
    CHECK(gn_keymap_init(&m, &e));
    CHECK(gn_keymap_read(&m,
                         GN_S("# mine\nunbind read g\nbind read g g top\n"
                              "bind chat Ctrl+R regenerate\nbind write F9 /set temp 0.3\n"),
                         "keys", NULL, &e));
    gn_key_parse(GN_S("g"), &g[0]);
    g[1] = g[0];
    CHECK(!gn_keymap_find(&m, "read", g, 1, &more) && more);
    CHECK(gn_keymap_find(&m, "read", g, 2, &more)->request == GN_REQUEST_TOP);
    gn_key_parse(GN_S("Ctrl+R"), &r);
    CHECK(gn_keymap_find(&m, "chat", &r, 1, &more)->request == GN_REQUEST_REGENERATE);
    gn_key_parse(GN_S("F9"), &r);
    CHECK_TEXT(gn_keymap_find(&m, "write", &r, 1, &more)->argument, "/set temp 0.3");

    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"bnd read x undo", "k:1: want bind or unbind, not 'bnd'"},
        {"\nbind raed x undo",
         "k:2: there is no view 'raed'; did you mean 'read'? (there are write, read, chat, "
         "sessions, tokens, compare, eval, full, drop, help)"},
        {"bind read x udno",
         "k:1: 'udno' is no key and no request; did you mean 'undo'? (gneiss keys "
         "lists requests; keys are a character or Enter, Esc, Tab, Space, BackSpace, Del, Ins, Up, "
         "Down, Left, Right, Home, End, PgUp, PgDn, F1 to F12, with Ctrl+, Alt+, Shift+ before)"},
        {"bind read x", "k:1: want a request or a slash command after the key"},
        {"bind read n x next", "k:1: the first key of the sequence is itself bound: unbind it"},
        {"bind read g next", "k:1: the first key of the sequence is itself bound: unbind it"},
        {"unbind read F8", "k:1: that key is not bound there"},
        {"bind read Ctrl+ undo", "k:1: want a key such as Ctrl+R, not 'Ctrl+'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        e = (gn_error){0};
        CHECK(!gn_keymap_read(&m, gn_slice_of(wrong[i].text), "k", NULL, &e) &&
              e.code == GN_INVALID);
        CHECK_TEXT(e.message, wrong[i].message);
    }
    gn_keymap_release(&m);
}

/* A chat starts with the rest of the file, and tells what it left out. */
TEST(a_wrong_line_of_a_keys_file_may_be_forgiven) {
    gn_keymap m;
    gn_error e = {0};
    bool more;
    gn_key x;
    gn_settings *s = gn_settings_new(&e);
    gn_settings_forgive(s);
    CHECK(gn_keymap_init(&m, &e));
    CHECK(gn_keymap_read(&m, GN_S("bnd read x undo\nbind read x undo\nunbind read F8\n"), "k", s,
                         &e));
    CHECK_TEXT(gn_settings_complaints(s),
               "k:1: want bind or unbind, not 'bnd'\nk:3: that key is not bound there");
    gn_key_parse(GN_S("x"), &x);
    CHECK(gn_keymap_find(&m, "read", &x, 1, &more)->request == GN_REQUEST_UNDO);
    gn_keymap_release(&m);
    gn_settings_free(s);
}
