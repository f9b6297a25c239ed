/* script.c - see script.h. */
#include "app/tui/script.h"

#include "app/cli/shell.h"
#include "app/term/line.h"
#include "app/tui/script_talks.h"
#include "app/tui/script_tokens.h"
#include "app/tui/view.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN_TIME 0.020 /* seconds of the virtual clock */

/* ---- the model ---------------------------------------------------------- */

typedef struct fake {
    gn_worker worker;
    double now, next; /* next: when the next token is due */
    gn_str *reply;    /* to come, in order; one that begins with '!' is a failure */
    int n_reply, at_reply;
    gn_ids ids;    /* of what was said */
    gn_str saying; /* the rest of the reply that is being said */
    int64_t answer, tokens, used, read;
    size_t said; /* bytes */
    gn_sampling sampling;
    int top;
    int64_t context, begun;
    gn_vocabulary *vocabulary; /* every word of its replies */
    bool busy, stopped, fails, scores;
    gn_event *event[64];
    int n_event;
} fake;

static gn_event *tell(fake *f, gn_event_kind kind) {
    gn_event *ev = calloc(1, sizeof *ev);
    if (!ev || f->n_event == 64) {
        free(ev);
        return NULL;
    }
    ev->kind = kind;
    ev->answer = f->answer;
    f->event[f->n_event++] = ev;
    return ev;
}

/* A word is a token. */
static void hear(fake *f, const gn_ask *a) {
    gn_event *ev = tell(f, GN_EVENT_HEARD);
    if (!ev || !(ev->heard = calloc(a->n_said, sizeof *ev->heard)))
        return;
    for (; ev->n_heard < a->n_said; ev->n_heard++) {
        const gn_said *said = &a->said[ev->n_heard];
        ev->heard[ev->n_heard].id = said->id;
        gn_script_ids(f->vocabulary, gn_str_slice(&said->text), &ev->heard[ev->n_heard].ids);
    }
}

static bool fake_ask(gn_worker *w, gn_ask *a) {
    fake *f = (fake *)w;
    const gn_slice question = gn_str_slice(&a->said[a->n_said - 1].text);
    f->answer = a->answer;
    f->busy = true;
    f->stopped = false;
    f->tokens = 0;
    f->said = 0;
    f->sampling = a->sampling;
    f->top = a->top;
    f->read = 7;
    for (size_t i = 0; i < question.len; i++)
        f->read += question.data[i] == ' ';
    f->next = f->now + TOKEN_TIME;
    gn_str_cut(&f->saying, 0);
    f->scores = a->score;
    if (a->score) {
        f->next += 9 * TOKEN_TIME; /* a key may come before */
        gn_str_add(&f->saying, question);
        gn_ask_free(a);
        return true;
    }
    gn_str_puts(&f->saying, f->at_reply < f->n_reply ? gn_str_text(&f->reply[f->at_reply++])
                                                     : "!the script has no more replies");
    f->fails = f->saying.data[0] == '!';
    for (size_t i = 0; i < a->begin.count; i++)
        f->said += gn_vocabulary_bytes(f->vocabulary, a->begin.id[i]).len;
    f->begun = (int64_t)a->begin.count;
    f->ids.count = 0;
    gn_ids_append(&f->ids, a->begin.id, a->begin.count);
    f->read += f->begun;
    hear(f, a);
    gn_event *ev = tell(f, GN_EVENT_READING);
    if (ev) {
        ev->done = 0;
        ev->all = f->read;
    }
    if (a->prefix.len && (ev = tell(f, GN_EVENT_TEXT))) {
        gn_str_add(&ev->text, gn_str_slice(&a->prefix));
        f->said += a->prefix.len;
        gn_script_token(f->vocabulary, gn_str_slice(&a->prefix), f->said, &f->sampling, f->top,
                        &ev->made);
        f->begun++;
    }
    gn_ask_free(a);
    return true;
}

/* A word is a token. */
static bool fake_count(gn_worker *w, int64_t tag, gn_slice text) {
    fake *f = (fake *)w;
    gn_event *ev = tell(f, GN_EVENT_COUNTED);
    if (!ev)
        return false;
    ev->answer = tag;
    for (size_t i = 0; i < text.len; i++)
        ev->done += !strchr(" \t\n", text.data[i]) &&
                    (i + 1 == text.len || strchr(" \t\n", text.data[i + 1]));
    return true;
}

