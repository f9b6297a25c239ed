/* runtime.cpp - memory, streams, graphs and faults of the emulated GPU. */
#include <emu.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <sys/mman.h>
#include <vector>

void emu_run_kernel(const char *name, dim3 grid, dim3 block, const std::function<void()> &f,
                    bool early);
void emu_touched(); /* fibers.cpp */

emu_setup emu;

typedef std::function<void()> task;
struct emu_stream {
    std::deque<task> queue;
    bool capturing = false;
    std::vector<task> captured;
};
struct emu_graph {
    std::vector<task> list;
};
struct emu_graph_exec {
    std::vector<task> list;
};
struct emu_event {
    std::chrono::steady_clock::time_point at;
    emu_stream *stream = nullptr;
};

namespace {
std::map<void *, size_t> device_memory, pinned;
size_t in_use;
long allocs, pins, copies, captures, instances, starts, launches, graphs, copied_back, waits;
cudaError_t lost = cudaSuccess, last = cudaSuccess;
bool configured;

/* Counts, and whether that many are enough. */
bool past(long limit, long &count) { return count++ >= limit && limit >= 0; }

cudaError_t say(cudaError_t e) {
    if (e != cudaSuccess)
        last = e;
    return e;
}

void configure() {
    if (configured)
        return;
    configured = true;
    const char *text = getenv("EMULATED_GPU");
    if (text && !emu_configure(text)) {
        fprintf(stderr, "emu: EMULATED_GPU='%s' is not understood\n", text);
        exit(2);
    }
}

void put(cudaStream_t s, task t) {
    if (s->capturing)
        s->captured.push_back(std::move(t));
    else
        s->queue.push_back(std::move(t));
}

void drain(cudaStream_t s) {
    while (!s->queue.empty()) {
        task t = std::move(s->queue.front());
        s->queue.pop_front();
        if (lost == cudaSuccess)
            t();
    }
}

/* Device memory is one range of addresses, so that all of it can be locked; an address comes once.
 * Under ASan it is malloc()'s, for ASan knows where that ends. */
#if defined(__SANITIZE_ADDRESS__)
void *memory_of(size_t room) { return aligned_alloc(256, room); }
void forget(void *p, size_t) { free(p); }
#else
const size_t ADDRESSES = 1ul << 42, PAGE = 4096, OPENED = 64ul << 20;
char *arena, *arena_end; /* up to here it was given out, */
char *arena_open;        /* and to here may be; in huge pages, which are soon locked */
volatile bool locked;

void touched(int, siginfo_t *info, void *) {
    const char *at = static_cast<char *>(info->si_addr);
    if (locked && at >= arena && at < arena_open)
        emu_touched(); /* does not return */
    signal(SIGSEGV, SIG_DFL);
}

void *memory_of(size_t room) {
    if (!arena) {
        void *all =
            mmap(nullptr, ADDRESSES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        struct sigaction how = {};
        how.sa_sigaction = touched;
        how.sa_flags = SA_SIGINFO | SA_NODEFER;
        if (all == MAP_FAILED || sigaction(SIGSEGV, &how, nullptr) != 0) {
            fprintf(stderr, "emu: no addresses for device memory\n");
            exit(2);
        }
        madvise(all, ADDRESSES, MADV_HUGEPAGE);
        arena = arena_end = arena_open = static_cast<char *>(all);
    }
    room = (room + PAGE - 1) / PAGE * PAGE;
    if (static_cast<size_t>(arena_end - arena) + room + OPENED > ADDRESSES)
        return nullptr;
    if (arena_end + room > arena_open) {
        const size_t more = (room + OPENED - 1) / OPENED * OPENED;
        if (mprotect(arena_open, more, PROT_READ | PROT_WRITE) != 0)
            return nullptr;
        arena_open += more;
    }
    arena_end += room;
    return arena_end - room;
}

void forget(void *p, size_t room) { madvise(p, (room + PAGE - 1) / PAGE * PAGE, MADV_DONTNEED); }
#endif

cudaError_t take(void **p, size_t bytes) {
    configure();
    *p = nullptr;
    if (lost)
        return say(lost);
    if (past(emu.fail_alloc, allocs))
        return say(cudaErrorMemoryAllocation);
    if (bytes > emu.memory * 1024 - in_use)
        return say(cudaErrorMemoryAllocation);
    const size_t room = (bytes + 511) / 256 * 256;
    *p = memory_of(room);
    if (!*p)
        return say(cudaErrorMemoryAllocation);
    memset(*p, 0xff, room); /* nobody may count on zeros */
    device_memory[*p] = bytes;
    in_use += bytes;
    return cudaSuccess;
}

void give(void *p) {
    auto it = device_memory.find(p);
    if (it == device_memory.end()) {
        fprintf(stderr, "emu: free of %p, which is no device memory\n", p);
        abort();
    }
    in_use -= it->second;
    const size_t room = (it->second + 511) / 256 * 256;
    device_memory.erase(it);
    forget(p, room);
}

/* Whether [p, p + bytes) lies in one allocation of that kind. */
bool within(const std::map<void *, size_t> &where, const void *p, size_t bytes) {
    auto it = where.upper_bound(const_cast<void *>(p));
    if (it == where.begin())
        return false;
    --it;
    const char *first = static_cast<char *>(it->first), *at = static_cast<const char *>(p);
    return at + bytes <= first + it->second;
}
} // namespace

/* Whether it can be, and is now as it is wanted. */
bool emu_lock_memory(bool on) {
#if defined(__SANITIZE_ADDRESS__)
    (void)on;
    return false;
#else
    if (!arena)
        return false;
    if (locked != on)
        mprotect(arena, static_cast<size_t>(arena_open - arena),
                 on ? PROT_NONE : PROT_READ | PROT_WRITE);
    locked = on;
    return true;
#endif
}

bool emu_configure(const char *text) {
    configured = true;
    while (*text) {
        char word[32];
        long value;
        int n = 0;
        if (sscanf(text, "%31[a-z_]=%ld%n", word, &value, &n) != 2)
            return false;
        const struct {
            const char *name;
            long *number;
            int *small;
        } known[] = {{"devices", nullptr, &emu.devices},
                     {"driver", nullptr, &emu.driver},
                     {"runtime", nullptr, &emu.runtime},
                     {"major", nullptr, &emu.major},
                     {"built", nullptr, &emu.built},
                     {"minor", nullptr, &emu.minor},
                     {"fail", &emu.fail_alloc, nullptr},
                     {"lose", &emu.lose_device, nullptr},
                     {"fail_pinned", &emu.fail_pinned, nullptr},
                     {"fail_capture", &emu.fail_capture, nullptr},
                     {"fail_graph", &emu.fail_graph, nullptr},
                     {"fail_replay", &emu.fail_replay, nullptr},
                     {"fail_launch", &emu.fail_launch, nullptr},
                     {"fail_copy", &emu.fail_copy, nullptr}};
        bool found = true;
        if (strcmp(word, "memory") == 0)
            emu.memory = static_cast<size_t>(value);
        else if (strcmp(word, "seed") == 0)
            emu.seed = static_cast<unsigned>(value);
        else {
            found = false;
            for (auto &k : known)
                if (strcmp(k.name, word) == 0) {
                    found = true;
                    if (k.number)
                        *k.number = value;
                    else
                        *k.small = static_cast<int>(value);
                }
        }
        if (!found)
            return false;
        text += n;
        if (*text == ',')
            text++;
    }
    return true;
}

void emu_reset() {
    emu = emu_setup();
    allocs = pins = copies = captures = instances = starts = launches = graphs = 0;
    copied_back = waits = 0;
    lost = last = cudaSuccess;
    configured = true;
}
size_t emu_in_use() { return in_use; }
long emu_allocs() { return allocs; }
long emu_copies() { return copies; }
long emu_copied_back() { return copied_back; }
long emu_waits() { return waits; }
long emu_launches() { return launches; }
long emu_graph_launches() { return graphs; }

void emu_launch(const char *name, dim3 grid, dim3 block, cudaStream_t s,
                std::function<void()> thread, bool early) {
    if (starts++ == emu.fail_launch && emu.fail_launch >= 0) {
        say(cudaErrorLaunchOutOfResources);
        return;
    }
    put(s, [=] {
        if (emu.lose_device >= 0 && launches >= emu.lose_device) {
            lost = cudaErrorIllegalAddress;
            return;
        }
        launches++;
        emu_run_kernel(name, grid, block, thread, early);
    });
}

void emu_enqueue(cudaStream_t s, std::function<void()> f) { put(s, std::move(f)); }

const char *cudaGetErrorString(cudaError_t e) {
    switch (e) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInsufficientDriver:
        return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    case cudaErrorLaunchOutOfResources:
        return "too many resources requested for launch";
    case cudaErrorStreamCaptureUnsupported:
        return "operation not permitted when stream is capturing";
    case cudaErrorIllegalAddress:
        return "an illegal memory access was encountered";
    default:
        return "invalid argument";
    }
}

