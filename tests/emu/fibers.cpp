/* fibers.cpp - the threads of a block, one fiber each, and what they wait for. */
#include <emu.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <sys/mman.h>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;
uint64_t emu_lane_word[2][1024];
unsigned char emu_turn[1024];
int emu_now;

namespace {

enum { STACK = 64 << 10, MOST_THREADS = 1024, SHARED_BYTES = 48 << 10 };
enum state { NEW, READY, AT_BARRIER, AT_WARP, DONE, WRONG };

struct fiber {
#if defined(__x86_64__)
    void *sp;
#else
    ucontext_t context;
#endif
    char *stack;
    state at;
    int where;
    size_t shared; /* used by this thread's declarations so far */
    void *fake;
};

fiber thread[MOST_THREADS];
fiber scheduler;
std::vector<char *> spare;
int &now = emu_now;
int order[MOST_THREADS];    /* in which threads take their turns */
dim3 place[MOST_THREADS];   /* what threadIdx says to each */
int turn, threads_of_block; /* where in order we are */
alignas(16) char arena[SHARED_BYTES];
const std::function<void()> *body;
const char *kernel_name = "";
bool caught, inside; /* somebody hears complaints; a fiber runs */
char complaint[256];
struct complained {};

#if defined(__x86_64__)
extern "C" void emu_switch(void **from, void *to);
asm(".text\n"
    ".type emu_switch,@function\n"
    "emu_switch:\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp,(%rdi)\n"
    "  mov %rsi,%rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
    "  ret\n"
    ".size emu_switch,.-emu_switch\n");
#endif

#if defined(__SANITIZE_ADDRESS__)
const void *main_stack; /* the scheduler's */
size_t main_size;
bool from_home; /* the last change was the scheduler's */
#endif

/* Leave one fiber for another; ASan is told whose stack is whose. */
void change(fiber *from, fiber *to, bool last) {
#if defined(__SANITIZE_ADDRESS__)
    const bool home = to == &scheduler;
    from_home = from == &scheduler;
    __sanitizer_start_switch_fiber(last ? nullptr : &from->fake, home ? main_stack : to->stack,
                                   home ? main_size : static_cast<size_t>(STACK));
#else
    (void)last;
#endif
#if defined(__x86_64__)
    emu_switch(&from->sp, to->sp);
#else
    swapcontext(&from->context, &to->context);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from->fake, nullptr, nullptr);
#endif
}

void first_breath() {
#if defined(__SANITIZE_ADDRESS__)
    static const void *stack; /* not on a stack that is never left in order */
    static size_t size;
    __sanitizer_finish_switch_fiber(nullptr, &stack, &size);
    if (from_home) {
        main_stack = stack;
        main_size = size;
    }
#endif
    (*body)();
    thread[now].at = DONE;
    change(&thread[now], &scheduler, true);
    abort();
}

void begin(fiber *f) {
    if (spare.empty()) {
        void *p = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            fprintf(stderr, "emu: no memory for a stack\n");
            exit(2);
        }
        spare.push_back(static_cast<char *>(p));
    }
    f->stack = spare.back();
    spare.pop_back();
#if defined(__x86_64__)
    void **sp = reinterpret_cast<void **>(f->stack + STACK);
    *--sp = nullptr; /* the call that never was: keeps the stack aligned as the ABI asks */
    *--sp = reinterpret_cast<void *>(first_breath);
    for (int i = 0; i < 6; i++)
        *--sp = nullptr;
    f->sp = sp;
#else
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK;
    f->context.uc_link = nullptr;
    makecontext(&f->context, first_breath, 0);
#endif
}

[[noreturn]] void complain(const char *what, int a, int b, int c) {
    snprintf(complaint, sizeof complaint, "kernel %s, block %u,%u,%u: ", kernel_name, blockIdx.x,
             blockIdx.y, blockIdx.z);
    const size_t n = strlen(complaint);
    snprintf(complaint + n, sizeof complaint - n, what, a, b, c);
    if (!caught) {
        fprintf(stderr, "emu: %s\n", complaint);
        abort();
    }
    if (!inside)
        throw complained();
    thread[now].at = WRONG; /* the scheduler throws: a fiber has nobody to catch it */
    change(&thread[now], &scheduler, true);
    abort();
}