static gn_event *fake_next(gn_worker *w) {
    fake *f = (fake *)w;
    if (f->n_event == 0)
        return NULL;
    gn_event *first = f->event[0];
    memmove(f->event, f->event + 1, (size_t)--f->n_event * sizeof first);
    return first;
}

static void fake_stop(gn_worker *w, int64_t answer) {
    fake *f = (fake *)w;
    f->stopped = f->busy && answer == f->answer;
}

static void fake_choose(gn_worker *w, const gn_sampling *how) { ((fake *)w)->sampling = *how; }

static int fake_fd(gn_worker *w) {
    (void)w;
    return -1;
}

static void fake_close(gn_worker *w) {
    fake *f = (fake *)w;
    for (int i = 0; i < f->n_reply; i++)
        gn_str_release(&f->reply[i]);
    free(f->reply);
    gn_str_release(&f->saying);
    gn_ids_release(&f->ids);
    for (gn_event *ev; (ev = fake_next(w));)
        gn_event_free(ev);
}

static void finish(fake *f, gn_stop stop) {
    gn_event *ev = tell(f, GN_EVENT_DONE);
    if (ev)
        ev->answered = (gn_answered){.stop = stop,
                                     .reused = f->used,
                                     .read = f->read,
                                     .tokens = f->tokens,
                                     .begun = f->begun,
                                     .used = f->used + f->read + f->tokens,
                                     .prompt_s = 0.1,
                                     .first_s = 0.1 + TOKEN_TIME,
                                     .generate_s = TOKEN_TIME * (double)f->tokens,
                                     .states = 2,
                                     .state_bytes = 60 << 20,
                                     .kept_bytes = 120 << 20};
    if (ev) {
        ev->ids = f->ids;
        f->ids = (gn_ids){0};
    }
    f->used += f->read + f->tokens;
    f->busy = false;
}

/* The next word with the blanks before it, or what fails. */
static void say_word(fake *f) {
    gn_slice rest = gn_str_slice(&f->saying);
    if (f->scores && !f->stopped) { /* all of it at once */
        gn_event *ev = tell(f, GN_EVENT_SCORED);
        while (ev && rest.len) {
            const gn_slice word = gn_script_word(rest);
            f->said += word.len;
            gn_script_token(f->vocabulary, word, f->said, &f->sampling, f->top, &ev->made);
            rest = gn_slice_from(rest, word.len);
        }
        f->busy = false;
        return;
    }
    if (f->fails || (f->stopped && f->tokens == 0)) {
        gn_event *ev = tell(f, GN_EVENT_FAILED);
        if (ev && f->stopped)
            gn_fail(&ev->error, GN_CANCELLED, "stopped while reading");
        else if (ev)
            gn_fail(&ev->error, GN_INVALID, "%s", gn_str_text(&f->saying) + 1);
        f->busy = false;
        return;
    }
    if (f->stopped || rest.len == 0) {
        finish(f, f->stopped ? GN_STOP_INTERRUPTED : GN_STOP_EOS);
        return;
    }
    const size_t n = gn_script_word(rest).len;
    gn_event *ev = tell(f, GN_EVENT_TEXT);
    if (ev) {
        gn_str_add(&ev->text, (gn_slice){rest.data, n});
        gn_script_token(f->vocabulary, (gn_slice){rest.data, n}, f->said += n, &f->sampling, f->top,
                        &ev->made);
        gn_ids_append(&f->ids, ev->made.id, (size_t)ev->made.count);
        ev->done = ++f->tokens;
        ev->seconds = TOKEN_TIME * (double)f->tokens;
    }
    memmove(f->saying.data, f->saying.data + n, rest.len - n + 1);
    gn_str_cut(&f->saying, rest.len - n);
}

/* ---- the steps ---------------------------------------------------------- */

typedef struct script {
    gn_tui tui;
    gn_settings *settings;
    gn_input input;
    fake fake;
    bool started, opened;
    int rows, cols;
    bool unicode;
    gn_str clipboard, edited, preset;
    gn_script_talks talks;
    char resume[GN_ULID]; /* the conversation that the chat goes on with; "": none */
} script;