cudaError_t cudaGetLastError() {
    const cudaError_t e = lost ? lost : last;
    last = cudaSuccess;
    return e;
}

cudaError_t cudaDriverGetVersion(int *v) {
    configure();
    *v = emu.driver;
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *v) {
    configure();
    *v = emu.runtime;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int *n) {
    configure();
    *n = 0;
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (emu.driver < emu.runtime / 1000 * 1000)
        return say(cudaErrorInsufficientDriver);
    if (emu.devices == 0 || (visible && (!*visible || *visible == '-')))
        return say(cudaErrorNoDevice);
    *n = emu.devices;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device) {
    if (device >= emu.devices)
        return say(cudaErrorInvalidDevice);
    *p = cudaDeviceProp();
    snprintf(p->name, sizeof p->name, "Emulated GPU");
    p->totalGlobalMem = emu.memory * 1024;
    p->major = emu.major;
    p->minor = emu.minor;
    p->multiProcessorCount = 4;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *v, cudaDeviceAttr, int) {
    *v = 1;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    return device < emu.devices ? cudaSuccess : say(cudaErrorInvalidDevice);
}
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    configure();
    *total = emu.memory * 1024;
    *free_bytes = *total - in_use;
    return say(lost);
}
cudaError_t cudaMalloc(void **p, size_t bytes) { return take(p, bytes); }
cudaError_t cudaFree(void *p) {
    if (p)
        give(p);
    return say(lost);
}
cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t) { return take(p, bytes); }
cudaError_t cudaFreeAsync(void *p, cudaStream_t s) {
    drain(s);
    give(p);
    return say(lost);
}
cudaError_t cudaMallocHost(void **p, size_t bytes) {
    *p = past(emu.fail_pinned, pins) || lost ? nullptr : malloc(bytes + 1);
    if (*p)
        pinned[*p] = bytes;
    return *p ? cudaSuccess : say(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void *p) {
    pinned.erase(p);
    free(p);
    return cudaSuccess;
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *p, int) {
    *p = nullptr;
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void *) { return cudaSuccess; }
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaSuccess; }

