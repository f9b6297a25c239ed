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
#if defined(GN_FIBERS_UNDER_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

bool emu_lock_memory(bool on); /* runtime.cpp */

dim3 threadIdx, blockIdx, blockDim, gridDim;
uint64_t emu_lane_word[2][1024];
unsigned char emu_turn[1024];
int emu_now;

namespace {

enum { STACK = 64 << 10, MOST_THREADS = 1024, SHARED_BYTES = 48 << 10 };
enum state : unsigned char { NEW, READY, AT_BARRIER, AT_WARP, DONE, WRONG };

struct fiber {
#if defined(__x86_64__)
    void *sp;
#else
    ucontext_t context;
#endif
    char *stack;
    void *fake;
};

fiber thread[MOST_THREADS];
state at[MOST_THREADS];      /* what each thread does, */
int line[MOST_THREADS];      /* where it waits, */
size_t shared[MOST_THREADS]; /* and what its declarations of shared memory took so far */
fiber scheduler;
std::vector<char *> spare;
int &now = emu_now;
int order[MOST_THREADS];    /* in which threads take their turns */
dim3 place[MOST_THREADS];   /* what threadIdx says to each */
int turn, threads_of_block; /* where in order we are */
int left;                   /* threads that are not done */
alignas(16) char arena[SHARED_BYTES];
const std::function<void()> *body;
const char *kernel_name = "";
bool caught, inside; /* somebody hears complaints; a fiber runs */
char complaint[256];
struct complained {};
bool must_wait, ahead; /* a kernel that begins early; what it does before its wait is tried */
char waited[MOST_THREADS];

#if defined(__x86_64__)
extern "C" void emu_switch(void **from, void *to);
asm(".text\n"
    ".type emu_switch,@function\n"
    "emu_switch:\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp,(%rdi)\n"
    "  mov %rsi,%rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
    "  pop %rcx\n  jmp *%rcx\n" /* a ret would never be what the processor expects */
    ".size emu_switch,.-emu_switch\n");
#endif

#if defined(GN_FIBERS_UNDER_ASAN)
const void *main_stack; /* the scheduler's */
size_t main_size;
bool from_home; /* the last change was the scheduler's */
#endif

/* Leave one fiber for another; ASan is told whose stack is whose. */
void change(fiber *from, fiber *to, bool last) {
#if defined(GN_FIBERS_UNDER_ASAN)
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
#if defined(GN_FIBERS_UNDER_ASAN)
    __sanitizer_finish_switch_fiber(from->fake, nullptr, nullptr);
#endif
}

/* Whose turn is next, counted as turn is; threads_of_block: nobody's. */
int next_turn() {
    int t = turn + 1;
    while (t < threads_of_block && at[order[t]] != NEW && at[order[t]] != READY)
        t++;
    return t;
}

/* Thread i has its turn. */
void enter(int i) {
    at[i] = READY;
    now = i;
    threadIdx = place[i];
}

[[noreturn]] void complain(const char *what, int a, int b, int c);

void first_breath() {
#if defined(GN_FIBERS_UNDER_ASAN)
    static const void *stack; /* not on a stack that is never left in order */
    static size_t size;
    __sanitizer_finish_switch_fiber(nullptr, &stack, &size);
    if (from_home) {
        main_stack = stack;
        main_size = size;
    }
#endif
    for (;;) {
        (*body)();
        if (must_wait && !ahead && !waited[now])
            complain("a thread that did not wait for the kernel before", 0, 0, 0);
        at[now] = DONE;
        left--;
        const int next = next_turn();
        if (next == threads_of_block || at[order[next]] != NEW)
            break;
        turn = next; /* who has not begun may have this stack */
        thread[order[turn]].stack = thread[now].stack;
        enter(order[turn]);
    }
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
    /* Stacks begin at different lines of a page, or all of them would want the same ones of a cache. */
    const size_t lower = static_cast<size_t>(f - thread) % 32 * 128;
    void **sp = reinterpret_cast<void **>(f->stack + STACK - lower);
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
    ahead = false;
    emu_lock_memory(false);
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
    at[now] = WRONG; /* the scheduler throws: a fiber has nobody to catch it */
    change(&thread[now], &scheduler, true);
    abort();
}

/* The next whose turn it is follows at once; after the last the scheduler does. */
void wait_for(state what, int where) {
    fiber *f = &thread[now];
    at[now] = what;
    line[now] = where;
    turn = next_turn();
    if (turn == threads_of_block) {
        change(f, &scheduler, false);
        return;
    }
    const int i = order[turn];
    if (at[i] == NEW)
        begin(&thread[i]);
    enter(i);
    change(f, &thread[i], false);
}

/* Warps whose lanes are all at one shuffle go on; the same for the block's barrier. */
void release(int n) {
    int done = 0, barrier = 0, warp = 0;
    bool any = false;
    for (int first = 0; first + 32 <= n; first += 32) {
        int here = 0;
        for (int i = 0; i < 32; i++)
            here += at[first + i] == AT_WARP && line[first + i] == line[first];
        if (here < 32)
            continue;
        memset(at + first, READY, 32);
        any = true;
    }
    if (any || left == 0)
        return;
    for (int i = 0; i < n; i++) {
        done += at[i] == DONE;
        barrier += at[i] == AT_BARRIER && line[i] == line[0];
        warp += at[i] == AT_WARP;
    }
    if (barrier != n)
        complain("divergent: %d threads at one barrier, %d in a shuffle, %d gone", barrier, warp,
                 done);
    memset(at, READY, static_cast<size_t>(n));
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
    threads_of_block = left = n;
    memset(emu_turn, 0, static_cast<size_t>(n));
    memset(waited, 0, static_cast<size_t>(n));
    memset(at, NEW, static_cast<size_t>(n));
    memset(shared, 0, static_cast<size_t>(n) * sizeof *shared);
    while (left > 0) {
        for (turn = -1; (turn = next_turn()) < n;) {
            const int i = order[turn];
            if (at[i] == NEW)
                begin(&thread[i]);
            enter(i);
            inside = true;
            change(&scheduler, &thread[i], false);
            inside = false;
            if (at[now] == WRONG) /* now: who came back */
                throw complained();
            if (at[now] == DONE)
                spare.push_back(thread[now].stack);
        }
        release(n);
    }
}

} // namespace

