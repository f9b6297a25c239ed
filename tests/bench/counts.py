#!/usr/bin/env python3
"""counts.py - instructions the engine takes, by callgrind: a figure without noise.

    tests/bench/counts.py --gneiss build/dev/gneiss --out tests/bench/counts.csv [--only TEXT]

Small checkpoints of tests/oracle/models do fixed work; valgrind counts what is executed under
each of a few functions. A row is one job and one function (the program as a whole is `all`); `before` is what
the file said when the script began, `change` the ratio to it. Counts of one build are the same
on every machine of one instruction set: valgrind 3.19 has no AVX-512, so these are AVX2's. Compilers and
libraries change them a little. It is recorded and does not gate: nothing fails here. Needs valgrind.
"""
import argparse, csv, os, re, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "oracle", "models")
IDS = " ".join(str(7 * i % 60) for i in range(96))
JOBS = {
    "read 96": ("hybrid_dense", ["run", "--ids", IDS, "-n", "1"]),
    "read 96 experts": ("hybrid_moe", ["run", "--ids", IDS, "-n", "1"]),
    "write 48": ("hybrid_dense", ["run", "--ids", "5", "-n", "48"]),
    "write 48 attention": ("llama", ["run", "--ids", "5", "-n", "48"]),
}
FUNCTIONS = ["gn_engine_open", "gn_forward", "gn_cpu_linear", "gn_cpu_ssd", "gn_cpu_conv", "gn_cpu_attend",
             "gn_cpu_experts", "gn_cpu_logprobs"]
FIELDS = ["job", "function", "instructions", "before", "change"]


def count(program, model, args):
    """{function: instructions, those it calls included}"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out")
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", "-q", program, args[0],
                        os.path.join(MODELS, model), *args[1:], "--greedy", "--ignore-eos", "--threads", "1",
                        "--readonly", "--json", "-q"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, "XDG_CACHE_HOME": folder, "XDG_DATA_HOME": folder})
        said = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", path], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in said.splitlines():
        m = re.match(r"\s*([\d,]+)\s*(?:\([^)]*\))?\s+(.*)", line)
        if not m:
            continue
        n, rest = int(m.group(1).replace(",", "")), m.group(2)
        if "PROGRAM TOTALS" in rest:
            found["all"] = n
        for name in FUNCTIONS:
            if re.search(rf"[:\s]{name}(\s|'|$)", rest):
                found.setdefault(name, n)
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--gneiss", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--only", default="")
    a = p.parse_args()
    old = {}
    if os.path.exists(a.out):
        with open(a.out, newline="") as f:
            old = {(r["job"], r["function"]): r for r in csv.DictReader(f)}
    rows = [r for (job, _), r in old.items() if a.only not in job]
    for job, (model, args) in JOBS.items():
        if a.only not in job:
            continue
        found = count(a.gneiss, model, args)
        if "all" not in found:
            sys.exit(f"counts.py: {job}: callgrind said no total")
        for name in ["all", *FUNCTIONS]:
            if name not in found:
                continue
            before = old.get((job, name), {}).get("instructions", "")
            change = f"{found[name] / int(before):.4f}" if before else ""
            rows.append({"job": job, "function": name, "instructions": found[name], "before": before, "change": change})
            print(f"{job:20} {name:18} {found[name]:>13,} {change}", flush=True)
    with open(a.out, "w", newline="") as f:
        out = csv.DictWriter(f, FIELDS, lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


if __name__ == "__main__":
    main()
