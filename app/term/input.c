/* input.c - see input.h. Sequences are those of xterm, which VT220, rxvt, screen,
 * tmux and the Linux console share or come near to. */
#include "app/term/input.h"

#include <stdio.h>

#define ESC_WAIT     0.025
#define BURST_WINDOW 0.020
enum { BURST_KEYS = 8 };

/* ---- names -------------------------------------------------------------- */

static const struct {
    const char *name;
    int32_t code;
} named[] = {
    {"Enter", GN_KEY_ENTER}, {"Esc", GN_KEY_ESC},   {"Tab", GN_KEY_TAB},
    {"Space", ' '},          {"Up", GN_KEY_UP},     {"BackSpace", GN_KEY_BACKSPACE},
    {"Down", GN_KEY_DOWN},   {"Left", GN_KEY_LEFT}, {"Right", GN_KEY_RIGHT},
    {"Home", GN_KEY_HOME},   {"End", GN_KEY_END},   {"PgUp", GN_KEY_PGUP},
    {"PgDn", GN_KEY_PGDN},   {"Ins", GN_KEY_INS},   {"Del", GN_KEY_DEL},
};
enum { N_NAMED = sizeof named / sizeof named[0] };

bool gn_key_parse(gn_slice text, gn_key *out) {
    static const struct {
        gn_slice prefix;
        unsigned mod;
    } mods[] = {{GN_S("Ctrl+"), GN_CTRL}, {GN_S("Alt+"), GN_ALT}, {GN_S("Shift+"), GN_SHIFT}};
    *out = (gn_key){0};
    for (int i = 0; i < 3; i++)
        if (text.len > mods[i].prefix.len && gn_slice_starts(text, mods[i].prefix)) {
            out->mods |= mods[i].mod;
            text = gn_slice_from(text, mods[i].prefix.len);
            i = -1;
        }
    for (int i = 0; i < N_NAMED; i++)
        if (gn_slice_is(text, named[i].name))
            out->code = named[i].code;
    int64_t f;
    if (text.len > 1 && text.data[0] == 'F' && gn_parse_integer(gn_slice_from(text, 1), &f) &&
        f >= 1 && f <= 12)
        out->code = GN_KEY_F1 + (int32_t)f - 1;
    if (out->code)
        return true;
    int32_t cp;
    if (gn_utf8_next(text, 0, &cp) != text.len || cp <= 0x20 || out->mods & GN_SHIFT)
        return false;
    out->code = out->mods & GN_CTRL && cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    return true;
}

void gn_key_name(gn_key k, gn_str *out) {
    gn_str_puts(out, k.mods & GN_CTRL ? "Ctrl+" : "");
    gn_str_puts(out, k.mods & GN_ALT ? "Alt+" : "");
    gn_str_puts(out, k.mods & GN_SHIFT ? "Shift+" : "");
    for (int i = 0; i < N_NAMED; i++)
        if (named[i].code == k.code) {
            gn_str_puts(out, named[i].name);
            return;
        }
    if (k.code >= GN_KEY_F1 && k.code <= GN_KEY_F12)
        gn_str_fmt(out, "F%d", (int)(k.code - GN_KEY_F1 + 1));
    else if (k.mods & GN_CTRL && k.code >= 'a' && k.code <= 'z')
        gn_str_putc(out, (char)(k.code - 32));
    else if (k.code < 0x110000) {
        char text[4];
        gn_str_add(out, (gn_slice){text, gn_utf8_put(text, k.code)});
    }
}

/* Final letters and numbers of CSI sequences. */
static const struct {
    char letter;
    int number; /* of "CSI number ~" */
    int32_t code;
} csi[] = {
    {'A', 0, GN_KEY_UP},     {'B', 0, GN_KEY_DOWN},   {'C', 0, GN_KEY_RIGHT},
    {'D', 0, GN_KEY_LEFT},   {'H', 0, GN_KEY_HOME},   {'F', 0, GN_KEY_END},
    {'P', 0, GN_KEY_F1},     {'Q', 0, GN_KEY_F1 + 1}, {'R', 0, GN_KEY_F1 + 2},
    {'S', 0, GN_KEY_F1 + 3}, {0, 1, GN_KEY_HOME},     {0, 2, GN_KEY_INS},
    {0, 3, GN_KEY_DEL},      {0, 4, GN_KEY_END},      {0, 5, GN_KEY_PGUP},
    {0, 6, GN_KEY_PGDN},     {0, 7, GN_KEY_HOME},     {0, 8, GN_KEY_END},
    {0, 11, GN_KEY_F1},      {0, 12, GN_KEY_F1 + 1},  {0, 13, GN_KEY_F1 + 2},
    {0, 14, GN_KEY_F1 + 3},  {0, 15, GN_KEY_F1 + 4},  {0, 17, GN_KEY_F1 + 5},
    {0, 18, GN_KEY_F1 + 6},  {0, 19, GN_KEY_F1 + 7},  {0, 20, GN_KEY_F1 + 8},
    {0, 21, GN_KEY_F1 + 9},  {0, 23, GN_KEY_F1 + 10}, {0, 24, GN_KEY_F1 + 11},
};
enum { N_CSI = sizeof csi / sizeof csi[0] };

