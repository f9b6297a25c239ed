#!/usr/bin/env python3
"""Time of an evaluation: gneiss eval against lm-evaluation-harness with transformers, the same model and questions.

    pip install lm-eval==0.4.13 transformers==5.24.0 torch
    python tests/bench/eval.py build/release/gneiss [--rounds 2] [--threads 2] [--model DIR] [--sets choices,shots] [--out tests/bench/eval.csv]
        [--llama llama.cpp/build/bin/llama-perplexity] [--type f32] [--without-lm-eval]

Two sets of multiple choice, of words drawn with seed 1:
    choices  24 documents of 120 tokens, four endings of 42 each (the shape of HellaSwag)
    shots    20 questions after 700 tokens that all of them share, four endings of 2
The model, unless one is given, is a hybrid of 9 layers (8 of them Mamba-2) and width 256, with random weights and the
tokenizer of tests/oracle/lm_eval/model. Both compute in f32; gneiss also as it does by default ("fast"). lm-eval takes one
request at a time, as where its numbers are compared, and eight; transformers' Mamba chunk is 64, its fastest here.
The tools take turns, A B C D D C B A. Seconds are those of evaluating, with the model loaded; the accuracies must agree.

With --llama also llama-perplexity --hellaswag, on the set `choices` alone: a line of its file cannot hold the empty line
after what `shots` share. Both it and gneiss ("gguf") read the same file, the model as `gneiss quantize --type` writes it.
It chooses by the mean over an ending's tokens, of which all have 42 here, so it must choose as the sum does; its context is
4096 tokens, the fastest of 512, 2048 and 4096. Its seconds are those from its line "calculating hellaswag score" to its end.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LENGTH = 1024  # most tokens of a request: more than any has
SETS = {"choices": dict(documents=24, shared=0, context=120, ending=42), "shots": dict(documents=20, shared=700, context=12, ending=2)}


def make_model(folder):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    small = ROOT / "tests/oracle/lm_eval/model"
    have = json.loads((small / "config.json").read_text())
    layers = ["mamba"] * 9
    layers[4] = "attention"
    config = AutoConfig.for_model(
        "granitemoehybrid", vocab_size=have["vocab_size"], hidden_size=256, num_hidden_layers=9, layer_types=layers, num_attention_heads=8, num_key_value_heads=2,
        position_embedding_type="nope", mamba_n_heads=16, mamba_d_head=32, mamba_d_state=64, mamba_n_groups=1, mamba_d_conv=4, mamba_expand=2,
        mamba_chunk_size=64, num_local_experts=0, num_experts_per_tok=0, shared_intermediate_size=512, intermediate_size=512, max_position_embeddings=4096,
        bos_token_id=have.get("bos_token_id"), eos_token_id=have.get("eos_token_id"), pad_token_id=have.get("pad_token_id"), tie_word_embeddings=True)
    torch.manual_seed(1)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(small / name, folder)


def text_of(tokenizer, n, draw):
    """Words of exactly n tokens, beginning with a space and ending with none."""
    words = "the of and to in is it on as for was that with be by at from this have or one had not but what all were when we there can an your which their said if do will each about how".split()
    text, count = "", 0
    while count != n:
        if count < n:
            text += " " + draw.choice(words)
        else:
            text = " ".join(text.split(" ")[: -draw.randint(1, 3)])
        count = len(tokenizer.encode(text, add_special_tokens=False))
    return text


def make_sets(tokenizer, folder):
    draw = random.Random(1)
    for name, s in SETS.items():
        shared = text_of(tokenizer, s["shared"], draw).strip() + "\n\n" if s["shared"] else ""
        with open(folder / f"{name}.jsonl", "w") as f:
            for _ in range(s["documents"]):
                row = {"q": text_of(tokenizer, s["context"], draw).strip(), "choices": [text_of(tokenizer, s["ending"], draw).strip() for _ in range(4)], "a": draw.randrange(4)}
                f.write(json.dumps(row) + "\n")
                before = len(tokenizer.encode(row["q"], add_special_tokens=False))
                for ending in row["choices"]:
                    assert len(tokenizer.encode(row["q"] + " " + ending, add_special_tokens=False)) == before + s["ending"]
        (folder / f"bench_{name}.yaml").write_text(json.dumps({
            "task": f"bench_{name}", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(folder / f"{name}.jsonl")}}, "test_split": "test",
            "output_type": "multiple_choice", "description": shared, "doc_to_text": "{{q}}", "doc_to_choice": "choices", "doc_to_target": "a",
            "metric_list": [{"metric": "acc"}], "metadata": {"version": 1}}))


def run_gneiss(gneiss, model, folder, name, threads, numerics):
    db = folder / "bench.db"
    for f in folder.glob("bench.db*"):
        f.unlink()
    out = subprocess.run([gneiss, "eval", model, "-t", f"bench_{name}", "--include", folder, "--db", db, "--numerics", numerics, "--threads", str(threads),
                          "--max-length", str(LENGTH), "--progress", "none", "--json", "-q"], check=True, stdout=subprocess.PIPE, text=True).stdout
    done = json.loads(out.splitlines()[-1])
    return done["seconds"], done["tokens"]["asked"], done["tokens"]["read"], done["tasks"][0]["metrics"][0]["value"]


def run_llama(llama, gguf, folder, name, threads, documents):
    """Six lines a document: its context, the number of the right ending, four endings."""
    file = folder / f"{name}.hellaswag"
    rows = [json.loads(x) for x in (folder / f"{name}.jsonl").read_text().splitlines()]
    file.write_text("\n".join("\n".join([r["q"], str(r["a"]), *r["choices"]]) for r in rows))
    for _ in range(5):  # now and then it ends before its last lines are out
        began = time.monotonic()
        out = subprocess.run([llama, "-m", gguf, "--hellaswag", "--hellaswag-tasks", str(documents), "-f", file, "-t", str(threads), "-c", "4096", "-b", "4096"],
                             check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        wall = time.monotonic() - began
        last = re.search(rf"^{documents}\t([0-9.]+)%", out, re.M)
        at = re.search(r"^(\d+)\.(\d+)\.(\d+)\.(\d+) .*calculating hellaswag score", out, re.M)
        if last and at:
            minutes, seconds, ms, us = map(int, at.groups())
            return wall - (60 * minutes + seconds + ms / 1e3 + us / 1e6), None, None, float(last[1]) / 100
    raise SystemExit(f"llama-perplexity told no score of {documents} documents:\n{out[-2000:]}")


class Harness:
    def __init__(self, model, folder, threads):
        import torch
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager
        torch.set_num_threads(threads)
        self.tasks = TaskManager(include_path=str(folder))
        self.lm = {n: HFLM(pretrained=str(model), dtype="float32", softmax_dtype="float32", max_length=LENGTH, batch_size=n, device="cpu") for n in (1, 8)}

    def run(self, name, batch):
        import lm_eval
        began = time.monotonic()
        out = lm_eval.simple_evaluate(model=self.lm[batch], tasks=[f"bench_{name}"], task_manager=self.tasks, bootstrap_iters=0, verbosity="ERROR")
        return time.monotonic() - began, None, None, out["results"][f"bench_{name}"]["acc,none"]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("gneiss")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--model")
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--out", default=str(ROOT / "tests/bench/eval.csv"))
    p.add_argument("--llama")
    p.add_argument("--type", default="f32")
    p.add_argument("--without-lm-eval", action="store_true")
    a = p.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer
    rows = []
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        os.environ["HF_DATASETS_CACHE"] = str(folder / "cache")
        model = Path(a.model) if a.model else folder / "model"
        if not a.model:
            make_model(model)
        config = json.loads((model / "config.json").read_text())
        global LENGTH
        LENGTH = min(LENGTH, config.get("max_position_embeddings", LENGTH))
        make_sets(AutoTokenizer.from_pretrained(model), folder)
        tools = {("gneiss", "fast"): lambda n: run_gneiss(a.gneiss, model, folder, n, a.threads, "fast"),
                 ("gneiss", "exact"): lambda n: run_gneiss(a.gneiss, model, folder, n, a.threads, "exact")}
        if not a.without_lm_eval:
            harness = Harness(model, folder, a.threads)
            tools["lm-eval", "batch 1"] = lambda n: harness.run(n, 1)
            tools["lm-eval", "batch 8"] = lambda n: harness.run(n, 8)
        if a.llama:
            gguf = folder / f"{a.type}.gguf"
            subprocess.run([a.gneiss, "quantize", model, gguf, "--type", a.type, "-q"], check=True)
            tools["gneiss", f"gguf {a.type}"] = lambda n: run_gneiss(a.gneiss, gguf, folder, n, a.threads, "fast")
            tools["llama.cpp", f"gguf {a.type}"] = lambda n: run_llama(a.llama, gguf, folder, n, a.threads, SETS[n]["documents"])
        for name in a.sets.split(","):
            mine = {k: f for k, f in tools.items() if name == "choices" or not k[1].startswith("gguf")}
            for key in mine:  # warm; the harness's first request costs no more than its others
                if key[0] == "gneiss":
                    tools[key](name)
            for r in range(a.rounds):
                for key in list(mine) if r % 2 == 0 else list(mine)[::-1]:
                    load = os.getloadavg()[0]
                    seconds, asked, read, acc = tools[key](name)
                    rows.append([name, *key, r, f"{seconds:.4f}", asked or "", read or "", acc, f"{load:.2f}"])
                    print(*rows[-1], flush=True)
    with open(a.out, "w", newline="") as f:
        csv.writer(f).writerows([["set", "tool", "setting", "round", "seconds", "tokens_asked", "tokens_read", "acc", "load"], *rows])
    for name in a.sets.split(","):
        best = {}
        for r in (r for r in rows if r[0] == name):
            best[r[1], r[2]] = min(float(r[4]), best.get((r[1], r[2]), 1e9))
        theirs = min((v for k, v in best.items() if k[0] == "lm-eval"), default=None)
        if theirs:
            print(f"{name}: gneiss fast {best['gneiss', 'fast']:.3f} s, exact {best['gneiss', 'exact']:.3f} s, lm-eval {theirs:.3f} s: "
                  f"{theirs / best['gneiss', 'exact']:.1f} and, fast, {theirs / best['gneiss', 'fast']:.1f} times")
        for (tool, setting), seconds in best.items():
            if tool == "llama.cpp":
                print(f"{name}: {setting}: gneiss {best['gneiss', setting]:.3f} s, llama-perplexity {seconds:.3f} s: {seconds / best['gneiss', setting]:.1f} times")
        for key in best:
            print(f"{name}: accuracy of {' '.join(key)}: {', '.join(sorted({str(r[7]) for r in rows if (r[0], r[1], r[2]) == (name, *key)}))}")


main()