/* Thread i has its turn. */
fiber *enter(int i) {
    fiber *f = &thread[i];
    if (f->at == NEW)
        begin(f);
    f->at = READY;
    now = i;
    threadIdx = place[i];
    return f;
}

/* The next whose turn it is follows at once; after the last the scheduler does. */
void wait_for(state at, int where) {
    fiber *f = &thread[now];
    f->at = at;
    f->where = where;
    while (++turn < threads_of_block) {
        const int i = order[turn];
        if (thread[i].at != NEW && thread[i].at != READY)
            continue;
        change(f, enter(i), false);
        return;
    }
    change(f, &scheduler, false);
}

/* Warps whose lanes are all at one shuffle go on; the same for the block's barrier. */
void release(int n) {
    int done = 0, barrier = 0, warp = 0;
    bool any = false;
    for (int first = 0; first < n; first += 32) {
        int here = 0;
        for (int i = first; i < first + 32 && i < n; i++)
            here += thread[i].at == AT_WARP && thread[i].where == thread[first].where;
        if (here < 32)
            continue;
        for (int i = first; i < first + 32; i++)
            thread[i].at = READY;
        any = true;
    }
    if (any)
        return;
    for (int i = 0; i < n; i++) {
        done += thread[i].at == DONE;
        barrier += thread[i].at == AT_BARRIER && thread[i].where == thread[0].where;
        warp += thread[i].at == AT_WARP;
    }
    if (done == n)
        return;
    if (barrier != n)
        complain("divergent: %d threads at one barrier, %d in a shuffle, %d gone", barrier, warp,
                 done);
    for (int i = 0; i < n; i++)
        thread[i].at = READY;
}

void arrange(int n) {
    const unsigned from = emu.seed * 7;
    unsigned odd = 2 * (emu.seed % 13) + 1;
    while (std::gcd(odd, static_cast<unsigned>(n)) != 1) /* or it would not meet everyone */
        odd += 2;
    for (int k = 0; k < n; k++) {
        const unsigned u = static_cast<unsigned>(k);
        order[k] = static_cast<int>((u * odd + from) % static_cast<unsigned>(n));
        place[k] = dim3(u % blockDim.x, u / blockDim.x % blockDim.y, u / blockDim.x / blockDim.y);
    }
}

size_t poisoned = SHARED_BYTES; /* bytes of the arena that were written since they were */

void run_block(int n) {
    memset(arena, 0xff, poisoned);
    poisoned = 0;
    threads_of_block = n;
    memset(emu_turn, 0, static_cast<size_t>(n));
    for (int i = 0; i < n; i++) {
        thread[i].at = NEW;
        thread[i].shared = 0;
        thread[i].where = 0;
    }
    for (int left = n; left > 0;) {
        for (turn = 0; turn < n; turn++) {
            const int i = order[turn];
            if (thread[i].at != NEW && thread[i].at != READY)
                continue;
            inside = true;
            change(&scheduler, enter(i), false);
            inside = false;
            const fiber *f = &thread[now]; /* who came back */
            if (f->at == WRONG)
                throw complained();
            if (f->at == DONE) {
                spare.push_back(f->stack);
                left--;
            }
        }
        release(n);
    }
}

} // namespace

void *emu_shared(size_t bytes) {
    fiber *f = &thread[now];
    void *p = arena + f->shared;
    f->shared += (bytes + 15) & ~static_cast<size_t>(15);
    if (f->shared > SHARED_BYTES)
        complain("more than %d bytes of shared memory", SHARED_BYTES, 0, 0);
    poisoned = f->shared > poisoned ? f->shared : poisoned;
    return p;
}

void emu_barrier(int where) { wait_for(AT_BARRIER, where); }
void emu_warp(int where) { wait_for(AT_WARP, where); }