void gn_key_bytes(gn_key k, gn_str *out) {
    const int shift =
        1 + (k.mods & GN_SHIFT ? 1 : 0) + (k.mods & GN_ALT ? 2 : 0) + (k.mods & GN_CTRL ? 4 : 0);
    for (int i = 0; i < N_CSI; i++)
        if (csi[i].code == k.code) {
            if (csi[i].letter && shift > 1)
                gn_str_fmt(out, "\x1b[1;%d%c", shift, csi[i].letter);
            else if (csi[i].letter)
                gn_str_fmt(out,
                           csi[i].letter >= 'P' && csi[i].letter <= 'S' ? "\x1bO%c" : "\x1b[%c",
                           csi[i].letter);
            else if (shift > 1)
                gn_str_fmt(out, "\x1b[%d;%d~", csi[i].number, shift);
            else
                gn_str_fmt(out, "\x1b[%d~", csi[i].number);
            return;
        }
    if (k.mods & GN_ALT)
        gn_str_putc(out, '\x1b');
    if (k.code == GN_KEY_TAB && k.mods & GN_SHIFT)
        gn_str_puts(out, "\x1b[Z");
    else if (k.mods & GN_CTRL)
        gn_str_putc(out, k.code == ' ' ? '\0' : (char)(k.code & 0x1F));
    else {
        char text[4];
        gn_str_add(out, (gn_slice){text, gn_utf8_put(text, k.code)});
    }
}

/* ---- decoding ----------------------------------------------------------- */

void gn_input_release(gn_input *in) {
    gn_str_release(&in->pending);
    gn_str_release(&in->paste);
    *in = (gn_input){0};
}

/* Keys in a chunk, near enough: characters and sequences. */
static int count_keys(const char *bytes, size_t n) {
    int keys = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c == 0x1B) {
            while (i + 1 < n && bytes[i + 1] > ' ' && bytes[i + 1] < 0x40)
                i++;
            i += i + 2 < n && (bytes[i + 1] == '[' || bytes[i + 1] == 'O') ? 2 : 1;
            keys++;
        } else
            keys += (c & 0xC0) != 0x80;
    }
    return keys;
}

void gn_input_feed(gn_input *in, const char *bytes, size_t n, double now) {
    if (in->at == in->pending.len) {
        gn_str_cut(&in->pending, 0);
        in->at = 0;
    }
    if (now - in->window > BURST_WINDOW) {
        in->window = now;
        in->keys = 0;
    }
    in->keys += count_keys(bytes, n);
    in->fed = now;
    gn_str_add(&in->pending, (gn_slice){bytes, n});
}

/* A parsed "ESC [ params final"; len 0: not complete yet. */
typedef struct sequence {
    size_t len;
    char lead, final; /* lead: '<' of the mouse, or 0 */
    int param[3], n_param;
} sequence;

static sequence parse_csi(gn_slice s) {
    sequence q = {0};
    size_t i = 2;
    if (i < s.len && s.data[i] >= '<' && s.data[i] <= '?')
        q.lead = s.data[i++];
    if (i < s.len && s.data[i] == '[') { /* the Linux console's F1..F5: ESC [ [ A */
        if (i + 1 < s.len) {
            q.lead = '[';
            q.final = s.data[i + 1];
            q.len = i + 2;
        }
        return q;
    }
    for (; i < s.len && i < 64; i++) {
        const char c = s.data[i];
        if (c >= '0' && c <= '9') {
            q.n_param = q.n_param ? q.n_param : 1;
            if (q.n_param <= 3 && q.param[q.n_param - 1] < 100000)
                q.param[q.n_param - 1] = q.param[q.n_param - 1] * 10 + (c - '0');
        } else if (c == ';') {
            q.n_param = q.n_param ? q.n_param + 1 : 2;
        } else if (c >= 0x40 && c <= 0x7E) {
            q.final = c;
            q.len = i + 1;
            return q;
        } else if (c < 0x20) { /* broken off */
            q.len = i;
            return q;
        }
    }
    q.len = i >= 64 ? i : 0;
    return q;
}

static unsigned mods_of(int param) {
    const int bits = param > 1 ? param - 1 : 0;
    return (bits & 1 ? GN_SHIFT : 0u) | (bits & 2 ? GN_ALT : 0u) | (bits & 4 ? GN_CTRL : 0u);
}