static bool keep_copy(gn_tui *t, gn_slice text, gn_str *how, gn_error *e) {
    script *s = t->user;
    (void)e;
    gn_str_cut(&s->clipboard, 0);
    gn_str_add(&s->clipboard, text);
    gn_str_puts(how, "the clipboard");
    return true;
}

static bool run_shell(gn_tui *t, const char *command, gn_str *out, int *status, gn_error *e) {
    (void)t;
    return gn_shell_run(command, out, status, e);
}

/* An editor that leaves what the script said. */
static bool edit(gn_tui *t, gn_str *text, gn_error *e) {
    script *s = t->user;
    (void)e;
    gn_str_cut(text, 0);
    gn_str_add(text, gn_str_slice(&s->edited));
    return true;
}

static void deliver(script *s) {
    gn_input_event ev;
    while (gn_input_next(&s->input, s->fake.now, &ev))
        gn_tui_input(&s->tui, &ev);
    gn_tui_events(&s->tui);
    gn_tui_draw(&s->tui);
}

static void pass(script *s, double seconds) {
    const double end = s->fake.now + seconds;
    while (s->fake.busy && s->fake.next <= end) {
        s->fake.now = s->fake.next;
        s->fake.next += TOKEN_TIME;
        say_word(&s->fake);
        deliver(s);
    }
    s->fake.now = end;
    s->tui.now = end;
    deliver(s);
}

/* The model in a folder named broken... cannot be opened, llama... has another vocabulary. */
static gn_worker *fake_reopen(void *user, const char *path, gn_error *e) {
    script *s = user;
    const gn_slice name = gn_path_name(gn_slice_of(path));
    (void)e;
    gn_event *ev =
        tell(&s->fake, gn_slice_starts(name, GN_S("broken")) ? GN_EVENT_FAILED : GN_EVENT_OPENED);
    if (ev) {
        ev->answer = -1;
        gn_str_add(&ev->text, name);
        ev->context = s->fake.context;
        ev->vocab = s->fake.vocabulary->count;
        ev->vocabulary = gn_vocabulary_copy(s->fake.vocabulary);
        if (gn_slice_starts(name, GN_S("llama")))
            gn_vocabulary_add(ev->vocabulary, GN_S("llama"), false);
        if (ev->kind == GN_EVENT_FAILED)
            gn_fail(&ev->error, GN_IO, "open '%.*s': broken", (int)name.len, name.data);
    }
    return &s->fake.worker;
}

static bool start(script *s, gn_error *e) {
    gn_view chat;
    char folder[128];
    if (s->started)
        return true;
    snprintf(folder, sizeof folder, "%s/state", s->talks.folder);
    const gn_chat_options o = {.seed = 1,
                               .history = s->talks.history,
                               .session = s->resume[0] ? s->resume : NULL,
                               .state_dir = folder,
                               .state_disk = 1 << 20,
                               .model = "toy",
                               .reopen = fake_reopen,
                               .opener = s};
    if (!gn_script_talk_end(&s->talks, false, e))
        return false;
    s->started = true;
    s->fake.worker = (gn_worker){.ask = fake_ask,
                                 .count = fake_count,
                                 .next = fake_next,
                                 .stop = fake_stop,
                                 .choose = fake_choose,
                                 .fd = fake_fd,
                                 .close = fake_close};
    s->fake.answer = -1;
    if (!gn_line_open(e) || !gn_tui_init(&s->tui, s->settings, &s->fake.worker, s->unicode, e) ||
        !gn_chat_view(&chat, &o, e) || !gn_tui_push(&s->tui, chat))
        return false;
    s->tui.user = s;
    s->tui.copy = keep_copy;
    s->tui.shell = run_shell;
    s->tui.edit = edit;
    s->tui.clock = s->talks.history ? GN_SCRIPT_CLOCK : 0;
    gn_canvas_resize(&s->tui.canvas, s->rows, s->cols);
    return true;
}

