#!/usr/bin/env python3
"""compare.py - gneiss beside llama.cpp: the same file, the same minutes.

    tests/bench/compare.py --gneiss build/dev/gneiss --llama DIR --out tests/bench/NAME.csv \
        [--rounds 5] [--only TEXT] [--quick] MODEL.gguf...

DIR holds llama-bench and, for batches, llama-batched-bench. Each row is measured in
rounds of A B B A; a round counts unless the arithmetic measured beside gneiss's slices
was under 85 % of the session's median. Ratios are medians of rounds, over 1 when gneiss
is faster. The load of the machine stands beside every row: two-thread speeds of both
programs fall when somebody else computes, and not alike. Needs Python alone.
"""
import argparse, csv, json, os, platform, statistics, subprocess, sys, time

FIELDS = ["time", "cpu", "load", "model", "test", "threads", "unit", "gneiss", "llama", "ratio",
          "p10", "p90", "bar", "of_roof", "read_gbs", "gflops", "kept", "rounds", "note"]

# test -> (what gneiss bench is asked, what llama-bench is asked, tokens)
SPEEDS = {
    "pp16": (["--tests", "pp", "-p", "16"], ["-p", "16", "-n", "0"]),
    "pp64": (["--tests", "pp", "-p", "64"], ["-p", "64", "-n", "0"]),
    "pp512": (["--tests", "pp", "-p", "512"], ["-p", "512", "-n", "0"]),
    "pp2048": (["--tests", "pp", "-p", "2048"], ["-p", "2048", "-n", "0"]),
    "tg64": (["--tests", "tg", "-n", "64"], ["-p", "0", "-n", "64"]),
    "tg32@d4096": (["--tests", "tg", "-n", "32", "-d", "4096"], ["-p", "0", "-n", "32", "-d", "4096"]),
}
# (a part of the model's name, test) -> at least
BARS = {
    ("h350m-Q8_0", "tg64"): 1.5, ("h350m-Q4_0", "tg64"): 1.4, ("h350m-Q4_K_M", "tg64"): 1.45,
    ("h350m-bf16", "tg64"): 1.25,
    ("h350m-Q8_0", "pp512"): 1.85, ("h350m-Q4_0", "pp512"): 1.9, ("h350m-Q4_K_M", "pp512"): 1.75,
    ("h350m-bf16", "pp512"): 1.6, ("h350m-Q8_0", "pp16"): 2.0, ("h350m-Q4_0", "pp16"): 1.7,
    ("h350m-Q8_0", "batch32"): 2.2, ("h350m-Q4_K_M", "batch16"): 2.1,
    ("h350m-Q8_0", "score"): 2.1, ("h350m-Q8_0", "fewshot"): 5.0,
    ("h350m", "first token"): 8.0, ("h350m-Q8_0", "peak memory"): 1.0,
}


def bar_of(model, test):
    fits = [v for (m, t), v in BARS.items() if t == test and m.lower() in model.lower()]
    return fits[0] if fits else ""


def cpu_name():
    keep = {}
    for line in open("/proc/cpuinfo"):
        if ":" in line:
            key, value = (x.strip() for x in line.split(":", 1))
            keep.setdefault(key, value)
    flags = keep.get("flags", "").split()
    isa = "avx512" if "avx512bw" in flags else "avx2" if "avx2" in flags else "sse2"
    return (f'{keep.get("model name", platform.machine())} family {keep.get("cpu family", "?")} '
            f'model {keep.get("model", "?")} {isa} x{os.cpu_count()}')


def run(argv):
    """stdout, seconds, peak bytes"""
    began = time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"compare.py: {' '.join(argv)}: exit {child.returncode}")
    return out, time.monotonic() - began, usage.ru_maxrss * 1024


