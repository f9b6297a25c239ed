/* as_template.h - render bytes that may be anything. */
#ifndef GN_TESTS_AS_TEMPLATE_H
#define GN_TESTS_AS_TEMPLATE_H

#include "core/base/json.h"
#include "core/template/template.h"

#include <stdlib.h>

static const char as_template_vars[] = "{\"messages\": [{\"role\": \"system\", \"content\": \"be "
                                       "\xC3\xA9\"}, {\"role\": \"user\", \"content\": "
                                       "\"<hi> 'there'\\n\"}, {\"role\": \"assistant\", "
                                       "\"content\": null, \"tool_calls\": [{\"function\": "
                                       "{\"name\": \"f\", \"arguments\": {\"x\": [1, 2.5, "
                                       "true]}}}]}], \"n\": 7, \"f\": -0.5, \"t\": \"a,b c\", "
                                       "\"xs\": [3, 1, 2], \"d\": {\"k\": 1, \"items\": \"v\"}}";

/* By the first byte: 'c' a chat template, 't' a task's, 'x' and 'y' an expression
 * in either environment, 'l' a Python literal; anything else is a chat template too. */
static bool as_template(gn_slice input, gn_error *e) {
    gn_arena a = {.limit = 64 << 20};
    gn_str out = {0};
    const char kind = input.len ? input.data[0] : 'c';
    const bool expression = kind == 'x' || kind == 'y';
    const gn_template_environment env =
        kind == 't' || kind == 'y' ? GN_TEMPLATE_TASK : GN_TEMPLATE_CHAT;
    const gn_slice source = gn_slice_from(input, 1);
    const gn_value *vars = gn_json_parse(&a, gn_slice_of(as_template_vars), e);
    bool ok = false;
    if (kind == 'l') {
        const gn_value *v = gn_literal_parse(&a, source, e);
        ok = v != NULL;
        if (v)
            gn_print_repr(&out, v);
    } else {
        gn_template *t =
            expression ? gn_template_expression(source, env, e) : gn_template_new(source, env, e);
        if (t && expression) {
            gn_value *v = gn_template_evaluate(t, vars, &a, e);
            ok = v != NULL;
            if (v)
                gn_json_write(&out, v);
        } else if (t) {
            ok = gn_template_render(t, vars, &out, e);
        }
        gn_template_free(t);
    }
    gn_str_release(&out);
    gn_arena_release(&a);
    return ok;
}

#endif
