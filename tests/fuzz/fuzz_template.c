/* fuzz_template.c - any bytes as a template: text or an error, never a crash or an endless loop.
 *
 *   cmake -S . -B build/fuzz -DCMAKE_C_COMPILER=clang -DGNEISS_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug \
 *     -DCMAKE_C_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
 *   cmake --build build/fuzz --target gn_template
 *   clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -I. tests/fuzz/fuzz_template.c \
 *     build/fuzz/lib{gn_template,gn_base}.a -ljson-c -lpcre2-8 -lxxhash -lcrypto -lutf8proc -lm \
 *     -o build/fuzz/fuzz_template
 *   build/fuzz/fuzz_template -max_len=400 NEW_INPUTS tests/fuzz/corpus/template
 *
 * The first byte says what the rest is: see as_template.h.
 */
#include "tests/fuzz/as_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gn_error e = {0};
    if (!as_template((gn_slice){(const char *)data, size}, &e) && e.code == GN_OK)
        abort(); /* a failure must say why */
    return 0;
}