static void open_model(script *s, gn_slice name) {
    gn_event *ev = tell(&s->fake, GN_EVENT_OPENED);
    if (ev) {
        gn_str_add(&ev->text, name);
        gn_str_puts(&ev->about, "device      a script\n");
        ev->context = s->fake.context;
        ev->vocab = s->fake.vocabulary->count;
        ev->vocabulary = gn_vocabulary_copy(s->fake.vocabulary);
        ev->sampling.temp = 0.7f;
        gn_str_add(&ev->preset, gn_str_slice(&s->preset));
        if (s->talks.history)
            ev->origin = gn_script_origin();
    }
    s->opened = true;
    deliver(s);
}

static bool size_of(gn_slice text, int *rows, int *cols) {
    const ptrdiff_t x = gn_slice_find(text, GN_S("x"));
    int64_t w, h;
    if (x < 0 || !gn_parse_integer((gn_slice){text.data, (size_t)x}, &w) ||
        !gn_parse_integer(gn_slice_from(text, (size_t)x + 1), &h) || w < 1 || h < 1 || w > 1000 ||
        h > 1000)
        return false;
    *cols = (int)w;
    *rows = (int)h;
    return true;
}

static int hex(char c) {
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 32) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool unescape(gn_slice text, gn_str *out, gn_error *e) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\\' || i + 1 == text.len) {
            gn_str_putc(out, text.data[i]);
            continue;
        }
        const char c = text.data[++i];
        if (c == 'x' && i + 2 < text.len && hex(text.data[i + 1]) >= 0 &&
            hex(text.data[i + 2]) >= 0) {
            gn_str_putc(out, (char)(hex(text.data[i + 1]) * 16 + hex(text.data[i + 2])));
            i += 2;
        } else if (strchr("nte\\", c))
            gn_str_putc(out, c == 'n' ? '\n' : c == 't' ? '\t' : c == 'e' ? '\x1b' : '\\');
        else
            return gn_fail(e, GN_INVALID, "\\%c is no escape", c);
    }
    return gn_str_ok(out, e);
}

/* Typed this far apart nothing is a burst; after `wait` Esc alone is decided. */
static void press(script *s, gn_slice bytes, double wait) {
    pass(s, 0.003);
    gn_input_feed(&s->input, bytes.data, bytes.len, s->fake.now);
    pass(s, wait);
}

static bool press_keys(script *s, gn_slice names, gn_error *e) {
    while (names.len) {
        gn_slice word = {names.data, 0};
        while (word.len < names.len && names.data[word.len] != ' ')
            word.len++;
        names = gn_slice_from(names, word.len + 1);
        gn_key key;
        gn_str bytes = {0};
        if (!gn_key_parse(word, &key))
            return gn_fail(e, GN_INVALID, "'%.*s' is no key", (int)word.len, word.data);
        gn_key_bytes(key, &bytes);
        press(s, gn_str_slice(&bytes), 0.03);
        gn_str_release(&bytes);
    }
    return true;
}

static void type_text(script *s, gn_slice text) {
    for (size_t i = 0; i < text.len;) {
        int32_t cp;
        const size_t n = gn_utf8_next(text, i, &cp);
        press(s, (gn_slice){text.data + i, n}, 0.002);
        i += n;
    }
}

static void burst(script *s, gn_str *text, bool bracketed) {
    gn_str bytes = {0};
    for (size_t i = 0; i < text->len; i++)
        text->data[i] = text->data[i] == '\n' ? '\r' : text->data[i];
    gn_str_fmt(&bytes, "%s", bracketed ? "\x1b[200~" : "");
    gn_str_add(&bytes, gn_str_slice(text));
    gn_str_puts(&bytes, bracketed ? "\x1b[201~" : "");
    press(s, gn_str_slice(&bytes), 0.03);
    gn_str_release(&bytes);
}

static bool add_reply(script *s, gn_slice text, bool fails, gn_error *e) {
    gn_str *list = realloc(s->fake.reply, (size_t)(s->fake.n_reply + 1) * sizeof *list);
    if (!list)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    s->fake.reply = list;
    list[s->fake.n_reply] = (gn_str){0};
    gn_str_puts(&list[s->fake.n_reply], fails ? "!" : "");
    gn_str_add(&list[s->fake.n_reply++], text);
    return true;
}

