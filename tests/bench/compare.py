#!/usr/bin/env python3
"""compare.py - gneiss beside the others: the same file, the same minutes.

    tests/bench/compare.py --gneiss build/dev/gneiss --llama DIR [--ik DIR] [--python PYTHON --hf FOLDER]
        --out tests/bench/NAME.csv [--rounds 5] [--only REGEX] [--seconds N] [--append] [--loaded] MODEL...

DIR holds llama-bench and, for the rows that need them, llama-batched-bench and llama-perplexity;
of ik_llama.cpp llama-bench alone. PYTHON has torch and transformers, and FOLDER is a checkpoint
written by `transformers_side.py make`. A program that is not there leaves its rows out, and that is said.

Each row is measured in rounds of A B B A; what is asked of a program is asked of one process a
turn. A round counts unless the arithmetic that gneiss measures beside its own slices was under
85 % of the session's median there. Ratios are medians over rounds, over 1 when gneiss is faster.
`others` is how many processors other programs kept busy meanwhile (the host's share included): the
script does not begin on a machine where that is over 0.2, unless told --loaded. Rows come in the order
of their weight, so that --seconds leaves the least behind. Needs Python alone.
"""
import argparse, csv, json, os, platform, re, resource, statistics, subprocess, sys, tempfile, time

FIELDS = ["time", "cpu", "others", "model", "test", "against", "threads", "unit", "gneiss", "other", "ratio", "p10",
          "p90", "bar", "most", "met", "of_roof", "ceiling", "read_gbs", "gflops", "kept", "rounds", "note"]

# (model, test) -> at least this ratio; the first that fits, names are beginnings without case
BARS = [
    ("h350m-q8_0", "tg64", 1.5), ("h350m-q4_0", "tg64", 1.4), ("h350m-q4_k_m", "tg64", 1.45),
    ("h350m-bf16", "tg64", 1.25), ("h1b-q8_0", "tg32", 1.25), ("h1b-q4_k_m", "tg32", 1.5), ("htiny-q4_0", "tg32", 1.4),
    ("h350m-q8_0", "pp512", 1.85), ("h350m-q4_0", "pp512", 1.9), ("h350m-q4_k_m", "pp512", 1.75),
    ("h350m-bf16", "pp512", 1.6), ("h350m-q8_0", "pp16", 2.0), ("h350m-q4_0", "pp16", 1.7),
    ("h1b-q8_0", "pp256", 1.8), ("h1b-q4_k_m", "pp256", 1.9), ("htiny-q4_0", "pp128", 2.1),
    ("h350m-q8_0", "batch32", 2.2), ("h350m-q4_k_m", "batch16", 2.1), ("h350m-q8_0", "score", 2.1),
    ("h350m-q8_0", "fewshot", 5.0), ("h350m-q8_0", "score memory", 5.0), ("h", "first token", 8.0),
    ("h350m-q8_0", "peak memory", 1.0), ("h1b-q4_k_m", "peak memory", 1 / 0.65), ("htiny-q4_0", "peak memory", 1 / 0.6),
]
IK_BARS = [("dense350m-q8_0", "pp512", 1.5), ("dense350m-q4_0", "pp512", 1.5), ("dense350m-q4_k_m", "pp512", 1.15),
           ("dense350m-q8_0", "tg64", 1.2), ("dense350m-q4_0", "tg64", 1.35), ("dense350m-q4_k_m", "tg64", 1.25)]
HF_BARS = [("h", "score", 8.0), ("h", "decode", 8.0), ("h", "first token", 50.0)]
MOST = {"save": 10, "write": 10, "restore": 10, "beside busy": 3.5}  # of gneiss's own number


def bar_of(model, test, against):
    bars = {"ik_llama.cpp": IK_BARS, "transformers": HF_BARS}.get(against, BARS)
    return next((b for m, t, b in bars if t == test and model.lower().startswith(m)), "")


