"""count_tasks.py - how many of lm-evaluation-harness's own task files gneiss runs, and why not the others.

    pip install lm-eval==0.4.13
    python tests/oracle/count_tasks.py build/gneiss

prints the figures that gneiss-task(5) gives. A task may be refused for several reasons; it counts under each.
"""

import collections
import json
import os
import re
import subprocess
import sys

import lm_eval

WORDS = [
    ("process_docs", r": process_docs: "), ("process_results", r": process_results: "), ("doc_to_text", r": doc_to_text: "),
    ("doc_to_target", r": doc_to_target: "), ("doc_to_choice", r": doc_to_choice: "), ("fewshot_config", r": fewshot_config"),
    ("a filter", r": filter_list"), ("an aggregation", r": metric_list\.aggregation: "), ("hf_evaluate", r": metric_list\.hf_evaluate: "),
    ("ter", r"no (metric|aggregation) 'ter'"), ("a metric", r": metric_list\.metric: "),
    ("images or sound", r": doc_to_(image|audio): "), ("unsafe_code", r": unsafe_code: "), ("custom_dataset or class", r": (custom_dataset|class): "),
]


def main(gneiss):
    tasks = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")
    out = subprocess.run([gneiss, "tasks", "list", "--include", tasks, "--json"], check=True, capture_output=True, text=True).stdout
    runs, not_code, only, reasons = collections.Counter(), 0, collections.Counter(), collections.Counter()
    for line in out.splitlines():
        row = json.loads(line)
        if row["file"].startswith("builtin"):
            continue
        runs[row["kind"], row["runs"]] += 1
        if row["kind"] != "task" or row["runs"]:
            continue
        found = [word for word, pattern in WORDS if re.search(pattern, row["why"])]
        if "ter" in found and not re.search(r"no metric '(?!ter')", row["why"]):
            found.remove("a metric")
        reasons.update(found or ["other: " + row["why"][:100]])
        if len(found) == 1:
            only[found[0]] += 1
    print("runs:", {f"{kind} {'yes' if yes else 'no'}": n for (kind, yes), n in sorted(runs.items())})
    for word, n in reasons.most_common():
        print(f"{n:6} {word} (alone {only[word]})")


if __name__ == "__main__":
    main(sys.argv[1])