/* Pageable memory is staged before the call returns, pinned memory is read when its turn comes:
 * whoever changes it before then sends something else, here as on a GPU. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s) {
    if (past(emu.fail_copy, copies))
        lost = cudaErrorIllegalAddress;
    if (lost)
        return say(lost);
    if ((kind != cudaMemcpyHostToDevice && !within(device_memory, from, bytes)) ||
        (kind != cudaMemcpyDeviceToHost && !within(device_memory, to, bytes)))
        return say(cudaErrorInvalidValue);
    if (kind == cudaMemcpyHostToDevice && !within(pinned, from, bytes)) {
        const char *p = static_cast<const char *>(from);
        std::vector<char> staged(p, p + bytes);
        put(s, [=] { memcpy(to, staged.data(), bytes); });
        return cudaSuccess;
    }
    put(s, [=] { memcpy(to, from, bytes); });
    if (kind == cudaMemcpyDeviceToHost)
        copied_back += static_cast<long>(bytes);
    if (kind == cudaMemcpyDeviceToHost && !within(pinned, to, bytes))
        drain(s);
    return say(lost);
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t s) {
    if (lost)
        return say(lost);
    if (!within(device_memory, to, bytes))
        return say(cudaErrorInvalidValue);
    put(s, [=] { memset(to, value, bytes); });
    return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t *s) {
    *s = new emu_stream;
    return say(lost);
}
cudaError_t cudaStreamDestroy(cudaStream_t s) {
    drain(s);
    delete s;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t s) {
    if (s->capturing)
        return say(cudaErrorStreamCaptureUnsupported);
    waits++;
    drain(s);
    return say(lost);
}
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode) {
    if (past(emu.fail_capture, captures))
        return say(cudaErrorStreamCaptureUnsupported);
    s->capturing = true;
    s->captured.clear();
    return say(lost);
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g) {
    *g = nullptr;
    if (!s->capturing)
        return say(cudaErrorInvalidValue);
    s->capturing = false;
    *g = new emu_graph{std::move(s->captured)};
    s->captured.clear();
    return say(lost);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long) {
    *x = nullptr;
    if (past(emu.fail_graph, instances))
        return say(cudaErrorMemoryAllocation);
    *x = new emu_graph_exec{g->list};
    return say(lost);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s) {
    if (emu.fail_replay >= 0 && graphs >= emu.fail_replay)
        return say(cudaErrorMemoryAllocation);
    graphs++;
    for (const task &t : x->list)
        put(s, t);
    return say(lost);
}
cudaError_t cudaGraphDestroy(cudaGraph_t g) {
    delete g;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x) {
    delete x;
    return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t *v) {
    *v = new emu_event;
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t v) {
    delete v;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t v, cudaStream_t s) {
    v->stream = s;
    put(s, [=] { v->at = std::chrono::steady_clock::now(); });
    return say(lost);
}
cudaError_t cudaEventSynchronize(cudaEvent_t v) {
    if (v->stream)
        drain(v->stream);
    return say(lost);
}
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) {
    *ms = std::chrono::duration<float, std::milli>(to->at - from->at).count();
    return cudaSuccess;
}