def cpu_name():
    keep = {}
    for line in open("/proc/cpuinfo"):
        if ":" in line:
            key, value = (x.strip() for x in line.split(":", 1))
            keep.setdefault(key, value)
    flags = keep.get("flags", "").split()
    isa = next((x for x in ("avx512_bf16", "avx512_vnni", "avx2") if x in flags), "sse2").replace("_", "")
    return (f'{keep.get("model name", platform.machine())} family {keep.get("cpu family", "?")} '
            f'model {keep.get("model", "?")} {isa} x{os.cpu_count()}')


def run(argv, fail=True):
    """stdout, seconds, peak bytes"""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL, text=True)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - began
        out.seek(0)
        text = out.read()
    if child.returncode and fail:
        sys.exit(f"compare.py: {' '.join(argv)}: exit {child.returncode}")
    return text, took, usage.ru_maxrss * 1024


def reread(model):
    """The page cache as after a start of the machine and one reading. What was just written in small pieces lies in
    small pages, and mapping 365 MB of them costs a process 25 ms and not 3."""
    with open(model, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while f.read(1 << 24):
            pass


class Others:
    """How many processors somebody else kept busy since it was made."""

    def __init__(self):
        self.began, self.busy, self.own = time.monotonic(), self.all_busy(), self.ours()

    @staticmethod
    def all_busy():
        user, nice, system, idle, wait, irq, soft, steal = map(int, open("/proc/stat").readline().split()[1:9])
        return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def ours():
        return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF,
                                                                            resource.RUSAGE_CHILDREN)))

    def __call__(self):
        return max(0.0, (self.all_busy() - self.busy - (self.ours() - self.own)) / (time.monotonic() - self.began))