static void write_screen(script *s, gn_str *out) {
    const gn_canvas *c = &s->tui.canvas;
    gn_tui_draw(&s->tui);
    for (int row = 0; row < c->rows; row++) {
        gn_canvas_row(c, row, out);
        gn_str_putc(out, '\n');
    }
    if (c->cursor)
        gn_str_fmt(out, "cursor %d %d\n", c->cursor_row, c->cursor_col);
    else
        gn_str_puts(out, "cursor off\n");
}

/* The view as it is in all sizes, where letters are UTF-8 and where they are not: one text. */
static bool save_views(script *s, const char *name, gn_script_save save, void *user, gn_error *e) {
    static const struct { int cols, rows; } size[] = {{80, 24}, {120, 40}, {60, 12}, {20, 5}};
    gn_str text = {0};
    for (int i = 0; i < 8; i++) {
        s->tui.canvas.unicode = i % 2 == 0;
        setlocale(LC_CTYPE, s->tui.canvas.unicode ? "C.UTF-8" : "C");
        gn_canvas_resize(&s->tui.canvas, size[i / 2].rows, size[i / 2].cols);
        gn_str_fmt(&text, "%dx%d %s\n", size[i / 2].cols, size[i / 2].rows, i % 2 ? "C" : "UTF-8");
        deliver(s);
        write_screen(s, &text);
    }
    s->tui.canvas.unicode = s->unicode;
    setlocale(LC_CTYPE, s->unicode ? "C.UTF-8" : "C");
    gn_canvas_resize(&s->tui.canvas, s->rows, s->cols);
    deliver(s);
    const bool ok = gn_str_ok(&text, e) && save(user, name, gn_str_slice(&text), e);
    gn_str_release(&text);
    return ok;
}

static bool save_screen(script *s, const char *name, gn_script_save save, void *user, gn_error *e) {
    gn_str text = {0};
    write_screen(s, &text);
    if (s->clipboard.len) {
        gn_str_puts(&text, "clipboard ");
        gn_json_write_string(&text, gn_str_slice(&s->clipboard));
        gn_str_putc(&text, '\n');
    }
    const bool ok = gn_str_ok(&text, e) && save(user, name, gn_str_slice(&text), e);
    gn_str_release(&text);
    return ok;
}

/* Instead of letters how they look, where that is not plain: d dim, B bold, u underlined,
 * R reversed, x a mistake, and so on. */
static bool save_styles(script *s, const char *name, gn_script_save save, void *user, gn_error *e) {
    static const char letter[GN_STYLES + 1] = {
        [GN_STYLE_DIM] = 'd',    [GN_STYLE_BOLD] = 'B',   [GN_STYLE_TITLE] = 'T',
        [GN_STYLE_STATUS] = 'S', [GN_STYLE_USER] = 'y',   [GN_STYLE_MODEL] = 'm',
        [GN_STYLE_NOTE] = 'n',   [GN_STYLE_ERROR] = 'x',  [GN_STYLE_SELECTED] = 'R',
        [GN_STYLE_MATCH] = 'M',  [GN_STYLE_LIKELY] = 'l', [GN_STYLE_UNLIKELY] = 'u',
        [GN_STYLE_WILD] = 'W'};
    gn_str text = {0};
    gn_tui_draw(&s->tui);
    const gn_canvas *c = &s->tui.canvas;
    for (int row = 0; row < c->rows; row++) {
        size_t end = text.len;
        for (int col = 0; col < c->cols; col++) {
            const gn_cell *cell = &c->cell[row * c->cols + col];
            const char how = letter[cell->style];
            gn_str_putc(&text, how ? how : cell->len == 1 && cell->text[0] == ' ' ? ' ' : '.');
            end = text.data[text.len - 1] == ' ' ? end : text.len;
        }
        gn_str_cut(&text, end);
        gn_str_putc(&text, '\n');
    }
    const bool ok = gn_str_ok(&text, e) && save(user, name, gn_str_slice(&text), e);
    gn_str_release(&text);
    return ok;
}

