"""The characters whose upper or title case is more than one character, as a C table.

    python3 tests/oracle/make_special_casing.py > core/base/special_casing.h

Taken from Python's own tables (Unicode 14; Unicode has promised not to change them).
"""
print("""/* special_casing.h - characters whose upper or title case is more than one character.
 *
 * Made by tests/oracle/make_special_casing.py; sorted by code point, 0 where nothing is.
 */
#ifndef GN_BASE_SPECIAL_CASING_H
#define GN_BASE_SPECIAL_CASING_H

#include <stdint.h>

typedef struct special_casing {
    int32_t from, upper[3], title[3];
} special_casing;

/* clang-format off */
static const special_casing special[] = {""")
for c in range(0x110000):
    upper, title = chr(c).upper(), chr(c).title()
    if len(upper) > 1 or len(title) > 1:
        row = [", ".join("0x%04X" % ord(x) for x in s) for s in (upper, title)]
        print("    {0x%04X, {%s}, {%s}}," % (c, *row))
print("""};
/* clang-format on */

#endif""")
