/* fuzz_gguf.c - any bytes as a GGUF file: an error or a success, never a crash.
 *
 *   cmake -S . -B build/fuzz -DCMAKE_C_COMPILER=clang -DGNEISS_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug \
 *     -DCMAKE_C_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
 *   cmake --build build/fuzz --target gn_file
 *   clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -I. tests/fuzz/fuzz_gguf.c \
 *     build/fuzz/lib{gn_file,gn_num,gn_base}.a -ljson-c -lxxhash -lcrypto -lutf8proc -lm \
 *     -o build/fuzz/fuzz_gguf
 *   build/fuzz/fuzz_gguf -max_len=4096 NEW_INPUTS tests/fuzz/corpus/gguf
 */
#include "tests/fuzz/walk.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory, reached by a name with the right ending. */
static int file_in_memory(char *link, size_t room) {
    char target[64];
    const int fd = memfd_create("fuzz", 0);
    snprintf(target, sizeof target, "/proc/%d/fd/%d", (int)getpid(), fd);
    snprintf(link, room, "/tmp/gneiss-fuzz-%d.gguf", (int)getpid());
    unlink(link);
    if (fd < 0 || symlink(target, link) != 0)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64];
    static int fd = -1;
    gn_error e = {0};
    size_t sum = 0;
    if (fd < 0)
        fd = file_in_memory(path, sizeof path);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    walk(path, &e, &sum);
    return 0;
}