void emu_run_kernel(const char *name, dim3 grid, dim3 block, const std::function<void()> &f) {
    const unsigned threads = block.x * block.y * block.z;
    const size_t blocks = static_cast<size_t>(grid.x) * grid.y * grid.z;
    kernel_name = name;
    gridDim = grid;
    blockDim = block;
    blockIdx = dim3(0, 0, 0);
    if (threads == 0 || threads > MOST_THREADS || blocks == 0 || grid.y > 65535 || grid.z > 65535)
        complain("a grid or block that CUDA refuses: %d threads, %d y, %d z",
                 static_cast<int>(threads), static_cast<int>(grid.y), static_cast<int>(grid.z));
    body = &f;
    arrange(static_cast<int>(threads));
    for (size_t i = 0; i < blocks; i++) {
        const size_t b = emu.seed & 1 ? blocks - 1 - i : i;
        blockIdx =
            dim3(static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                 static_cast<unsigned>(b / grid.x / grid.y));
        run_block(static_cast<int>(threads));
    }
}

const char *emu_complaint(const std::function<void()> &f) {
    complaint[0] = 0;
    caught = true;
    try {
        f();
    } catch (const complained &) {
    }
    caught = false;
    return complaint;
}

/* ---- the tensor core ------------------------------------------------------- */

static float half(uint32_t two, int which) {
    const uint32_t h = which ? two >> 16 : two & 0xffffu, rest = h & 0x7fffu;
    float v;
    if (rest < 0x400u)
        v = static_cast<float>(rest) * 0x1p-24f;
    else {
        const uint32_t bits =
            rest >= 0x7c00u ? (rest << 13) | 0x7f800000u : (rest << 13) + 0x38000000u;
        memcpy(&v, &bits, sizeof v);
    }
    return h & 0x8000u ? -v : v;
}

void emu_mma(float d[4], const uint32_t a[4], const uint32_t b[2], int where) {
    static uint32_t A[MOST_THREADS][4], B[MOST_THREADS][2];
    const int me = now, warp = me & ~31, group = (me & 31) / 4, pair = (me & 31) % 4;
    memcpy(A[me], a, sizeof A[me]);
    memcpy(B[me], b, sizeof B[me]);
    emu_warp(where);
    float sum[4];
    for (int i = 0; i < 4; i++) {
        const int row = group + 8 * (i / 2), col = 2 * pair + i % 2;
        sum[i] = d[i];
        for (int k = 0; k < 16; k++) {
            /* a: registers 0, 1 hold k < 8 of rows g, g + 8; 2, 3 the same of k >= 8 */
            const uint32_t *af = A[warp + row % 8 * 4 + k % 8 / 2];
            const uint32_t *bf = B[warp + col * 4 + k % 8 / 2];
            sum[i] += half(af[row / 8 + 2 * (k / 8)], k % 2) * half(bf[k / 8], k % 2);
        }
    }
    emu_warp(-where);
    memcpy(d, sum, sizeof sum);
}

static float tf32(uint32_t bits) {
    bits &= 0xffffe000u; /* the GPU does not look at the rest */
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void emu_mma_tf32(float d[4], const uint32_t a[4], const uint32_t b[2], int where) {
    static uint32_t A[MOST_THREADS][4], B[MOST_THREADS][2];
    const int me = now, warp = me & ~31, group = (me & 31) / 4, pair = (me & 31) % 4;
    memcpy(A[me], a, sizeof A[me]);
    memcpy(B[me], b, sizeof B[me]);
    emu_warp(where);
    float sum[4];
    for (int i = 0; i < 4; i++) {
        const int row = group + 8 * (i / 2), col = 2 * pair + i % 2;
        sum[i] = d[i];
        for (int k = 0; k < 8; k++) /* a: registers 0, 1 hold k < 4 of rows g, g + 8 */
            sum[i] += tf32(A[warp + row % 8 * 4 + k % 4][row / 8 + 2 * (k / 4)]) *
                      tf32(B[warp + col * 4 + k % 4][k / 4]);
    }
    emu_warp(-where);
    memcpy(d, sum, sizeof sum);
}
