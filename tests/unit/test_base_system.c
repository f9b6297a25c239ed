/* test_base_system.c - files, paths, time, random numbers, digests. */
/* floor: gn_base */
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/base/rng.h"
#include "tests/check.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[64];

/* A path in a fresh folder of this run; good until the next four calls. */
static const char *at(const char *name) {
    static char path[4][256];
    static int next;
    if (!folder[0]) {
        strcpy(folder, "/tmp/gneiss-test-XXXXXX");
        if (!mkdtemp(folder))
            exit(2);
    }
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static int files_in_folder(void) {
    int count = 0;
    DIR *d = opendir(at(""));
    for (struct dirent *entry; d && (entry = readdir(d));)
        count += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

__attribute__((destructor)) static void clean(void) {
    char command[128];
    if (!folder[0])
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        printf("  could not remove %s\n", folder);
}

static void check_holds(const char *path, const char *want) {
    gn_str s = {0};
    gn_error e = {0};
    if (!CHECK(gn_file_read(&s, path, 0, &e)))
        printf("    %s\n", e.message);
    CHECK_TEXT(gn_str_text(&s), want);
    gn_str_release(&s);
}

TEST(a_file_written_is_a_file_read) {
    gn_error e = {0};
    gn_file f;
    CHECK(gn_file_write(at("a"), GN_S("hello"), &e));
    check_holds(at("a"), "hello");
    CHECK(gn_file_map(&f, at("a"), &e) && f.size == 5 && memcmp(f.data, "hello", 5) == 0);
    gn_file_unmap(&f);
    CHECK(!f.data);
    gn_file_unmap(&f);
}

TEST(an_empty_file_maps_to_nothing) {
    gn_error e = {0};
    gn_file f;
    CHECK(gn_file_write(at("empty"), GN_S(""), &e));
    CHECK(gn_file_map(&f, at("empty"), &e) && !f.data && f.size == 0);
    check_holds(at("empty"), "");
    gn_file_unmap(&f);
}

TEST(what_cannot_be_opened_is_said_once_and_clearly) {
    gn_error e = {0};
    gn_file f;
    gn_str s = {0};
    CHECK(!gn_file_map(&f, "/nowhere/x", &e) && e.code == GN_IO);
    CHECK_TEXT(e.message, "open '/nowhere/x': No such file or directory");
    CHECK_TEXT(e.where, "/nowhere/x");
    CHECK(!gn_file_map(&f, "/tmp", &e) && !f.data);
    CHECK_TEXT(e.message, "open '/tmp': a folder, where a file is wanted");
    CHECK(!gn_file_read(&s, "/tmp", 0, &e));
    CHECK_TEXT(e.message, "open '/tmp': a folder, where a file is wanted");
    CHECK(!gn_file_map(&f, "/dev/null", &e));
    CHECK_TEXT(e.message,
               "open '/dev/null': a pipe or device cannot be mapped; give a regular file");
    gn_str_release(&s);
}

TEST(reading_stops_at_its_limit) {
    gn_error e = {0};
    gn_str s = {0};
    CHECK(gn_file_write(at("ten"), GN_S("0123456789"), &e));
    gn_str_puts(&s, ">");
    CHECK(gn_file_read(&s, at("ten"), 10, &e));
    CHECK_TEXT(s.data, ">0123456789");
    CHECK(!gn_file_read(&s, at("ten"), 9, &e) && e.code == GN_INVALID);
    CHECK(!gn_file_read(&s, "/dev/zero", 1000000, &e) && e.code == GN_INVALID);
    gn_str_release(&s);
}

TEST(a_writer_pads_and_patches) {
    enum { BIG = 300000 };
    static char big[BIG];
    gn_error e = {0};
    gn_file f;
    gn_writer *w = gn_writer_open(at("w"), &e);
    memset(big, 'b', BIG);
    CHECK(gn_writer_add(w, "head....", 8, &e) && gn_writer_pad(w, 512, &e));
    CHECK(gn_writer_offset(w) == 512 && gn_writer_pad(w, 512, &e) && gn_writer_offset(w) == 512);
    for (size_t i = 0, n = 1; i + n <= BIG; i += n, n = n * 3 + 1)
        CHECK(gn_writer_add(w, big + i, n, &e));
    const size_t end = gn_writer_offset(w);
    CHECK(gn_writer_patch(w, 4, "1234", 4, &e) && gn_writer_patch(w, end - 2, "zz", 2, &e));
    CHECK(gn_writer_add(w, "tail", 4, &e));
    CHECK(!gn_path_exists(at("w")));
    CHECK(gn_writer_commit(w, &e));
    CHECK(gn_file_map(&f, at("w"), &e) && f.size == end + 4);
    CHECK(memcmp(f.data, "head1234\0", 9) == 0 && f.data[511] == 0 && f.data[512] == 'b');
    CHECK(memcmp(f.data + end - 3, "bzztail", 7) == 0);
    gn_file_unmap(&f);
}

/* Pieces of every size, through a buffer that grows and past it. */
TEST(a_long_file_holds_what_was_added_whatever_was_expected) {
    enum { BIG = 11000003 };
    char *big = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 2654435761u >> 11);
    for (int expect = 0; expect < 3; expect++) {
        gn_error e = {0};
        gn_file f = {0};
        gn_writer *w = gn_writer_open(at("long"), &e);
        CHECK(!expect || gn_writer_expect(w, expect == 1 ? BIG + 100000 : BIG / 2, &e));
        for (size_t i = 0, n = 1; i < BIG; i += n, n = n < 900000 ? n * 5 / 3 + 1 : 77) {
            n = i + n < BIG ? n : BIG - i;
            CHECK(gn_writer_add(w, big + i, n, &e) && gn_writer_offset(w) == i + n);
        }
        CHECK(gn_writer_patch(w, 5000000, big + 5000000, 3, &e));
        CHECK(gn_writer_commit(w, &e));
        CHECK(gn_file_map(&f, at("long"), &e) && f.size == BIG && !memcmp(f.data, big, BIG));
        gn_file_unmap(&f);
    }
    unlink(at("long"));
    free(big);
}

TEST(an_aborted_writer_leaves_everything_as_it_was) {
    gn_error e = {0};
    CHECK(gn_file_write(at("kept"), GN_S("old"), &e));
    const int before = files_in_folder();
    gn_writer *w = gn_writer_open(at("kept"), &e);
    CHECK(gn_writer_add(w, "new", 3, &e) && files_in_folder() == before + 1);
    gn_writer_abort(w);
    gn_writer_abort(NULL);
    CHECK(files_in_folder() == before);
    check_holds(at("kept"), "old");
}

TEST(a_rewritten_file_keeps_its_mode_and_its_link) {
    gn_error e = {0};
    struct stat st;
    CHECK(gn_file_write(at("real"), GN_S("1"), &e) && chmod(at("real"), 0640) == 0);
    CHECK(symlink(at("real"), at("link")) == 0);
    CHECK(gn_file_write(at("link"), GN_S("2"), &e));
    CHECK(lstat(at("link"), &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(stat(at("real"), &st) == 0 && (st.st_mode & 0777) == 0640);
    check_holds(at("real"), "2");
}

TEST(a_writer_refuses_what_is_no_file) {
    gn_error e = {0};
    CHECK(!gn_writer_open("/dev/null", &e));
    CHECK_TEXT(e.message, "write '/dev/null': a pipe or device is in the way");
    CHECK(!gn_writer_open("/tmp", &e));
    CHECK_TEXT(e.message, "write '/tmp': a folder is in the way");
    CHECK(!gn_writer_open("/nowhere/x", &e));
    CHECK_TEXT(e.message, "write '/nowhere/x': No such file or directory");
}

TEST(a_file_that_does_not_fit_is_reported_and_removed) {
    gn_error e = {0};
    struct rlimit old, small;
    static char big[5 << 20];
    CHECK(gn_file_write(at("limited"), GN_S("old"), &e));
    const int before = files_in_folder();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    gn_writer *w = gn_writer_open(at("limited"), &e);
    CHECK(!gn_writer_add(w, big, sizeof big, &e));
    CHECK(strstr(e.message, "/limited': File too large") != NULL);
    CHECK(!gn_writer_commit(w, &e) && e.code == GN_IO);
    CHECK(!gn_file_write(at("limited"), (gn_slice){big, sizeof big}, &e));
    CHECK(!gn_file_write(at("limited"), (gn_slice){big, 200000}, &e)); /* known at the end */
    w = gn_writer_open(at("limited"), &e);
    gn_writer_expect(w, sizeof big, &e); /* a limit is no full disk: writing says it */
    CHECK(!gn_writer_add(w, big, sizeof big, &e));
    gn_writer_abort(w);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(files_in_folder() == before);
    check_holds(at("limited"), "old");
}

TEST(folders_are_where_xdg_says) {
    gn_str s = {0};
    gn_error e = {0};
    setenv("HOME", "/home/x", 1);
    unsetenv("XDG_CONFIG_HOME");
    setenv("XDG_DATA_HOME", "/data", 1);
    setenv("XDG_STATE_HOME", "relative", 1);
    CHECK(gn_path_user(&s, GN_DIR_CONFIG, &e));
    CHECK_TEXT(s.data, "/home/x/.config/gneiss");
    gn_str_release(&s);
    CHECK(gn_path_user(&s, GN_DIR_DATA, &e));
    CHECK_TEXT(s.data, "/data/gneiss");
    gn_str_release(&s);
    CHECK(gn_path_user(&s, GN_DIR_STATE, &e));
    CHECK_TEXT(s.data, "/home/x/.local/state/gneiss");
    gn_str_release(&s);
    unsetenv("HOME");
    CHECK(!gn_path_user(&s, GN_DIR_CACHE, &e) && e.code == GN_IO);
    CHECK_TEXT(e.message, "no home folder: set HOME or XDG_CACHE_HOME");
    gn_str_release(&s);
}

static void joined(const char *a, const char *b, const char *want) {
    gn_str s = {0};
    gn_path_join(&s, gn_slice_of(a), gn_slice_of(b));
    CHECK_TEXT(gn_str_text(&s), want);
    gn_str_release(&s);
}

TEST(paths_join_and_part) {
    joined("a", "b", "a/b");
    joined("a/", "b", "a/b");
    joined("a", "/b", "/b");
    joined("", "b", "b");
    joined("/", "b", "/b");
    gn_str s = {0};
    gn_str_puts(&s, "a");
    gn_path_join(&s, gn_str_slice(&s), GN_S("b"));
    gn_path_join(&s, gn_str_slice(&s), GN_S("c"));
    CHECK_TEXT(s.data, "a/b/c");
    gn_str_release(&s);
    CHECK(gn_slice_is(gn_path_name(GN_S("a/b.c")), "b.c"));
    CHECK(gn_slice_is(gn_path_name(GN_S("b.c")), "b.c"));
    CHECK(gn_slice_is(gn_path_folder(GN_S("a/b/c")), "a/b"));
    CHECK(gn_slice_is(gn_path_folder(GN_S("a//c")), "a"));
    CHECK(gn_slice_is(gn_path_folder(GN_S("/c")), "/"));
    CHECK(gn_slice_is(gn_path_folder(GN_S("c")), "."));
}

TEST(folders_are_made_with_their_parents) {
    gn_error e = {0};
    struct stat st;
    CHECK(gn_path_make_folder(at("d/e//f/"), &e) && gn_path_is_folder(at("d/e/f")));
    CHECK(gn_path_make_folder(at("d/e/f"), &e) && gn_path_make_folder("/", &e));
    CHECK(stat(at("d/e"), &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(gn_file_write(at("d/file"), GN_S(""), &e));
    CHECK(!gn_path_make_folder(at("d/file"), &e) && strstr(e.message, "in the way"));
    CHECK(!gn_path_make_folder(at("d/file/x"), &e) && e.code == GN_IO);
    CHECK(!gn_path_make_folder("", &e));
    CHECK(!gn_path_is_folder(at("d/file")) && gn_path_exists(at("d/file")));
}

TEST(time_runs_forward_and_is_written_in_full) {
    const double before = gn_seconds();
    char text[25], small[4];
    int part[7];
    gn_utc(text);
    CHECK(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", part, part + 1, part + 2, part + 3, part + 4,
                 part + 5, part + 6) == 7);
    CHECK(strlen(text) == 24 && part[0] >= 2024 && part[1] >= 1 && part[1] <= 12);
    CHECK(gn_local_time(text, sizeof text, "%Y") == 4 && abs(atoi(text) - part[0]) <= 1);
    CHECK(gn_local_time(small, sizeof small, "%Y-%m") == 0);
    CHECK(gn_seconds() >= before);
}

/* The first outputs of SplitMix64 from seed 0, as its authors' program gives them. */
TEST(splitmix64_is_the_published_one) {
    static const uint64_t want[] = {0xE220A8397B1DCDAFu, 0x6E789E6AA1B965F4u, 0x06C45D188009454Fu};
    for (uint64_t i = 0; i < 3; i++) {
        CHECK(gn_splitmix64((i + 1) * 0x9E3779B97F4A7C15u) == want[i]);
        CHECK(gn_uniform(0, i) == (float)(want[i] >> 40) / 16777216.0f);
    }
}

TEST(names_sort_by_the_time_they_were_given) {
    char id[3][27];
    gn_error e = {0};
    for (int i = 0; i < 3; i++) {
        CHECK(gn_ulid(id[i], &e));
        CHECK(strlen(id[i]) == 26 && strspn(id[i], "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == 26 &&
              id[i][0] <= '7');
        usleep(3000);
    }
    CHECK(strcmp(id[0], id[1]) < 0 && strcmp(id[1], id[2]) < 0);
    /* the time in it is now */
    static const char letter[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t ms = 0;
    for (int i = 0; i < 10; i++)
        ms = ms * 32 + (uint64_t)(strchr(letter, id[0][i]) - letter);
    CHECK(llabs((long long)(ms / 1000) - (long long)time(NULL)) < 5);
}

TEST(random_bytes_differ) {
    unsigned char a[1000] = {0}, b[1000] = {0};
    gn_error e = {0};
    int zero = 0;
    CHECK(gn_random_bytes(a, sizeof a, &e) && gn_random_bytes(b, sizeof b, &e));
    for (size_t i = 0; i < sizeof a; i++)
        zero += a[i] == 0;
    CHECK(memcmp(a, b, sizeof a) != 0 && zero < 40);
}

TEST(digests_are_the_standard_ones) {
    uint8_t digest[GN_SHA256_BYTES], again[GN_SHA256_BYTES];
    char hex[GN_SHA256_HEX];
    gn_sha256_of("abc", 3, digest); /* FIPS 180-2, B.1 */
    gn_hex(digest, sizeof digest, hex);
    CHECK_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    gn_sha256 *h = gn_sha256_new();
    gn_sha256_add(h, "a", 1);
    gn_sha256_add(h, NULL, 0);
    gn_sha256_add(h, "bc", 2);
    gn_sha256_end(h, again);
    CHECK(memcmp(digest, again, sizeof digest) == 0);
    gn_sha256_free(gn_sha256_new());
    gn_sha256_free(NULL);
    CHECK(gn_xxh3("", 0) == 0x2D06800538D394C2u); /* xxHash's own sanity table */
    CHECK(gn_xxh3(NULL, 0) == gn_xxh3("", 0) && gn_xxh3("a", 1) != gn_xxh3("b", 1));
}

/* RFC 4648, 10 */
TEST(base64_is_padded) {
    static const char *const want[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE="};
    for (size_t i = 0; i < 6; i++) {
        gn_str s = {0};
        gn_base64(&s, "fooba", i);
        CHECK_TEXT(gn_str_text(&s), want[i]);
        gn_str_release(&s);
    }
    gn_str s = {0};
    gn_base64(&s, "\xff\xfe\xfb\x00", 4);
    CHECK_TEXT(s.data, "//77AA==");
    gn_str_release(&s);
}
