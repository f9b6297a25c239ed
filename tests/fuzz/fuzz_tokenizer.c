/* fuzz_tokenizer.c - any bytes as tokenizer.json, and any bytes as text.
 *
 *   cmake -S . -B build/fuzz -DCMAKE_C_COMPILER=clang -DGNEISS_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug \
 *     -DCMAKE_C_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
 *   cmake --build build/fuzz --target gn_text
 *   clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -I. tests/fuzz/fuzz_tokenizer.c \
 *     build/fuzz/lib{gn_text,gn_base}.a -ljson-c -lpcre2-8 -lxxhash -lcrypto -lutf8proc -lm \
 *     -o build/fuzz/fuzz_tokenizer
 *   build/fuzz/fuzz_tokenizer -max_len=4096 NEW_INPUTS tests/fuzz/corpus/tokenizer
 */
#include "tests/fuzz/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const gn_slice text = {(const char *)data, size};
    tokens_any_json(text);
    tokens_any_text(text);
    return 0;
}
