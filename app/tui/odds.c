/* odds.c - see odds.h. */
#include "app/tui/odds.h"

#include <math.h>
#include <stdio.h>

static int step_of(float logprob) {
    const double p = exp((double)logprob);
    return p >= 0.9 ? 0 : p >= 0.5 ? 1 : p >= 0.1 ? 2 : 3;
}

gn_style gn_odds_style(float logprob) {
    static const gn_style style[] = {GN_STYLE_PLAIN, GN_STYLE_LIKELY, GN_STYLE_UNLIKELY,
                                     GN_STYLE_WILD};
    return isnan(logprob) ? GN_STYLE_PLAIN : style[step_of(logprob)];
}

char gn_odds_mark(float logprob) { return isnan(logprob) ? ' ' : "_.:#"[step_of(logprob)]; }

bool gn_odds_surprises(gn_logprob score) {
    return !isnan(score.logprob) && (score.rank > 0 || step_of(score.logprob) == 3);
}

void gn_odds_of(gn_odds *o, const gn_tokens *made) {
    o->count = 0;
    for (int i = 0; i < made->count; i++) {
        const gn_style style = gn_odds_style(made->score[i].logprob);
        gn_run *last = o->count ? &o->run[o->count - 1] : NULL;
        if (last && last->style == style)
            last->end = made->end[i];
        else if (gn_vec_reserve(&o->run, &o->room, o->count + 1, sizeof *o->run))
            o->run[o->count++] = (gn_run){made->end[i], style};
    }
}

void gn_odds_release(gn_odds *o) {
    free(o->run);
    *o = (gn_odds){0};
}

/* ---- filters ------------------------------------------------------------ */

bool gn_odds_fates(const gn_token_row *row, const gn_sampling *how, gn_fate *out) {
    const int n = row->n_top;
    if (n == 0)
        return true;
    if (!isnan(row->after[0].p)) {
        memcpy(out, row->after, (size_t)n * sizeof *out);
        return true;
    }
    if (how->temp <= 0.0f) {
        for (int i = 0; i < n; i++)
            out[i] = (gn_fate){i == 0 ? 1.0f : 0.0f, i == 0 ? 0 : 't'};
        return how->n_bias == 0;
    }
    /* Odds against the likeliest; those that are not known: no more than the last known. */
    const double T = (double)how->temp, first = (double)row->top[0].logprob,
                 last = (double)row->top[n - 1].logprob;
    double known = 0, mass = 0;
    int count = 0;
    for (; count < n && row->top[count].id >= 0; count++) {
        const double p = exp(((double)row->top[count].logprob - first) / T);
        mass += exp((double)row->top[count].logprob);
        if (how->top_k > 0 && count >= how->top_k)
            out[count] = (gn_fate){0.0f, 'k'};
        else {
            out[count] = (gn_fate){(float)p, 0};
            known += p;
        }
    }
    const bool whole = mass > 0.99999 || (how->top_k > 0 && how->top_k <= count);
    const double rest = whole ? 0 : fmax(0, 1 - mass) * exp((last - first) / T - last);
    double kept = 0;
    bool cut = whole;
    for (int i = 0; i < count && out[i].cut == 0; i++) {
        const bool small = how->min_p > 0.0f && i > 0 &&
                           out[i].p<how->min_p, enough = how->top_p> 0.0f && how->top_p < 1.0f &&
                           kept / (known + rest) >= (double)how->top_p;
        if (small || enough) {
            out[i].cut = small ? 'm' : 'p';
            cut = true;
        } else
            kept += (double)out[i].p;
    }
    for (int i = 0; i < count; i++)
        out[i].p = out[i].cut ? 0.0f : (float)((double)out[i].p / (cut ? kept : known + rest));
    for (int i = count; i < n; i++)
        out[i] = (gn_fate){0.0f, 0};
    const bool nucleus = how->top_p > 0.0f && how->top_p < 1.0f;
    const bool changed =
        how->n_bias > 0 || (how->repeat_penalty != 0.0f && how->repeat_penalty != 1.0f);
    /* Where nothing known was cut, how much was kept of the rest is not known. */
    return !changed &&
           (whole || (cut && (!nucleus || T == 1)) || (T == 1 && !nucleus && how->min_p <= 0.0f));
}

void gn_odds_cut(char cut, const gn_sampling *how, char *out, size_t size) {
    switch (cut) {
    case 'k':
        snprintf(out, size, "top-k %d", how->top_k);
        break;
    case 'p':
        snprintf(out, size, "top-p %.3g", (double)how->top_p);
        break;
    case 'm':
        snprintf(out, size, "min-p %.3g", (double)how->min_p);
        break;
    case 't':
        snprintf(out, size, "temp 0");
        break;
    default:
        snprintf(out, size, "%s", "");
    }
}

void gn_odds_quote(gn_slice bytes, gn_str *out) {
    gn_str_putc(out, '"');
    for (size_t i = 0; i < bytes.len;) {
        int32_t cp;
        const size_t n = gn_utf8_next(bytes, i, &cp);
        const unsigned char c = (unsigned char)bytes.data[i];
        if (cp < 0)
            for (size_t k = 0; k < n; k++)
                gn_str_fmt(out, "\\x%02x", (unsigned)(unsigned char)bytes.data[i + k]);
        else if (c == '\n' || c == '\t' || c == '\r')
            gn_str_puts(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c == '"' || c == '\\')
            gn_str_fmt(out, "\\%c", c);
        else
            gn_str_add(out, (gn_slice){bytes.data + i, n});
        i += n ? n : 1;
    }
    gn_str_putc(out, '"');
}
