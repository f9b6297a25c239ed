/* fuzz_yaml.c - any bytes as YAML: refused in one sentence, or a value that JSON can hold.
 *
 * Built and run as fuzz_json.c says, with -lyaml.
 */
#include "core/base/yaml.h"

#include "core/base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gn_arena a = {.limit = 64 << 20}, b = {.limit = 0};
    gn_error e = {0};
    gn_str out = {0};
    const gn_value *v = gn_yaml_parse(&a, (gn_slice){(const char *)data, size}, &e);
    if (v) {
        gn_json_write(&out, v);
        gn_error refused = {0};
        /* JSON of ours has no NUL in keys to read; YAML may make one ("\0": x). */
        if (!gn_json_parse(&b, gn_str_slice(&out), &refused) && refused.code != GN_UNSUPPORTED)
            abort();
    } else if (!e.code || !e.message[0])
        abort();
    gn_str_release(&out);
    gn_arena_release(&a);
    gn_arena_release(&b);
    return 0;
}