class Session:
    def __init__(self, a):
        self.a, self.cpu, self.flops, self.rows = a, cpu_name(), [], []

    def gneiss(self, model, ask, threads):
        out, _, peak = run([self.a.gneiss, "bench", model, *ask, "--rounds", "1", "--threads", str(threads),
                            "-o", "jsonl", "--readonly", "-q", "--ctx", "8192"])
        said = json.loads(out.splitlines()[-1])
        self.flops.append(said["roof"]["gflops"])
        return said, peak

    def llama_bench(self, model, ask, threads):
        out, _, peak = run([os.path.join(self.a.llama, "llama-bench"), "-m", model, *ask, "-t", str(threads),
                            "-r", "1", "-o", "jsonl"])
        return json.loads(out.splitlines()[-1])["avg_ts"], peak

    def rounds(self, one, other, rounds=None):
        """[(of one, of other, gflops, extra)] of A B B A; one() gives (value, gflops, extra)."""
        got = []
        for _ in range(rounds or self.a.rounds):
            a, b, c, d = one(), other(), other(), one()
            got.append(((a[0] + d[0]) / 2, (b + c) / 2, min(a[1], d[1]) if a[1] else None, (a[2], d[2])))
        return got

    def row(self, model, test, threads, unit, got, faster="more", note="", roof=None):
        least = 0.85 * statistics.median(self.flops) if self.flops else 0
        kept = [g for g in got if g[2] is None or g[2] >= least] or got
        ratio = sorted(g[0] / g[1] if faster == "more" else g[1] / g[0] for g in kept)
        at = lambda q: ratio[min(len(ratio) - 1, int(q * len(ratio)))]
        said = [x for g in kept for x in g[3] if x] if roof is None else roof
        middle = lambda key: round(statistics.median(key), 3) if key else ""
        self.rows.append({
            "time": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()), "cpu": self.cpu,
            "load": round(os.getloadavg()[0], 2), "model": os.path.basename(model), "test": test,
            "threads": threads, "unit": unit, "gneiss": f"{statistics.median(g[0] for g in kept):.5g}",
            "llama": f"{statistics.median(g[1] for g in kept):.5g}", "ratio": round(statistics.median(ratio), 3),
            "p10": round(at(0.1), 3), "p90": round(at(0.9), 3), "bar": bar_of(os.path.basename(model), test),
            "of_roof": middle([s["of_roof"] for s in said if s.get("of_roof") is not None]),
            "read_gbs": middle([s["roof"]["read_gbs"] for s in said]),
            "gflops": middle([s["roof"]["gflops"] for s in said]),
            "kept": len(kept), "rounds": len(got), "note": note})
        r = self.rows[-1]
        print(f'{r["model"]:28} {test:14} {threads} thr  {r["gneiss"]:>9} {r["llama"]:>9} {unit:4} '
              f'x{r["ratio"]:<6} ({r["p10"]}..{r["p90"]}) bar {r["bar"]} load {r["load"]} {note}', flush=True)

    def alone(self, model, test, unit, values, note=""):
        """A row of gneiss without a counterpart."""
        self.rows.append({"time": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()), "cpu": self.cpu,
                          "load": round(os.getloadavg()[0], 2), "model": os.path.basename(model), "test": test,
                          "threads": 2, "unit": unit, "gneiss": f"{statistics.median(values):.5g}", "llama": "",
                          "ratio": "", "p10": "", "p90": "", "bar": "", "of_roof": "", "read_gbs": "", "gflops": "",
                          "kept": len(values), "rounds": len(values), "note": note})
        print(f'{os.path.basename(model):28} {test:14} {self.rows[-1]["gneiss"]} {unit} {note}', flush=True)

    # ---- the rows ---------------------------------------------------------------------

    def speed(self, model, test, threads):
        ask, theirs = SPEEDS[test]

        def one():
            said, _ = self.gneiss(model, ask, threads)
            return said["tps"], said["roof"]["gflops"], said
        self.row(model, test, threads, "t/s", self.rounds(one, lambda: self.llama_bench(model, theirs, threads)[0]))
        return self.rows[-1]

    def batch(self, model, n):
        program = os.path.join(self.a.llama, "llama-batched-bench")
        if not os.path.exists(program):
            return

        def one():
            said, _ = self.gneiss(model, ["--tests", "batch", "-b", str(n)], 2)
            return said["tps"], said["roof"]["gflops"], said

        def other():
            out, _, _ = run([program, "-m", model, "-t", "2", "-c", "8192", "-b", "2048", "-ub", "512", "-npp", "64",
                             "-ntg", "32", "-npl", str(n), "--output-format", "jsonl"])
            return json.loads([x for x in out.splitlines() if x.startswith("{")][-1])["speed_tg"]
        self.row(model, f"batch{n}", 2, "t/s", self.rounds(one, other, max(2, self.a.rounds // 2)))

    def scoring(self, model):
        """Against llama.cpp's prefill, which its scoring does not pass."""
        theirs = lambda: self.llama_bench(model, ["-p", "512", "-n", "0"], 2)[0]
        for test in ("score", "fewshot"):
            def one():
                said, _ = self.gneiss(model, ["--tests", test], 2)
                if test == "score":
                    return said["tps"], said["roof"]["gflops"], said
                return 20 * 805 / said["seconds"], said["roof"]["gflops"], said
            self.row(model, test, 2, "t/s", self.rounds(one, theirs, 2),
                     note="against its prefill" if test == "score" else
                     "20 questions of 805 tokens each, read whole at its prefill")

    def first_token(self, model):
        """From the start of the process to the first token and the end, page cache warm."""
        def one():
            _, seconds, _ = run([self.a.gneiss, "run", model, "--ids", "5", "-n", "1", "--ctx", "4096", "--threads",
                                 "2", "--ignore-eos", "--json"])
            return 1e3 * seconds, None, None

        def other():
            return 1e3 * run([os.path.join(self.a.llama, "llama-bench"), "-m", model, "-p", "0", "-n", "1", "-r", "1",
                              "-t", "2", "--no-warmup"])[1]
        one(), other()
        self.row(model, "first token", 2, "ms", self.rounds(one, other), faster="less")

    def memory(self, model):
        def one():
            _, _, peak = run([self.a.gneiss, "run", model, "--ids", " ".join(str(i % 999) for i in range(512)), "-n",
                              "16", "--ctx", "4096", "--threads", "2", "--ignore-eos", "--json"])
            return peak / 1e6, None, None
        other = lambda: self.llama_bench(model, ["-p", "512", "-n", "16"], 2)[1] / 1e6
        self.row(model, "peak memory", 2, "MB", self.rounds(one, other, 1), faster="less",
                 note="ratio over 1: less memory")

    def sessions(self, model):
        for test in ("save", "restore", "fork"):
            self.alone(model, test, "ms", [1e3 * self.gneiss(model, ["--tests", test], 2)[0]["seconds"]
                                           for _ in range(self.a.rounds)], "256 tokens; bar 10")

    def contention(self, model):
        """Decoding beside one busy process: how much longer a token takes than alone."""
        ours = lambda: self.gneiss(model, ["--tests", "tg", "-n", "16"], 2)[0]["tps"]
        theirs = lambda: self.llama_bench(model, ["-p", "0", "-n", "16"], 2)[0]
        alone = [(ours(), theirs()) for _ in range(3)]
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            beside = [(ours(), theirs()) for _ in range(3)]
        finally:
            busy.kill()
            busy.wait()
        slower = [(a[0] / b[0], a[1] / b[1], None, ()) for a, b in zip(alone, beside)]
        self.row(model, "beside busy", 2, "x", slower, faster="less", note="times its own idle time; bar 3.5")

    def write(self):
        with open(self.a.out, "w", newline="") as f:
            out = csv.DictWriter(f, FIELDS, lineterminator="\n")
            out.writeheader()
            out.writerows(self.rows)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--gneiss", required=True)
    p.add_argument("--llama", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--only", default="", help="tests whose name holds this")
    p.add_argument("--quick", action="store_true", help="pp512 and tg64 alone")
    p.add_argument("model", nargs="+")
    a = p.parse_args()
    s = Session(a)
    wanted = lambda test: a.only in test
    try:
        for n, model in enumerate(a.model):
            for test in ("pp512", "tg64") if a.quick else SPEEDS:
                if wanted(test):
                    s.speed(model, test, 2)
            if a.quick:
                continue
            for test in ("pp512", "tg64"):
                if wanted(test):
                    s.speed(model, test, 1)
            if wanted("batch"):
                s.batch(model, 16 if "K" in os.path.basename(model) else 32)
            if wanted("first"):
                s.first_token(model)
            if wanted("memory"):
                s.memory(model)
            if n == 0:
                for part, name in ((s.scoring, "score"), (s.sessions, "sessions"), (s.contention, "beside")):
                    if wanted(name):
                        part(model)
            s.write()
    finally:
        s.write()


if __name__ == "__main__":
    main()
