/* test_template_corpus.c - every file of the fuzzer's corpus is rendered or refused, never more. */
/* floor: gn_template */
#include "tests/check.h"
#include "tests/fuzz/as_template.h"

#include "core/base/file.h"

#include <dirent.h>

TEST(every_template_of_the_corpus_is_rendered_or_refused_in_one_line) {
    int rendered = 0, refused = 0;
    struct dirent *entry;
    DIR *d = opendir("tests/fuzz/corpus/template");
    if (!CHECK(d != NULL))
        return;
    while ((entry = readdir(d))) {
        char path[512];
        gn_error e = {0};
        gn_str input = {0};
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "tests/fuzz/corpus/template/%s", entry->d_name);
        CHECK(gn_file_read(&input, path, 0, &e));
        if (as_template(gn_str_slice(&input), &e))
            rendered++;
        else if (CHECK(e.code != GN_OK && e.message[0] && !strchr(e.message, '\n')))
            refused++;
        gn_str_release(&input);
    }
    closedir(d);
    CHECK(rendered >= 5 && refused >= 10);
}
