"""measure.py - what a checkpoint of the model in the box can do, on ways of asking it never saw.

    python3 tools/box/measure.py GNEISS MODEL HELD.jsonl

A line a skill: how many of its answers hold the key. An answer to "three of something" must be three
different words of that list.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

LISTS = {line.split(":")[0]: set(line.split(":")[1].split())
         for line in (Path(__file__).resolve().parent / "lists.txt").read_text().splitlines()}


def holds(held, text):
    if held["key"] is not None:
        return held["key"] in text
    names = next(v for k, v in LISTS.items() if k in held["list"])
    said = [w.strip(" .") for w in text.split(",")]
    return len(set(said)) == 3 and set(said) <= names


def main():
    gneiss, model, path = sys.argv[1:4]
    held = [json.loads(line) for line in open(path)]
    jobs = "".join(json.dumps(dict(id=i, messages=h["messages"], n=80, temp=0)) + "\n"
                   for i, h in enumerate(held))
    out = subprocess.run([gneiss, "run", model, "--jobs", "-"], input=jobs, check=True,
                         capture_output=True, text=True).stdout
    right, all_ = Counter(), Counter()
    for line in out.splitlines():
        answer = json.loads(line)
        h = held[answer["id"]]
        all_[h["skill"]] += 1
        right[h["skill"]] += holds(h, answer["text"])
    for skill in all_:
        print(f"{skill:10} {right[skill]:4} of {all_[skill]}")


if __name__ == "__main__":
    main()
