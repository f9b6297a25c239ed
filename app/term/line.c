/* line.c - see line.h. The only file that knows readline. */
#include "app/term/line.h"

#include "app/term/wrap.h"

#include <stdio.h>
#include <stdlib.h>

#include <readline/history.h>
#include <readline/readline.h>

/* Readline is one of a kind and keeps its state in globals; so does this. */
static struct {
    FILE *nowhere;
    gn_str bytes; /* typed and not yet read by it */
    size_t at;
    gn_str taken;
    bool is_taken, open;
} line;

static gn_slice whole(void) { return (gn_slice){rl_line_buffer, (size_t)rl_end}; }

static int next_byte(FILE *in) {
    (void)in;
    return line.at < line.bytes.len ? (unsigned char)line.bytes.data[line.at++] : EOF;
}

static int has_bytes(void) { return line.at < line.bytes.len; }
static void draw_nothing(void) {}
static void take(char *text) {
    gn_str_cut(&line.taken, 0);
    if (text)
        gn_str_puts(&line.taken, text);
    line.is_taken = text != NULL;
    free(text);
}

/* ---- whole clusters ----------------------------------------------------- */

static int forward(int count, int key) {
    (void)key;
    for (; count > 0 && rl_point < rl_end; count--)
        rl_point += (int)gn_cluster_after(whole(), (size_t)rl_point);
    for (; count < 0 && rl_point > 0; count++)
        rl_point -= (int)gn_cluster_before(whole(), (size_t)rl_point);
    return 0;
}

static int backward(int count, int key) { return forward(-count, key); }

static int delete_to(int count, int key) {
    const int from = rl_point;
    forward(count, key);
    const int to = rl_point;
    if (from != to)
        rl_delete_text(from < to ? from : to, from < to ? to : from);
    rl_point = from < to ? from : to;
    return 0;
}

/* Ctrl+D on an empty line is end of file to readline; here it is a request, and
 * never comes this far. */
static int delete_forward(int count, int key) { return delete_to(count, key); }
static int delete_backward(int count, int key) { return delete_to(-count, key); }

/* ---- lines -------------------------------------------------------------- */

static int line_start(int at) {
    while (at > 0 && rl_line_buffer[at - 1] != '\n')
        at--;
    return at;
}

static int line_end(int at) {
    while (at < rl_end && rl_line_buffer[at] != '\n')
        at++;
    return at;
}

static int to_start(int count, int key) {
    (void)count, (void)key;
    rl_point = line_start(rl_point);
    return 0;
}

static int to_end(int count, int key) {
    (void)count, (void)key;
    rl_point = line_end(rl_point);
    return 0;
}

/* The cursor to as many clusters into the line that begins at `start`. */
static void go_to(int start, int clusters) {
    rl_point = start;
    for (const int end = line_end(start); clusters > 0 && rl_point < end; clusters--)
        rl_point += (int)gn_cluster_after(whole(), (size_t)rl_point);
}

static int clusters_into(int start) {
    int n = 0;
    for (int i = start; i < rl_point; n++)
        i += (int)gn_cluster_after(whole(), (size_t)i);
    return n;
}

void gn_line_up(void) {
    const int start = line_start(rl_point);
    if (start == 0)
        rl_get_previous_history(1, 0);
    else
        go_to(line_start(start - 1), clusters_into(start));
}

void gn_line_down(void) {
    const int start = line_start(rl_point), end = line_end(rl_point);
    if (end == rl_end)
        rl_get_next_history(1, 0);
    else
        go_to(end + 1, clusters_into(start));
}

void gn_line_remember(gn_slice text) {
    char *copy = gn_strdup_slice(text);
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (copy && copy[0] && !(last && strcmp(last->line, copy) == 0))
        add_history(copy);
    using_history();
    free(copy);
}

/* ---- life --------------------------------------------------------------- */

static void rebind(const char *name, const char *ours, rl_command_func_t *function) {
    if (!rl_named_function(ours))
        rl_add_defun(ours, function, -1);
    rl_command_func_t *old = rl_named_function(name);
    if (!old)
        return;
    /* Wherever the keymap, ~/.inputrc included, has theirs, it gets ours. */
    char **keys = rl_invoking_keyseqs(old);
    for (int i = 0; keys && keys[i]; i++) {
        rl_set_key(keys[i], function, rl_get_keymap());
        free(keys[i]);
    }
    free(keys);
}

