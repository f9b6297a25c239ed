/* system.c - -p NAME: which of the two ways to a system prompt holds.
 *
 * What the saved prompt gives (saved.h) becomes the setting `system`, where everybody looks.
 */
#include "app/cli/command.h"
#include "app/cli/saved.h"

/* Which of the two was asked for nearer by: false: `system`, or none. */
static bool wants_file(const gn_settings *s, bool *both) {
    const char *name = gn_settings_text(s, "prompt"), *text = gn_settings_text(s, "system");
    const gn_source of_name = gn_settings_source(s, "prompt"),
                    of_text = gn_settings_source(s, "system");
    *both = name && text && of_name == GN_SOURCE_FLAG && of_text == GN_SOURCE_FLAG;
    return name && name[0] && (!text || of_name > of_text);
}

bool gn_settings_use_prompt(gn_settings *s, const char *model, const char *const *var, int n_var,
                            gn_error *e) {
    bool both;
    const bool wanted = wants_file(s, &both);
    if (both) {
        gn_fail(e, GN_INVALID, "a system prompt is given twice: -s TEXT and -p NAME");
        return gn_where(e, "--prompt");
    }
    if (!wanted) {
        if (n_var == 0)
            return true;
        gn_fail(e, GN_INVALID, "--var is for a saved prompt, and none is named with -p");
        return gn_where(e, "--var");
    }
    gn_str text = {0};
    const bool ok = gn_saved_prompt(gn_settings_text(s, "prompt"), model, var, n_var, &text, e) &&
                    gn_settings_set(s, GN_S("system"), gn_str_slice(&text),
                                    gn_settings_source(s, "prompt"), NULL, e);
    if (!ok)
        gn_where(e, "--prompt");
    gn_str_release(&text);
    return ok;
}
