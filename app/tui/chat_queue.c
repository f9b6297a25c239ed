/* chat_queue.c - what was written while a reply came: it waits in sight, and can be changed. */
#include "app/tui/chat.h"

#include "app/term/line.h"

void gn_chat_enqueue(gn_chat *c, gn_tui *t, gn_slice text) {
    int at = c->slot >= 0 && c->slot < c->n_queue ? c->slot : c->n_queue;
    c->slot = -1;
    if (c->n_queue == GN_CHAT_QUEUE) {
        gn_line_set(text);
        gn_tui_note(t, GN_STYLE_ERROR, "%d messages wait already", GN_CHAT_QUEUE);
        return;
    }
    memmove(&c->queue[at + 1], &c->queue[at], (size_t)(c->n_queue - at) * sizeof c->queue[0]);
    c->queue[at] = (gn_str){0};
    gn_str_add(&c->queue[at], text);
    c->n_queue++;
}

/* Takes the message at place i; release it. */
static gn_str take(gn_chat *c, int i) {
    const gn_str text = c->queue[i];
    c->n_queue--;
    memmove(&c->queue[i], &c->queue[i + 1], (size_t)(c->n_queue - i) * sizeof c->queue[0]);
    return text;
}

bool gn_chat_dequeue(gn_chat *c, gn_str *out) {
    if (c->n_queue == 0)
        return false;
    *out = take(c, 0);
    c->slot -= c->slot > 0;
    return true;
}

/* Message i back into the input. Sent again it goes where it was. */
static void edit(gn_chat *c, gn_tui *t, int i) {
    gn_str text = take(c, i);
    if (gn_line_text().len > 0) {
        gn_line_remember(gn_line_text());
        gn_tui_note(t, GN_STYLE_NOTE, "what was being written is in the history (Up)");
    }
    gn_chat_put_back(c, t, gn_str_slice(&text)); /* a long one folds */
    c->slot = i;
    t->mode = GN_MODE_WRITE;
    gn_str_release(&text);
}

void gn_chat_pop(gn_chat *c, gn_tui *t) {
    if (c->n_queue == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "no message waits");
    else
        edit(c, t, c->n_queue - 1);
}

/* /queue [N | drop N] */
void gn_chat_queue(gn_chat *c, gn_tui *t, gn_slice argument) {
    int64_t number = c->n_queue;
    const bool drop = gn_slice_starts(argument, GN_S("drop"));
    const gn_slice which = gn_text_strip(drop ? gn_slice_from(argument, 4) : argument, true, true);
    if (c->n_queue == 0)
        gn_tui_note(t, GN_STYLE_NOTE, "no message waits");
    else if (which.len > 0 &&
             (!gn_parse_integer(which, &number) || number < 1 || number > c->n_queue))
        gn_tui_note(t, GN_STYLE_ERROR, "want the number of a message that waits, 1 to %d",
                    c->n_queue);
    else if (drop) {
        gn_str text = take(c, (int)number - 1);
        gn_line_remember(gn_str_slice(&text));
        gn_tui_note(t, GN_STYLE_NOTE, "message %lld is not sent; it is in the history (Up)",
                    (long long)number);
        gn_str_release(&text);
    } else
        edit(c, t, (int)number - 1);
}
