/* test_corpus_files.c - every file of the fuzzers' corpora is read or refused, never more. */
/* floor: gn_file */
#include "tests/check.h"
#include "tests/fuzz/walk.h"

#include <dirent.h>

typedef struct tally {
    int opened, refused;
    size_t sum;
} tally;

static tally replay(const char *folder) {
    tally out = {0};
    struct dirent *entry;
    DIR *d = opendir(folder);
    if (!CHECK(d != NULL))
        return out;
    while ((entry = readdir(d))) {
        char path[512];
        gn_error e = {0};
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (walk(path, &e, &out.sum)) {
            out.opened++;
            continue;
        }
        out.refused++;
        if (!CHECK(e.code != GN_OK && strchr(e.message, '\n') == NULL) ||
            !CHECK(strstr(e.message, entry->d_name) != NULL))
            printf("    %s: %s\n", path, e.message);
    }
    closedir(d);
    return out;
}

TEST(every_gguf_of_the_corpus_is_read_or_refused_by_name) {
    const tally t = replay("tests/fuzz/corpus/gguf");
    CHECK(t.opened >= 1 && t.refused >= 20);
}

TEST(every_safetensors_file_of_the_corpus_is_read_or_refused_by_name) {
    const tally t = replay("tests/fuzz/corpus/safetensors");
    CHECK(t.opened >= 1 && t.refused >= 15);
}