/* Keys that every terminal has and no default of readline's names. ~/.inputrc goes before. */
static void bind_more(void) {
    static const struct {
        const char *key;
        rl_command_func_t *function;
    } more[] = {
        {"\\e[3~", delete_forward},
        {"\\e[1~", to_start},
        {"\\e[7~", to_start},
        {"\\e[4~", to_end},
        {"\\e[8~", to_end},
        {"\\e[H", to_start},
        {"\\e[F", to_end},
        {"\\eOH", to_start},
        {"\\eOF", to_end},
        {"\\e[1;5D", rl_backward_word},
        {"\\e[1;5C", rl_forward_word},
        {"\\e[1;3D", rl_backward_word},
        {"\\e[1;3C", rl_forward_word},
        {"\\e[3;5~", rl_kill_word},
    };
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        rl_bind_keyseq_if_unbound(more[i].key, more[i].function);
}

bool gn_line_open(gn_error *e) {
    line.nowhere = fopen("/dev/null", "r+");
    if (!line.nowhere)
        return gn_fail(e, GN_IO, "open '/dev/null': the line editor needs it");
    line.open = true;
    rl_readline_name = "gneiss";
    rl_instream = rl_outstream = line.nowhere;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_redisplay_function = draw_nothing;
    rl_getc_function = next_byte;
    rl_input_available_hook = has_bytes;
    rl_initialize();
    gn_line_set((gn_slice){"", 0});
    rl_free_undo_list();
    rl_variable_bind("bell-style", "none");
    rl_variable_bind("input-meta", "on");
    rl_variable_bind("output-meta", "on");
    rl_variable_bind("convert-meta", "off");
    rl_variable_bind("enable-bracketed-paste", "off");
    rl_variable_bind("disable-completion", "on");
    rebind("forward-char", "gneiss-forward", forward);
    rebind("backward-char", "gneiss-backward", backward);
    rebind("delete-char", "gneiss-delete", delete_forward);
    rebind("backward-delete-char", "gneiss-backward-delete", delete_backward);
    rebind("beginning-of-line", "gneiss-line-start", to_start);
    rebind("end-of-line", "gneiss-line-end", to_end);
    bind_more();
    rl_callback_handler_install("", take);
    using_history();
    return true;
}

void gn_line_close(void) {
    if (!line.open)
        return;
    rl_callback_handler_remove();
    clear_history();
    rl_redisplay_function = rl_redisplay;
    rl_getc_function = rl_getc;
    rl_input_available_hook = NULL;
    rl_instream = rl_outstream = NULL;
    fclose(line.nowhere);
    gn_str_release(&line.bytes);
    gn_str_release(&line.taken);
    memset(&line, 0, sizeof line);
}

/* ---- use ---------------------------------------------------------------- */

void gn_line_type(gn_slice bytes) {
    gn_str_add(&line.bytes, bytes);
    /* A call reads at least one byte; it may leave some for the next. */
    while (line.at < line.bytes.len)
        rl_callback_read_char();
    gn_str_cut(&line.bytes, 0);
    line.at = 0;
}

void gn_line_insert(gn_slice text) {
    char *copy = gn_strdup_slice(text);
    if (copy) {
        rl_begin_undo_group();
        rl_insert_text(copy);
        rl_end_undo_group();
    }
    free(copy);
}

void gn_line_set(gn_slice text) {
    rl_begin_undo_group();
    rl_delete_text(0, rl_end);
    rl_point = 0;
    gn_line_insert(text);
    rl_end_undo_group();
}

void gn_line_replace(size_t at, size_t bytes, gn_slice text) {
    const size_t point = (size_t)rl_point, behind = at + bytes;
    rl_begin_undo_group();
    rl_delete_text((int)at, (int)behind);
    rl_point = (int)at;
    gn_line_insert(text);
    rl_end_undo_group();
    rl_point = (int)(point <= at       ? point
                     : point >= behind ? point - bytes + text.len
                                       : at + text.len);
}

gn_slice gn_line_text(void) { return whole(); }
size_t gn_line_point(void) { return (size_t)rl_point; }

const char *gn_line_prompt(void) {
    return rl_display_prompt && rl_display_prompt != rl_prompt && rl_display_prompt[0]
               ? rl_display_prompt
               : NULL;
}

void gn_line_accept(void) { gn_line_type(GN_S("\r")); }

bool gn_line_taken(gn_str *out) {
    if (!line.is_taken)
        return false;
    gn_str_add(out, gn_str_slice(&line.taken));
    line.is_taken = false;
    return true;
}