/* Steps that fill a database; false and no error: another one. */
static bool converse(script *s, gn_slice verb, gn_slice rest, gn_error *e) {
    gn_script_talks *to = &s->talks;
    if (gn_slice_is(verb, "store"))
        return gn_script_talks_open(to, e);
    const bool known = gn_slice_is(verb, "talk") || gn_slice_is(verb, "turn") ||
                       gn_slice_is(verb, "archived") || gn_slice_is(verb, "imported") ||
                       gn_slice_is(verb, "resume");
    if (!known)
        return false;
    if (!to->history)
        return gn_fail(e, GN_INVALID, "there is no store yet");
    gn_str text = {0};
    bool ok = unescape(rest, &text, e);
    if (ok && gn_slice_is(verb, "talk"))
        ok = gn_script_talk(to, gn_str_slice(&text), e);
    else if (ok && gn_slice_is(verb, "turn"))
        ok = gn_script_turn(to, gn_str_slice(&text), e);
    else if (ok && gn_slice_is(verb, "imported"))
        ok = gn_script_talk_from(to, gn_str_slice(&text), e);
    else if (ok)
        ok = gn_script_talk_end(to, gn_slice_is(verb, "archived"), e);
    if (ok && gn_slice_is(verb, "resume"))
        ok = gn_history_find(to->history, gn_str_slice(&text), s->resume, e);
    gn_str_release(&text);
    return ok;
}

/* Steps that come before the screen; false and no error: another one. */
static bool prepare(script *s, gn_slice verb, gn_slice rest, gn_error *e) {
    if (gn_slice_is(verb, "size"))
        return size_of(rest, &s->rows, &s->cols) ||
               gn_fail(e, GN_INVALID, "want COLUMNSxROWS, not '%.*s'", (int)rest.len, rest.data);
    if (gn_slice_is(verb, "locale")) {
        s->unicode = !gn_slice_is(rest, "C");
        setlocale(LC_CTYPE, s->unicode ? "C.UTF-8" : "C");
        return true;
    }
    if (gn_slice_is(verb, "context"))
        return gn_parse_integer(rest, &s->fake.context);
    if (gn_slice_is(verb, "preset")) {
        gn_str_add(&s->preset, rest);
        return true;
    }
    if (gn_slice_is(verb, "set")) {
        const ptrdiff_t space = gn_slice_find(rest, GN_S(" "));
        return space > 0 &&
               gn_settings_set(s->settings, (gn_slice){rest.data, (size_t)space},
                               gn_slice_from(rest, (size_t)space + 1), GN_SOURCE_FLAG, NULL, e);
    }
    return converse(s, verb, rest, e);
}

static bool perform(script *s, gn_slice verb, gn_slice rest, gn_str *text, gn_script_save save,
                    void *user, gn_error *e) {
    int64_t number = 0;
    if (gn_slice_is(verb, "loading") && gn_parse_integer(rest, &number)) {
        gn_event *ev = tell(&s->fake, GN_EVENT_LOADING);
        if (ev) {
            ev->done = number;
            ev->all = 100;
        }
        s->opened = true; /* by hand */
        deliver(s);
    } else if (gn_slice_is(verb, "open"))
        open_model(s, rest);
    else if (gn_slice_is(verb, "key"))
        return press_keys(s, rest, e);
    else if (gn_slice_is(verb, "type"))
        type_text(s, gn_str_slice(text));
    else if (gn_slice_is(verb, "burst") || gn_slice_is(verb, "paste"))
        burst(s, text, verb.data[0] == 'p');
    else if (gn_slice_is(verb, "reply") || gn_slice_is(verb, "fail"))
        return add_reply(s, gn_str_slice(text), verb.data[0] == 'f', e);
    else if (gn_slice_is(verb, "tick") && gn_parse_integer(rest, &number))
        pass(s, (double)number / 1000);
    else if (gn_slice_is(verb, "wait"))
        for (int i = 0; i < 100000 && s->fake.busy; i++)
            pass(s, TOKEN_TIME);
    else if (gn_slice_is(verb, "resize") && size_of(rest, &s->rows, &s->cols)) {
        gn_canvas_resize(&s->tui.canvas, s->rows, s->cols);
        deliver(s);
    } else if (gn_slice_is(verb, "wheel")) {
        const gn_slice bytes =
            gn_slice_is(rest, "up") ? GN_S("\x1b[<64;1;1M") : GN_S("\x1b[<65;1;1M");
        press(s, bytes, 0.03);
    } else if (gn_slice_is(verb, "save"))
        return save_screen(s, gn_str_text(text), save, user, e);
    else if (gn_slice_is(verb, "views"))
        return save_views(s, gn_str_text(text), save, user, e);
    else if (gn_slice_is(verb, "styles"))
        return save_styles(s, gn_str_text(text), save, user, e);
    else if (gn_slice_is(verb, "edit")) {
        gn_str_cut(&s->edited, 0);
        gn_str_add(&s->edited, gn_str_slice(text));
    } else
        return gn_fail(e, GN_INVALID, "no such step: %.*s %.*s", (int)verb.len, verb.data,
                       rest.len > 40 ? 40 : (int)rest.len, rest.data);
    return true;
}

