/* out.c - see out.h. */
#include "app/cli/out.h"

#include <errno.h>
#include <stdio.h>

void gn_out_ids(gn_str *out, const int32_t *id, size_t n) {
    gn_str_putc(out, '[');
    for (size_t i = 0; i < n; i++)
        gn_str_fmt(out, i ? ",%d" : "%d", id[i]);
    gn_str_putc(out, ']');
}

void gn_out_top(gn_str *out, const gn_top *top, int n) {
    gn_str_putc(out, '[');
    for (int i = 0; i < n; i++) {
        gn_str_fmt(out, i ? ",[%d," : "[%d,", top[i].id);
        gn_json_write_f32(out, top[i].logprob);
        gn_str_putc(out, ']');
    }
    gn_str_putc(out, ']');
}

void gn_out_text(gn_str *out, gn_slice bytes) {
    gn_str_puts(out, "\"text\":");
    gn_json_write_string(out, bytes);
    if (!gn_utf8_valid(bytes)) {
        gn_str_puts(out, ",\"bytes\":\"");
        gn_base64(out, bytes.data, bytes.len);
        gn_str_putc(out, '"');
    }
}

void gn_out_number(gn_str *out, const char *name, double v) {
    gn_str_fmt(out, ",\"%s\":", name);
    gn_json_write_f64(out, v);
}

static bool written(size_t n, size_t want, gn_error *e) {
    if (n == want && fflush(stdout) == 0)
        return true;
    return gn_fail(e, GN_IO, "write to standard output: %s", strerror(errno));
}

bool gn_out_line(gn_str *line, gn_error *e) {
    gn_str_putc(line, '\n');
    if (!gn_str_ok(line, e))
        return false;
    const size_t n = fwrite(line->data, 1, line->len, stdout), want = line->len;
    gn_str_cut(line, 0);
    return written(n, want, e);
}

bool gn_out_steers(int32_t cp) {
    return (cp >= 0x80 && cp < 0xA0) || cp == 0x061C || cp == 0x200E || cp == 0x200F ||
           (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) || cp == 0xFEFF ||
           (cp >= 0xFFF9 && cp <= 0xFFFB) || (cp >= 0xE0000 && cp < 0xE1000);
}

void gn_out_visible(gn_str *out, gn_slice text) {
    for (size_t i = 0, n; i < text.len; i += n) {
        int32_t cp;
        n = gn_utf8_next(text, i, &cp);
        if (cp < 0)
            for (size_t k = 0; k < n; k++)
                gn_str_fmt(out, "\\x%02X", (unsigned char)text.data[i + k]);
        else if ((cp < 0x20 && cp != '\n' && cp != '\t') || cp == 0x7F)
            gn_str_fmt(out, "^%c", (char)(cp ^ 0x40));
        else if (gn_out_steers(cp))
            gn_str_fmt(out, "\\u%04X", (unsigned)cp);
        else
            gn_str_add(out, (gn_slice){text.data + i, n});
    }
}

bool gn_out_plain(gn_slice text, bool terminal, gn_error *e) {
    if (!terminal)
        return written(fwrite(text.data, 1, text.len, stdout), text.len, e);
    gn_str shown = {0};
    gn_out_visible(&shown, text);
    bool ok = gn_str_ok(&shown, e) &&
              written(fwrite(gn_str_text(&shown), 1, shown.len, stdout), shown.len, e);
    gn_str_release(&shown);
    return ok;
}
