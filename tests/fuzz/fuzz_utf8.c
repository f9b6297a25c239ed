/* fuzz_utf8.c - any bytes as text: everything unicode.h does with it ends, within its bounds.
 *
 * Built and run as fuzz_json.c says.
 */
#include "core/base/unicode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
    if (!ok)
        abort();
}

/* Normal forms are valid, and their own normal forms. */
static void normalize(gn_slice s, bool (*form)(gn_str *, gn_slice, gn_error *)) {
    gn_str once = {0}, twice = {0};
    gn_error e = {0};
    must(form(&once, s, &e) && gn_utf8_valid(gn_str_slice(&once)));
    must(form(&twice, gn_str_slice(&once), &e));
    must(gn_slice_equal(gn_str_slice(&once), gn_str_slice(&twice)));
    gn_str_release(&once);
    gn_str_release(&twice);
}

static void change_case(gn_slice s, void (*change)(gn_str *, gn_slice)) {
    gn_str out = {0};
    change(&out, s);
    must(!gn_utf8_valid(s) || gn_utf8_valid(gn_str_slice(&out)));
    gn_str_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const gn_slice s = {(const char *)data, size};
    gn_str repaired = {0};
    gn_utf8_repair(&repaired, s);
    must(gn_utf8_valid(gn_str_slice(&repaired)));
    must(gn_utf8_count(s) == gn_utf8_count(gn_str_slice(&repaired)));
    must(gn_utf8_valid(s) == gn_slice_equal(s, gn_str_slice(&repaired)));
    must(gn_utf8_partial(s) <= 3 && gn_utf8_partial(s) <= size);
    must(!gn_utf8_partial(s) || !gn_utf8_valid(s));

    int width;
    size_t i = 0;
    for (size_t n; (n = gn_grapheme_next(s, i, &width)) > 0; i += n)
        must(width >= 0 && width <= 2 && n <= size - i);
    must(i == size);
    must(gn_text_strip(s, true, true).len <= size);

    change_case(s, gn_text_lower);
    change_case(s, gn_text_upper);
    change_case(s, gn_text_title);
    change_case(s, gn_text_capitalize);
    normalize(s, gn_text_nfc);
    normalize(s, gn_text_nfd);
    normalize(s, gn_text_nfkc);
    normalize(s, gn_text_nfkd);
    gn_str_release(&repaired);
    return 0;
}