static bool do_line(script *s, gn_slice line, gn_script_save save, void *user, gn_error *e) {
    gn_slice verb = {line.data, 0};
    while (verb.len < line.len && line.data[verb.len] != ' ')
        verb.len++;
    const gn_slice rest = gn_slice_from(line, verb.len + 1);
    if (verb.len == 0 || verb.data[0] == '#')
        return true;
    if (prepare(s, verb, rest, e))
        return !s->started || gn_fail(e, GN_INVALID, "comes before the first key");
    if (e->code != GN_OK || !start(s, e))
        return false;
    if (!s->opened && !gn_slice_is(verb, "loading") && !gn_slice_is(verb, "open"))
        open_model(s, GN_S("toy-1b q8_0"));
    gn_str text = {0};
    const bool ok = unescape(rest, &text, e) && perform(s, verb, rest, &text, save, user, e);
    gn_str_release(&text);
    return ok;
}

/* Whatever is going to be said is in the model's vocabulary. */
static bool read_words(script *s, gn_slice steps, gn_error *e) {
    static const char *const said[] = {"reply ", "type /prefix ", "type ", "set system ", "edit "};
    bool ok = (s->fake.vocabulary = gn_script_vocabulary()) != NULL;
    while (ok && steps.len) {
        const char *end = memchr(steps.data, '\n', steps.len);
        const gn_slice line = {steps.data, end ? (size_t)(end - steps.data) : steps.len};
        gn_str words = {0};
        steps = gn_slice_from(steps, line.len + 1);
        for (int i = 0; ok && i < 5; i++)
            if (gn_slice_starts(line, gn_slice_of(said[i]))) {
                ok = unescape(gn_slice_from(line, strlen(said[i])), &words, e) &&
                     gn_script_words(s->fake.vocabulary, gn_str_slice(&words));
                break;
            }
        gn_str_release(&words);
    }
    return ok || (e->code == GN_OK && gn_fail(e, GN_NO_MEMORY, "out of memory"));
}

bool gn_script_run(gn_slice steps, const char *file, gn_script_save save, void *user, gn_error *e) {
    script s = {.rows = 24, .cols = 80, .unicode = true};
    bool ok = (s.settings = gn_settings_new(e)) != NULL;
    setlocale(LC_CTYPE, "C.UTF-8");
    s.fake.context = 131072;
    ok = ok && read_words(&s, steps, e);
    for (int line = 1; ok && steps.len; line++) {
        const char *end = memchr(steps.data, '\n', steps.len);
        const size_t len = end ? (size_t)(end - steps.data) : steps.len;
        ok = do_line(&s, (gn_slice){steps.data, len}, save, user, e);
        if (!ok) {
            gn_context(e, "%s:%d", file, line);
            gn_where(e, "%s:%d", file, line);
        }
        steps = gn_slice_from(steps, len + 1);
    }
    if (s.started) {
        gn_tui_release(&s.tui);
        fake_close(&s.fake.worker);
        gn_line_close();
    }
    gn_input_release(&s.input);
    gn_str_release(&s.clipboard);
    gn_str_release(&s.preset);
    gn_str_release(&s.edited);
    gn_vocabulary_free(s.fake.vocabulary);
    gn_script_talks_close(&s.talks);
    gn_settings_free(s.settings);
    return ok;
}
