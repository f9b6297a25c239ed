/* sort.c - a stable sort whose comparison can fail. */
#include "core/template/runtime.h"

typedef struct sorter {
    gn_render *r;
    gn_value **key, **item, **key_room, **item_room;
    bool reverse;
} sorter;

/* Does b belong before a? Equal ones keep their order, also when reversed. */
static bool swapped(sorter *s, const gn_value *a, const gn_value *b, bool *out) {
    int order;
    if (!gn_order(s->r, a, b, "<", &order))
        return false;
    *out = s->reverse ? order < 0 : order > 0 && order != GN_NO_ORDER;
    return true;
}

static bool sort(sorter *s, size_t from, size_t count) {
    if (count < 2)
        return true;
    const size_t half = count / 2, middle = from + half, end = from + count;
    if (!sort(s, from, half) || !sort(s, middle, count - half))
        return false;
    size_t a = from, b = middle, to = from;
    while (a < middle || b < end) {
        bool second = a == middle;
        if (a < middle && b < end && !swapped(s, s->key[a], s->key[b], &second))
            return false;
        const size_t taken = second ? b++ : a++;
        s->key_room[to] = s->key[taken];
        s->item_room[to++] = s->item[taken];
    }
    memcpy(s->key + from, s->key_room + from, count * sizeof *s->key);
    memcpy(s->item + from, s->item_room + from, count * sizeof *s->item);
    return true;
}

bool gn_sort(gn_render *r, gn_value **key, gn_value **item, size_t count, bool reverse) {
    sorter s = {.r = r, .key = key, .item = item, .reverse = reverse};
    s.key_room = gn_render_alloc(r, count * sizeof *key);
    s.item_room = gn_render_alloc(r, count * sizeof *item);
    return s.key_room && s.item_room && sort(&s, 0, count);
}
