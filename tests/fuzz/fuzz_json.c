/* fuzz_json.c - any bytes as JSON: refused in one sentence, or written and read again alike.
 *
 *   cmake -S . -B build/fuzz -DCMAKE_C_COMPILER=clang -DGNEISS_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug \
 *     -DCMAKE_C_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
 *   cmake --build build/fuzz --target gn_base
 *   clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -I. tests/fuzz/fuzz_json.c \
 *     build/fuzz/libgn_base.a -ljson-c -lxxhash -lcrypto -lutf8proc -lm -o build/fuzz/fuzz_json
 *   build/fuzz/fuzz_json -max_len=4096 NEW_INPUTS tests/fuzz/corpus/json
 */
#include "core/base/json.h"

#include "core/base/unicode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_and_write(gn_str *out, gn_slice text) {
    gn_arena a = {.limit = 64 << 20};
    gn_error e = {0};
    const gn_value *v = gn_json_parse(&a, text, &e);
    if (v)
        gn_json_write(out, v);
    else if (!e.code || !e.message[0])
        abort();
    gn_arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gn_str once = {0}, twice = {0};
    read_and_write(&once, (gn_slice){(const char *)data, size});
    if (once.len) {
        if (!gn_utf8_valid(gn_str_slice(&once)))
            abort();
        read_and_write(&twice, gn_str_slice(&once));
        if (!gn_slice_equal(gn_str_slice(&once), gn_str_slice(&twice)))
            abort();
    }
    gn_str_release(&once);
    gn_str_release(&twice);
    return 0;
}