class Session:
    def __init__(self, a):
        self.a, self.cpu, self.flops, self.rows = a, cpu_name(), [], []
        if a.append and os.path.exists(a.out):
            with open(a.out, newline="") as f:
                self.rows = list(csv.DictReader(f))
        self.others = Others()

    # ---- the programs -------------------------------------------------------------------

    def gneiss(self, model, ask, threads=2):
        out, _, peak = run([self.a.gneiss, "bench", model, *ask, "--rounds", "1", "--threads", str(threads),
                            "-o", "jsonl", "--readonly", "-q", "--ctx", "32768"])
        said = [json.loads(x) for x in out.splitlines() if x.startswith("{")]
        self.flops += [s["roof"]["gflops"] for s in said]
        return said, peak

    def bench(self, folder, model, ask, threads=2):
        """[tokens a second] of llama-bench's tests, in the order asked; and its peak"""
        out, _, peak = run([os.path.join(folder, "llama-bench"), "-m", model, *ask, "-t", str(threads), "-r", "1", "-o",
                            "json"])
        return [x["avg_ts"] for x in json.loads(out)], peak

    def has(self, folder, program):
        there = bool(folder) and os.path.exists(os.path.join(folder, program))
        if not there:
            print(f"no {program}: its rows are left out", flush=True)
        return there

    # ---- rows ---------------------------------------------------------------------------

    def put(self, model, test, unit, got, against="llama.cpp", threads=2, less=False, note=""):
        """got: rounds of (gneiss, other or None, GFLOP/s beside it or None, [what gneiss bench said])."""
        least = 0.85 * statistics.median(self.flops) if self.flops else 0
        kept = [g for g in got if g[2] is None or g[2] >= least] or got
        middle = lambda v: statistics.median(v) if v else ""
        ratio = sorted((g[1] / g[0] if less else g[0] / g[1]) for g in kept if g[1])
        at = lambda q: round(ratio[min(len(ratio) - 1, int(q * len(ratio)))], 3) if ratio else ""
        said = [s for g in kept for s in g[3]]
        name, value = os.path.basename(model).removesuffix(".gguf"), middle([g[0] for g in kept])
        roof = middle([s["of_roof"] for s in said if s.get("of_roof") is not None])
        bar, most = bar_of(name, test, against) if ratio else "", MOST.get(test, "")
        short = lambda v, n=5: f"{v:.{n}g}" if v != "" else ""
        met = "" if bar == most == "" else "yes" if (bar == "" or middle(ratio) >= bar) and \
            (most == "" or value <= most) else "no"
        r = {"time": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()), "cpu": self.cpu,
             "others": round(self.others(), 2), "model": name, "test": test, "against": against if ratio else "",
             "threads": threads, "unit": unit, "gneiss": short(value), "other": short(middle([g[1] for g in kept if g[1]])),
             "ratio": short(middle(ratio), 3), "p10": at(0.1), "p90": at(0.9), "bar": short(bar, 3), "most": most,
             "met": met, "of_roof": short(roof, 3),
             "ceiling": short(middle(ratio) / roof, 3) if ratio and roof and test.startswith("tg") else "",
             "read_gbs": short(middle([s["roof"]["read_gbs"] for s in said]), 4),
             "gflops": short(middle([s["roof"]["gflops"] for s in said]), 4), "kept": len(kept), "rounds": len(got),
             "note": note}
        key = lambda x: (x["model"], x["test"], x["against"], str(x["threads"]))
        self.rows = [x for x in self.rows if key(x) != key(r)] + [r]
        print(f'{name:20} {test:14} {r["against"]:13} {threads} thr {r["gneiss"]:>8} {r["other"]:>8} {unit:4} '
              f'x{r["ratio"]} ({r["p10"]}..{r["p90"]}) at least {r["bar"]} of roof {r["of_roof"]} '
              f'others {r["others"]} {met}', flush=True)
        with open(self.a.out, "w", newline="") as f:
            out = csv.DictWriter(f, FIELDS, lineterminator="\n")
            out.writeheader()
            out.writerows(self.rows)

    def abba(self, one, other, rounds=None):
        got = []
        for _ in range(rounds or self.a.rounds):
            first, b, c, last = one(), other(), other(), one()
            got.append((first, b, c, last))
        return got

    def speeds(self, model, prompts, tokens, depth=0, threads=0, rounds=None, folder=None, against="llama.cpp", extra=()):
        """Prompts and generating, all in one process a turn."""
        folder, threads = folder or self.a.llama, threads or self.a.threads
        if not self.has(folder, "llama-bench"):
            return
        ask = ["--tests", "pp,tg", "-p", ",".join(map(str, prompts)) or "0", "-n", str(tokens), "-d", str(depth)]
        theirs = ["-p", ",".join(map(str, prompts)) or "0", "-n", str(tokens), *(["-d", str(depth)] if depth else []),
                  *extra]
        got = self.abba(lambda: self.gneiss(model, ask, threads)[0], lambda: self.bench(folder, model, theirs, threads)[0],
                        rounds)
        names = [f"pp{p}" for p in prompts] + ([f"tg{tokens}"] if tokens else [])
        for i, name in enumerate(names):
            self.put(model, name + (f"@d{depth}" if depth else ""), "t/s",
                     [((a[i]["tps"] + d[i]["tps"]) / 2, (b[i] + c[i]) / 2,
                       min(a[i]["roof"]["gflops"], d[i]["roof"]["gflops"]), [a[i], d[i]]) for a, b, c, d in got],
                     against, threads, note=" ".join(extra))

    def batch(self, model, n):
        if not self.has(self.a.llama, "llama-batched-bench"):
            return
        ask = [os.path.join(self.a.llama, "llama-batched-bench"), "-m", model, "-t", "2", "-c", "8192", "-b", "2048",
               "-ub", "512", "-npp", "64", "-ntg", "32", "-npl", str(n), "--output-format", "jsonl"]
        other = lambda: json.loads([x for x in run(ask)[0].splitlines() if x.startswith("{")][-1])["speed_tg"]
        self.value(model, f"batch{n}", ["--tests", "batch", "-b", str(n)], other, 2)

    def value(self, model, test, ask, other, rounds=None, against="llama.cpp", rate=None, note=""):
        """One test of gneiss bench, in tokens a second, beside a function that gives the same."""
        rate = rate or (lambda s: s["tps"])
        got = self.abba(lambda: self.gneiss(model, ask)[0][0], other, rounds)
        self.put(model, test, "t/s", [((rate(a) + rate(d)) / 2, (b + c) / 2, min(a["roof"]["gflops"], d["roof"]["gflops"]),
                                       [a, d]) for a, b, c, d in got], against, note=note)

    def scoring(self, model):
        if self.has(self.a.llama, "llama-perplexity"):
            with tempfile.TemporaryDirectory() as folder:
                path, unique = self.documents(model, folder)
                peaks = []

                def other():
                    _, took, peak = run([os.path.join(self.a.llama, "llama-perplexity"), "-m", model, "--hellaswag",
                                         "--hellaswag-tasks", "24", "-f", path, "-t", "2", "-c", "2048"])
                    peaks.append(peak)
                    return unique / took
                self.value(model, "score", ["--tests", "score"], other, 1, note="llama-perplexity --hellaswag")
            own = self.gneiss(model, ["--tests", "score"])[1]
            self.put(model, "score memory", "MB", [(own / 1e6, statistics.median(peaks) / 1e6, None, [])], less=True)
        elif self.has(self.a.llama, "llama-bench"):
            self.value(model, "score", ["--tests", "score"],
                       lambda: self.bench(self.a.llama, model, ["-p", "512", "-n", "0"])[0][0], 2,
                       note="against its prefill, which its scoring does not pass")
        if self.has(self.a.llama, "llama-bench"):
            self.value(model, "fewshot", ["--tests", "fewshot"],
                       lambda: self.bench(self.a.llama, model, ["-p", "512", "-n", "0"])[0][0], 2,
                       rate=lambda s: 20 * 805 / s["seconds"], note="20 x 805 tokens, each read whole at its prefill")

    def documents(self, model, folder):
        """24 tasks of about 120 + 4 x 42 tokens as llama-perplexity reads them; how many tokens."""
        word = lambda i: "abcdefghijklmnopqrstuvwxyz"[i * 7 % 26] + "etaoinshrdlu"[i * 5 % 12] + "kmnprst"[i % 7]
        lines = []
        for d in range(24):
            lines += [" ".join(word(d * 977 + i * 31) for i in range(60)), "0"]
            lines += [" ".join(word(d * 977 + 1000 * k + i * 37 + 5) for i in range(21)) for k in range(1, 5)]
        path = os.path.join(folder, "tasks")
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        said, _, _ = run([self.a.gneiss, "tokenize", model, "--json", "\n".join(x for x in lines if x != "0")])
        ids = json.loads(said)
        return path, len(ids["ids"] if isinstance(ids, dict) else ids)

    def one_token(self, model):
        return 1e3 * run([self.a.gneiss, "run", model, "--ids", "5", "-n", "1", "--ctx", "4096", "--threads", "2",
                          "--ignore-eos", "--json", "--readonly"])[1]

    def first_token(self, model):
        """From the start of the process to the first token and the end, page cache warm."""
        if not self.has(self.a.llama, "llama-bench"):
            return
        other = lambda: 1e3 * run([os.path.join(self.a.llama, "llama-bench"), "-m", model, "-p", "0", "-n", "1", "-r", "1",
                                   "-t", "2", "--no-warmup"])[1]
        one = lambda: self.one_token(model)
        reread(model)
        one(), other()
        self.put(model, "first token", "ms", [((a + d) / 2, (b + c) / 2, None, []) for a, b, c, d in self.abba(one, other)],
                 less=True, note="whole process")

    def memory(self, model):
        if not self.has(self.a.llama, "llama-bench"):
            return
        own = run([self.a.gneiss, "run", model, "--ids", " ".join(str(i % 999) for i in range(512)), "-n", "16", "--ctx",
                   "4096", "--threads", "2", "--ignore-eos", "--json", "--readonly"])[2]
        theirs = self.bench(self.a.llama, model, ["-p", "512", "-n", "16"])[1]
        self.put(model, "peak memory", "MB", [(own / 1e6, theirs / 1e6, None, [])], less=True)

    def budget(self, model, tokens=16384, step=128):
        """A long prompt in little memory: both read it by small steps, gneiss keeps states for 16 MB at most."""
        if not self.has(self.a.llama, "llama-bench"):
            return
        ids = " ".join(str(i % 999) for i in range(tokens))
        said, _, own = run([self.a.gneiss, "run", model, "--ids", ids, "-n", "1", "--ctx", str(tokens + 64), "--threads",
                            "2", "--batch-tokens", str(step), "--state-mem", "16M", "--ignore-eos", "--json", "--readonly"])
        speed = json.loads(said.strip().splitlines()[-1])["timing"]["prompt_tps"]
        (other, *_), theirs = self.bench(self.a.llama, model, ["-p", str(tokens), "-n", "0", "-b", str(step), "-ub",
                                                               str(step)])
        note = f"steps of {step} tokens, 16 MB of states"
        self.put(model, f"pp{tokens} in little memory", "t/s", [(speed, other, None, [])], note=note)
        self.put(model, f"peak memory, {tokens} tokens", "MB", [(own / 1e6, theirs / 1e6, None, [])], less=True, note=note)

    def sessions(self, model):
        said = [self.gneiss(model, ["--tests", "save,write,restore,fork"])[0] for _ in range(self.a.rounds)]
        notes = {"save": "to the disk", "write": "until the session may go on", "restore": "sums checked"}
        for i, test in enumerate(("save", "write", "restore", "fork")):
            self.put(model, test, "ms", [(1e3 * s[i]["seconds"], None, s[i]["roof"]["gflops"], []) for s in said],
                     note=f"256 tokens {notes.get(test, 'in memory')}")

    def contention(self, model):
        """Decoding beside one busy process: how much longer a token takes than alone."""
        if not self.has(self.a.llama, "llama-bench"):
            return
        ours = lambda: self.gneiss(model, ["--tests", "tg", "-n", "32"])[0][0]["tps"]
        theirs = lambda: self.bench(self.a.llama, model, ["-p", "0", "-n", "32"])[0][0]
        alone = [(ours(), theirs()) for _ in range(3)]
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            beside = [(ours(), theirs()) for _ in range(3)]
        finally:
            busy.kill()
            busy.wait()
        self.put(model, "beside busy", "x", [(a[0] / b[0], a[1] / b[1], None, []) for a, b in zip(alone, beside)],
                 less=True, note="times its own idle time a token")

    def ik(self, model):
        """Each of its two settings; the better one is the row to beat."""
        for extra in ((), ("-rtr", "1")):
            self.speeds(model, [512], 64, folder=self.a.ik, against="ik_llama.cpp" + (" -rtr" if extra else ""), extra=extra,
                        rounds=2)
        for test in ("pp512", "tg64"):
            both = [r for r in self.rows if r["model"] == os.path.basename(model).removesuffix(".gguf") and
                    r["test"] == test and r["against"].startswith("ik_llama.cpp")]
            if both:
                worst = min(both, key=lambda r: float(r["ratio"]))
                worst["bar"] = bar_of(worst["model"], test, "ik_llama.cpp")
                worst["met"] = "" if worst["bar"] == "" else "yes" if float(worst["ratio"]) >= worst["bar"] else "no"
        self.flush()

    def transformers(self, model):
        if not (self.a.python and self.a.hf):
            return print("no --python and --hf: rows of transformers are left out", flush=True)
        side = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transformers_side.py")
        ask = lambda what: float(run([self.a.python, side, what, self.a.hf])[0].splitlines()[-1])
        note = "transformers in f32"
        self.value(model, "score", ["--tests", "score"], lambda: ask("score"), 1, "transformers", note=note)
        self.value(model, "decode", ["--tests", "tg", "-n", "32"], lambda: ask("decode"), 1, "transformers", note=note)
        got = [(self.one_token(model), 1e3 * run([self.a.python, side, "first", self.a.hf])[1], None, []) for _ in range(3)]
        self.put(model, "first token", "ms", got, "transformers", less=True, note="whole process; " + note)

    def flush(self):
        with open(self.a.out, "w", newline="") as f:
            out = csv.DictWriter(f, FIELDS, lineterminator="\n")
            out.writeheader()
            out.writerows(self.rows)