void *emu_shared(size_t bytes) {
    size_t *taken = &shared[now];
    void *p = arena + *taken;
    *taken += (bytes + 15) & ~static_cast<size_t>(15);
    if (*taken > SHARED_BYTES)
        complain("more than %d bytes of shared memory", SHARED_BYTES, 0, 0);
    poisoned = *taken > poisoned ? *taken : poisoned;
    return p;
}

void emu_barrier(int where) { wait_for(AT_BARRIER, where); }
void emu_warp(int where) { wait_for(AT_WARP, where); }

/* The scheduler has the block's other threads go on, and this one not: it has waited, or is done. */
static void leave_ahead() {
    at[now] = DONE;
    left--;
    change(&thread[now], &scheduler, true);
    abort();
}

void emu_wait() {
    if (ahead)
        leave_ahead();
    waited[now] = 1;
}

/* Device memory is locked, and somebody touched it: his own stack is still good. */
void emu_touched() { complain("device memory is touched before the wait", 0, 0, 0); }

void emu_run_kernel(const char *name, dim3 grid, dim3 block, const std::function<void()> &f,
                    bool early) {
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
    must_wait = early;
    arrange(static_cast<int>(threads));
    const auto run = [&](size_t b) {
        blockIdx =
            dim3(static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                 static_cast<unsigned>(b / grid.x / grid.y));
        run_block(static_cast<int>(threads));
    };
    if (early && emu_lock_memory(true)) {
        static size_t launches; /* not the same block each time */
        ahead = true;
        run(launches++ % blocks);
        ahead = false;
        emu_lock_memory(false);
    }
    for (size_t i = 0; i < blocks; i++)
        run(emu.seed & 1 ? blocks - 1 - i : i);
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

static float tf32(uint32_t bits, int) {
    bits &= 0xffffe000u; /* the GPU does not look at the rest */
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* d += a b of a warp, 16 x 8 x 8 PER, with PER numbers in a register. Both of the manual's layouts
 * are one: a's registers 0, 1 hold the first half of rows g, g + 8; 2, 3 the second. */
template <int PER>
static void multiply(float d[4], const uint32_t a[4], const uint32_t b[2],
                     float (*number)(uint32_t, int), int where) {
    /* Two of each, as of what a shuffle moves. */
    static float A[2][MOST_THREADS / 32][16][8 * PER], B[2][MOST_THREADS / 32][8][8 * PER];
    const int warp = now / 32, g = now % 32 / 4, t = now % 4, which = emu_turn[now] ^= 1;
    for (int i = 0; i < 4; i++)
        for (int h = 0; h < PER; h++)
            A[which][warp][g + 8 * (i % 2)][PER * (t + 4 * (i / 2)) + h] = number(a[i], h);
    for (int i = 0; i < 2; i++)
        for (int h = 0; h < PER; h++)
            B[which][warp][g][PER * (t + 4 * i) + h] = number(b[i], h);
    emu_warp(where);
    for (int i = 0; i < 4; i++) {
        const float *row = A[which][warp][g + 8 * (i / 2)], *col = B[which][warp][2 * t + i % 2];
        for (int k = 0; k < 8 * PER; k++)
            d[i] += row[k] * col[k];
    }
}

void emu_mma(float d[4], const uint32_t a[4], const uint32_t b[2], int where) {
    multiply<2>(d, a, b, half, where);
}

void emu_mma_tf32(float d[4], const uint32_t a[4], const uint32_t b[2], int where) {
    multiply<1>(d, a, b, tf32, where);
}
