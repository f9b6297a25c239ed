/* report_html.c - a report as one page: no script, nothing fetched, light and dark. */
#include "eval/compare.h"
#include "eval/report.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>gneiss report</title>\n"
    "<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em}\n"
    "table{border-collapse:collapse;margin:.6em 0 1.4em}\n"
    "th,td{padding:.2em .8em;border-bottom:1px solid #8884;text-align:left;vertical-align:top}\n"
    "th{border-bottom:2px solid #8888}\n"
    ".n{text-align:right;font-variant-numeric:tabular-nums}\n"
    "svg{max-width:100%;height:auto;color:light-dark(#204a87,#8ab4f8)}\n"
    "p.f{margin:.2em 0;color:#888}\n"
    "</style></head><body>\n<h1>gneiss report</h1>\n";

void gn_report_html(gn_str *out, const gn_report *r, gn_report_by by, const gn_comparison *c,
                    int n) {
    gn_str_puts(out, head);
    gn_report_table(out, r, by, GN_MARKUP_HTML);
    if (r->n > 1) {
        gn_str_puts(out, "<h2>over checkpoints</h2>\n");
        gn_report_history(out, r, by, GN_MARKUP_HTML);
    }
    if (n > 0) {
        gn_str_puts(out, "<h2>against the baseline</h2>\n");
        gn_comparisons_html(out, c, n);
    }
    gn_str_puts(out, "<h2>runs</h2>\n");
    for (int i = 0; i < r->n; i++) {
        gn_str facts = {0};
        gn_report_facts(&facts, r, i);
        gn_str_puts(out, "<p class=\"f\">");
        gn_html_text(out, gn_str_slice(&facts));
        gn_str_puts(out, "<br><code>");
        gn_html_text(out, gn_str_slice(&r->run[i].argv));
        gn_str_puts(out, "</code></p>\n");
        gn_str_release(&facts);
    }
    gn_str_puts(out, "</body></html>\n");
}