def plan(s, models):
    """(name, function) in the order of weight."""
    is_a = lambda m, *parts: os.path.basename(m).lower().startswith(parts)
    small = [m for m in models if not is_a(m, "h1b", "htiny", "dense")]
    large = [m for m in models if is_a(m, "h1b", "htiny")]
    dense = [m for m in models if is_a(m, "dense")]
    out = [(f"speed {m}", lambda m=m: s.speeds(m, [16, 64, 512], 64)) for m in small]
    for m in small[:1]:
        out += [(f"sessions {m}", lambda m=m: s.sessions(m)), (f"first {m}", lambda m=m: s.first_token(m)),
                (f"memory {m}", lambda m=m: s.memory(m)), (f"batch {m}", lambda m=m: s.batch(m, 32)),
                (f"scoring {m}", lambda m=m: s.scoring(m))]
    for m in large:
        tiny = is_a(m, "htiny")
        out += [(f"speed {m}", lambda m=m, t=tiny: s.speeds(m, [128 if t else 256], 32, rounds=min(3, s.a.rounds))),
                (f"first {m}", lambda m=m: s.first_token(m)), (f"memory {m}", lambda m=m: s.memory(m))]
    for m in small[:1]:
        out += [(f"beside {m}", lambda m=m: s.contention(m)), (f"transformers {m}", lambda m=m: s.transformers(m))]
    out += [(f"ik {m}", lambda m=m: s.ik(m)) for m in dense]
    out += [(f"batch {m}", lambda m=m: s.batch(m, 16)) for m in small if is_a(m, "h350m-q4_k")]
    for m in small[:1]:
        out += [(f"threads1 {m}", lambda m=m: s.speeds(m, [256], 32, threads=1, rounds=2)),
                (f"threads4 {m}", lambda m=m: s.speeds(m, [256], 32, threads=4, rounds=2)),
                (f"deep {m}", lambda m=m: s.speeds(m, [], 32, depth=4096, rounds=2)),
                (f"long {m}", lambda m=m: s.speeds(m, [2048], 0, rounds=2)),
                (f"budget {m}", lambda m=m: s.budget(m)),
                (f"deepest {m}", lambda m=m: s.speeds(m, [], 16, depth=16384, rounds=1))]
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--gneiss", required=True)
    p.add_argument("--llama", default="")
    p.add_argument("--ik", default="")
    p.add_argument("--python", default="")
    p.add_argument("--hf", default="")
    p.add_argument("--out", required=True)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=2, help="of speeds that are not about threads (2)")
    p.add_argument("--only", default="", help="parts of the plan whose name this regular expression finds")
    p.add_argument("--seconds", type=float, default=0, help="begin nothing after so many")
    p.add_argument("--append", action="store_true", help="keep the rows of --out that are not measured again")
    p.add_argument("--loaded", action="store_true", help="measure although others compute; `others` says how much")
    p.add_argument("model", nargs="+")
    a = p.parse_args()
    look = Others()
    time.sleep(2)
    if look() > 0.2:
        said = f"compare.py: other programs keep {look():.2f} processors busy"
        if not a.loaded:
            sys.exit(f"{said}; wait, or say --loaded and trust little")
        print(f"{said}: trust little", flush=True)
    s, began = Session(a), time.monotonic()
    for name, part in plan(s, a.model):
        if not re.search(a.only, name):
            continue
        if a.seconds and time.monotonic() - began > a.seconds:
            print(f"out of time: {name} and what comes after it is not measured", flush=True)
            break
        s.others = Others()
        part()


if __name__ == "__main__":
    main()
