/* input.h - bytes of a terminal to keys, pastes and turns of the wheel.
 *
 * Works on bytes and a clock, so that a script is read like a terminal. Esc is a key
 * of its own when nothing follows within 25 ms. What comes between the marks of a
 * bracketed paste is one event. Where no such mark was ever seen, more than 8 keys
 * within 20 ms are a paste: their Enter makes a new line and sends nothing.
 */
#ifndef GN_TUI_INPUT_H
#define GN_TUI_INPUT_H

#include "core/gneiss.h"

enum { GN_CTRL = 1, GN_ALT = 2, GN_SHIFT = 4 };

/* Keys that are no character. Enter, Tab, Esc, Space and BackSpace are theirs. */
enum {
    GN_KEY_TAB = 9,
    GN_KEY_ENTER = 13,
    GN_KEY_ESC = 27,
    GN_KEY_BACKSPACE = 127,
    GN_KEY_UP = 0x110000,
    GN_KEY_DOWN,
    GN_KEY_RIGHT,
    GN_KEY_LEFT,
    GN_KEY_HOME,
    GN_KEY_END,
    GN_KEY_PGUP,
    GN_KEY_PGDN,
    GN_KEY_INS,
    GN_KEY_DEL,
    GN_KEY_F1, /* .. F12 follow */
    GN_KEY_F12 = GN_KEY_F1 + 11,
    GN_KEY_OTHER, /* a sequence we do not know */
};

typedef struct gn_key {
    int32_t code; /* a character (with GN_CTRL: in lower case), or one of the above */
    unsigned mods;
} gn_key;

static inline bool gn_key_equal(gn_key a, gn_key b) { return a.code == b.code && a.mods == b.mods; }
/* "Ctrl+Alt+x", "PgUp"; false if text names no key. */
bool gn_key_parse(gn_slice text, gn_key *out);
void gn_key_name(gn_key k, gn_str *out);
/* What a terminal sends for it (for scripts). */
void gn_key_bytes(gn_key k, gn_str *out);

typedef enum gn_input_kind { GN_INPUT_KEY, GN_INPUT_PASTE, GN_INPUT_WHEEL } gn_input_kind;

typedef struct gn_input_event {
    gn_input_kind kind;
    gn_key key;
    gn_slice bytes; /* of the key, or pasted text; until the next feed */
    bool burst;     /* the key came too fast for fingers */
    int wheel;      /* rows, up is negative */
} gn_input_event;

/* Zeroed it is ready. */
typedef struct gn_input {
    gn_str pending;
    size_t at; /* bytes of pending already told */
    gn_str paste;
    bool pasting, bracketed;
    double fed, window; /* seconds: of the last feed; where the window of a burst began */
    int keys;           /* in that window */
} gn_input;

void gn_input_feed(gn_input *in, const char *bytes, size_t n, double now);
/* The next event, if one is complete at this time. */
bool gn_input_next(gn_input *in, double now, gn_input_event *out);
/* Seconds until one that has begun is decided by time; negative: none is. */
double gn_input_wait(const gn_input *in, double now);
void gn_input_release(gn_input *in);

#endif
