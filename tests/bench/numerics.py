#!/usr/bin/env python3
"""numerics.py - what `--numerics fast` changes, format by format, on real text.

    tests/bench/numerics.py --gneiss build/dev/gneiss --out tests/bench/numerics.csv \
        [--text FILE...] [--chars 4000] [--answers 40] [--types q8_0,q4_0,...] \
        [--greedy "as it is,q8_0"] MODEL...

Each MODEL is read as it is, and quantised to each type (`gneiss quantize`; a type a model cannot have is
left out, and said), and both arithmetics read the same quantised file. A row holds the
mean, the 99th percentile and the maximum of |log p fast - log p exact| over the tokens of
the text. For the types of --greedy it also holds of how many prompts cut from the text the
greedy 128-token continuation is the same to the last token; `first_other` is the median place
of the first other token among those that differ. No number depends on time or threads. The text is this tree's own
documents unless said. Needs Python alone.
"""
import argparse, csv, glob, json, os, statistics, subprocess, sys, tempfile

TYPES = "f32,bf16,f16,q8_0,q6_k,q5_k_m,q5_1,q5_0,q4_k_m,q4_1,q4_0,iq4_nl,iq4_xs,q3_k_m,q2_k"
FIELDS = ["model", "type", "processor", "tokens", "mean", "p99", "max", "answers", "same", "share",
          "first_other"]
N = 128


def gneiss(a, *args):
    done = subprocess.run([a.gneiss, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else f"exit {done.returncode}")
    return done.stdout


def processor():
    flags = next((x.split() for x in open("/proc/cpuinfo") if x.startswith("flags")), [])
    return next((x for x in ("avx512_bf16", "avx512_vnni", "avx2") if x in flags), "plain").replace("_", "")


def scores(a, model, numerics, text):
    """[log p] of each token of the text, and its ids"""
    line = json.loads(gneiss(a, "score", model, "--file", text, "--numerics", numerics, "--json", "-q",
                             "--readonly").splitlines()[0])
    return [t["logprob"] for t in line["tokens"]], line["ids"]


def answers(a, model, numerics, jobs):
    out = gneiss(a, "run", model, "--jobs", jobs, "--greedy", "-n", str(N), "--ignore-eos", "--numerics", numerics,
                 "--json", "-q", "--readonly")
    return {r["id"]: r["ids"] for r in map(json.loads, out.splitlines())}


def row(a, model, kind, path, folder, text):
    exact, ids = scores(a, path, "exact", text)
    fast, _ = scores(a, path, "fast", text)
    off = sorted(abs(x - y) for x, y in zip(exact, fast))
    said = {"model": os.path.basename(model.rstrip("/")), "type": kind, "processor": processor(), "tokens": len(off),
            "mean": f"{statistics.mean(off):.2g}", "p99": f"{off[int(0.99 * len(off))]:.2g}", "max": f"{off[-1]:.2g}"}
    if kind not in a.greedy.split(","):
        return said
    jobs = os.path.join(folder, "jobs")
    step = max(1, (len(ids) - 48) // a.answers)
    with open(jobs, "w") as f:
        for i in range(a.answers):
            f.write(json.dumps({"id": i, "ids": ids[i * step:i * step + 48]}) + "\n")
    one, two = answers(a, path, "exact", jobs), answers(a, path, "fast", jobs)
    same = sum(one[i] == two[i] for i in one)
    places = [next((k for k, (x, y) in enumerate(zip(one[i], two[i])) if x != y), N) for i in one if one[i] != two[i]]
    return {**said, "answers": len(one), "same": same, "share": round(same / len(one), 3),
            "first_other": int(statistics.median(places)) if places else ""}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--gneiss", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--text", nargs="*", default=[])
    p.add_argument("--chars", type=int, default=4000)
    p.add_argument("--answers", type=int, default=40)
    p.add_argument("--types", default=TYPES)
    p.add_argument("--greedy", default="as it is,q8_0")
    p.add_argument("model", nargs="+")
    a = p.parse_args()
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    files = a.text or [os.path.join(here, "README.md"), *sorted(glob.glob(os.path.join(here, "core", "README.md"))),
                       os.path.join(here, "ARCHITECTURE.md"), os.path.join(here, "CONTRIBUTING.md")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text")
        for model in a.model:
            words = "\n".join(open(f, encoding="utf-8").read() for f in files)
            with open(text, "w", encoding="utf-8") as f:
                f.write(words[:a.chars])
            made = os.path.join(folder, "m.gguf")
            for kind in ["as it is", *a.types.split(",")]:
                try:
                    if kind != "as it is":
                        gneiss(a, "quantize", model, made, "--type", kind, "-q")
                except RuntimeError as e:
                    print(f"{os.path.basename(model)} {kind}: left out: {e}", flush=True)
                    continue
                rows.append(row(a, model, kind, model if kind == "as it is" else made, folder, text))
                print(" ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
                with open(a.out, "w", newline="") as f:
                    out = csv.DictWriter(f, FIELDS, lineterminator="\n")
                    out.writeheader()
                    out.writerows(rows)


if __name__ == "__main__":
    main()