static gn_key csi_key(const sequence *q) {
    gn_key k = {GN_KEY_OTHER, mods_of(q->n_param >= 2 ? q->param[1] : 0)};
    if (q->lead == '[' && q->final >= 'A' && q->final <= 'E')
        k.code = GN_KEY_F1 + (q->final - 'A');
    else if (q->final == 'Z')
        k = (gn_key){GN_KEY_TAB, GN_SHIFT};
    else if (!q->lead)
        for (int i = 0; i < N_CSI; i++)
            if (q->final == '~' ? !csi[i].letter && csi[i].number == q->param[0]
                                : csi[i].letter == q->final)
                k.code = csi[i].code;
    return k;
}

/* A character or control byte; *len bytes, 0: not complete yet. */
static gn_key plain_key(gn_slice s, bool late, size_t *len) {
    const unsigned char c = (unsigned char)s.data[0];
    int32_t cp;
    *len = 1;
    if (c == GN_KEY_ENTER || c == GN_KEY_TAB || c == GN_KEY_ESC)
        return (gn_key){c, 0};
    if (c == 0)
        return (gn_key){' ', GN_CTRL};
    if (c < 0x20)
        return (gn_key){c <= 26 ? c + 'a' - 1 : c + '@', GN_CTRL};
    if (c >= 0x80 && !late && gn_utf8_partial(s) == s.len) {
        *len = 0;
        return (gn_key){0};
    }
    *len = gn_utf8_next(s, 0, &cp);
    return (gn_key){cp < 0 ? GN_KEY_OTHER : cp, 0};
}

static bool next_key(gn_slice s, bool late, gn_input_event *out, size_t *len) {
    out->kind = GN_INPUT_KEY;
    if (s.data[0] != 0x1B || (s.len == 1 && late)) {
        out->key = plain_key(s, late, len);
        return *len > 0;
    }
    if (s.len == 1)
        return false;
    if (s.data[1] == '[') {
        const sequence q = parse_csi(s);
        if (q.len > 0) {
            *len = q.len;
            out->key = csi_key(&q);
            if (q.lead == '<' && (q.final == 'M' || q.final == 'm')) {
                out->kind = GN_INPUT_WHEEL;
                out->wheel = (q.param[0] & ~28) == 64 ? -3 : (q.param[0] & ~28) == 65 ? 3 : 0;
            }
            return true;
        }
        if (!late)
            return false;
    } else if (s.data[1] == 'O') {
        if (s.len >= 3) {
            const sequence q = {.final = s.data[2]};
            *len = 3;
            out->key = csi_key(&q);
            return true;
        }
        if (!late)
            return false;
    } else if (s.data[1] == 0x1B) { /* Esc twice: the first stands alone */
        *len = 1;
        out->key = (gn_key){GN_KEY_ESC, 0};
        return true;
    }
    out->key = plain_key(gn_slice_from(s, 1), late, len);
    if (*len == 0)
        return false;
    out->key.mods |= GN_ALT;
    (*len)++;
    return true;
}

static bool next_paste(gn_input *in, gn_slice s, gn_input_event *out) {
    static const gn_slice close = GN_S("\x1b[201~");
    const ptrdiff_t end = gn_slice_find(s, close);
    /* Without the end mark all but what may be its beginning is taken. */
    size_t take = end >= 0 ? (size_t)end : s.len > close.len ? s.len - close.len : 0;
    gn_str_add(&in->paste, (gn_slice){s.data, take});
    in->at += take;
    if (end < 0)
        return false;
    in->at += close.len;
    in->pasting = false;
    in->bracketed = true;
    *out = (gn_input_event){.kind = GN_INPUT_PASTE, .bytes = gn_str_slice(&in->paste)};
    return true;
}

bool gn_input_next(gn_input *in, double now, gn_input_event *out) {
    gn_slice s = gn_slice_from(gn_str_slice(&in->pending), in->at);
    if (!in->pasting && gn_slice_starts(s, GN_S("\x1b[200~"))) {
        in->at += 6;
        in->pasting = true;
        gn_str_cut(&in->paste, 0);
        s = gn_slice_from(s, 6);
    }
    if (in->pasting)
        return next_paste(in, s, out);
    size_t len = 0;
    *out = (gn_input_event){.burst = in->keys > BURST_KEYS && !in->bracketed};
    if (s.len == 0 || !next_key(s, now - in->fed >= ESC_WAIT, out, &len))
        return false;
    out->bytes = (gn_slice){s.data, len};
    in->at += len;
    return true;
}

double gn_input_wait(const gn_input *in, double now) {
    if (in->at == in->pending.len || in->pasting)
        return -1;
    const double left = ESC_WAIT - (now - in->fed);
    return left > 0 ? left : 0;
}
