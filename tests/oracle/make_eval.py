"""make_eval.py - what lm-evaluation-harness makes of task files, documents, answers and scores.

    pip install lm-eval==0.4.13 sacrebleu scikit-learn nltk immutabledict langdetect
    python tests/oracle/make_eval.py

writes tests/oracle/eval_*.txt and .jsonl. Nothing is loaded from a network: the data sets are
rows made up here, in the columns the public ones have, written below tests/oracle/eval.

  eval_draws.txt      CPython's random.Random: bits, sample(), choices()
  eval_filters.jsonl  filter pipelines over answers
  eval_scores.jsonl   aggregations and their standard errors
  eval_ifeval.jsonl   the instruction checkers
  eval_prompts.jsonl  requests: of the tasks in tests/oracle/eval/tasks, and of those that are built
                      into gneiss and have a namesake in lm-evaluation-harness
  eval_rows.jsonl     scores of documents, from answers made up
"""

import json
import math
import os
import random
import re
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
EVAL = os.path.join(HERE, "eval")
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["LMEVAL_DISABLE_MULTIPROC"] = "1"
os.environ["DISABLE_MULTIPROC"] = "1"


def dump(name, rows):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
        for row in rows:
            f.write(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False))
            f.write("\n")
    print(name, len(rows), "rows")


# ---- draws -----------------------------------------------------------------


def draws():
    rows = []
    for seed in (0, 1, 1234, 2**32 + 5, -7):
        rnd = random.Random(seed)
        rows.append(f"bits {seed} " + " ".join(str(rnd.getrandbits(32)) for _ in range(700))[-3000:].split(" ", 1)[1])
        for n, k in ((1, 1), (6, 6), (21, 5), (22, 5), (85, 6), (277, 64), (278, 64), (39905, 10), (39905, 11)):
            rnd = random.Random(seed)
            three = [rnd.sample(range(n), k) for _ in range(3)]
            rows.append(f"sample {seed} {n} {k} " + " ".join(str(x) for s in three for x in s[:12]))
        rnd = random.Random(seed)
        rows.append(f"choices {seed} 1000 " + " ".join(str(x) for x in rnd.choices(range(1000), k=1000)[-200:]))
    return rows


# ---- filters ---------------------------------------------------------------

ANSWERS = ["", "The answer is 42.", "#### 1,234.5 and then #### -7", "It costs $3.50, or $ 4", " (B) ", "answer is (C)",
           "Answer:  B", "I choose Paris, of course", "no number here", "A", "naïve café #### 12", "x: D", "the cat's hat",
           "THE CAT'S HAT!", "The answer is 5 The answer is 6", "#### ", "line\n#### 8\n", "ß STRASSE", "yes", "no", "Yes",
           "first: a) second: b)", "$$", "1.2.3", "answer is J", "\u2028 42 \u3000"]


def filters():
    from lm_eval.filters import build_filter_ensemble
    from lm_eval.api.instance import Instance

    docs = [{"choices": ["Paris", "Paris, of course", "cat's hat", "dog"]}, {"choices": ["A", "B"]},
            {"choices": ["the cat's", "", "the cat's hat", "the cat's"]}]
    pipelines = [
        [{"function": "regex", "regex_pattern": r"#### (\-?[0-9\.\,]+)"}, {"function": "take_first"}],
        [{"function": "regex", "regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "group_select": -1}, {"function": "take_first"}],
        [{"function": "regex"}, {"function": "take_first"}],
        [{"function": "regex", "regex_pattern": r"The answer is (\-?[0-9\.\,]+).", "fallback": "none"}, {"function": "take_first"}],
        [{"function": "regex", "regex_pattern": r"(a)?(b)?", "fallback": "?"}, {"function": "take_first"}],
        [{"function": "regex", "regex_pattern": r"\s*"}, {"function": "take_first"}],
        [{"function": "remove_whitespace"}, {"function": "take_first"}],
        [{"function": "lowercase"}, {"function": "take_first"}],
        [{"function": "uppercase"}, {"function": "take_first"}],
        [{"function": "map", "mapping_dict": {"yes": "1", "no": "0"}, "default_value": "-1"}, {"function": "take_first"}],
        [{"function": "lowercase"}, {"function": "map", "mapping_dict": {"yes": 1, "no": 0}}, {"function": "take_first"}],
        [{"function": "multi_choice_regex", "regex_pattern": r"answer is \(?([A-J])\)?"}, {"function": "take_first"}],
        [{"function": "multi_choice_regex", "regex_pattern": r"(\([A-Z]\))", "ignore_case": True, "ignore_punctuation": True,
          "regexes_to_ignore": [r"of\s+"]}, {"function": "take_first"}],
        [{"function": "multi_choice_regex", "regex_pattern": r"(\([A-Z]\))", "group_select": -1, "ignore_case": True}, {"function": "take_first"}],
        [{"function": "take_first_k", "k": 3}, {"function": "majority_vote"}, {"function": "take_first"}],
        [{"function": "regex", "regex_pattern": r"([A-D])"}, {"function": "majority_vote"}, {"function": "take_first"}],
    ]
    rows = []
    for functions in pipelines:
        repeats = any(f["function"] in ("majority_vote", "take_first_k") for f in functions)
        groups = [ANSWERS[i:i + 4] for i in range(0, len(ANSWERS) - 3, 3)] if repeats else [[a] for a in ANSWERS]
        if repeats:
            groups += [["A", "B", "B", "A"], ["x", "y", "y", "z"]]
        instances = []
        for i, resps in enumerate(groups):
            for doc in docs if "multi" in functions[0]["function"] else docs[:1]:
                inst = Instance(request_type="generate_until", doc=doc, arguments=("", {}), idx=0, metadata=("t", i, len(resps)))
                inst.resps = list(resps)
                instances.append(inst)
        ensemble = build_filter_ensemble("x", [[f["function"], {k: v for k, v in f.items() if k != "function"}] for f in functions])
        ensemble.apply(instances)
        for inst in instances:
            rows.append({"filter": functions, "choices": inst.doc["choices"], "answers": inst.resps, "want": inst.filtered_resps["x"]})
    return rows


# ---- scores ----------------------------------------------------------------


def scores():
    from lm_eval.api import metrics as m

    rnd = random.Random(11)
    rows = []

    def add(kind, items, value, error):
        rows.append({"aggregation": kind, "items": items, "value": float(value), "error": None if error is None else float(error)})

    def stderr(f, items, iters=100000):
        fn = m.stderr_for_metric(f, iters)
        return fn(items) if fn else None

    for n in (2, 30, 57):
        xs = [float(rnd.random() < 0.6) for _ in range(n)]
        add("mean", [[x, 1] for x in xs], m.mean(xs), stderr(m.mean, xs))
    xs = [-abs(rnd.gauss(3, 2)) for _ in range(25)]
    add("perplexity", [[x, 1] for x in xs], m.perplexity(xs), stderr(m.perplexity, xs))
    add("median", [[x, 1] for x in xs], m.median(xs), stderr(m.median, xs))
    add("nanmean", [[x, 1] for x in xs], m.nanmean(xs), None)
    pairs = [(-rnd.uniform(10, 400), rnd.randint(5, 90)) for _ in range(20)]
    add("weighted_perplexity", pairs, m.weighted_perplexity(pairs), None)
    add("bits_per_byte", pairs, m.bits_per_byte(pairs), None)
    two = [(rnd.randint(0, 1), rnd.randint(0, 1)) for _ in range(30)]
    three = [(rnd.randint(0, 2), rnd.choice([0, 1, 2, 2])) for _ in range(40)]
    import warnings
    warnings.filterwarnings("ignore")
    add("f1", [[p, 1, str(g)] for g, p in two], m.f1_score(two), None)
    add("matthews_corrcoef", [[p, 1, str(g)] for g, p in two], m.matthews_corrcoef(two), None)
    add("matthews_corrcoef", [[p, 1, str(g)] for g, p in three], m.matthews_corrcoef(three), None)
    texts = ["The cat sat on the mat.", "A quick, brown fox jumps over 1,234.56 dogs - twice!", "naïve café—it's “fine”", "Hello",
             "", "x = 3-4; y <skipped> &amp; z", "日本語 の テスト です。", "the the the the", "Don't (really) stop...", "a b c d e f g",
             "trailing -\nnewline and\ttab", "100% of $5.00"]
    pairs = [(random.Random(i).choice(texts), t) for i, t in enumerate(texts)] + [(t, t) for t in texts[:3]] + [
        ("The cat is on the mat.", "The cat sat on a mat."), ("one two three four five", "one two three four six")]
    for kind, f in (("bleu", m.bleu), ("chrf", m.chrf), ("chrf++", m.chrfpp)):
        add(kind, [[0, 1, g, a] for g, a in pairs], f(pairs), stderr(f, pairs, 100))
        for g, a in pairs:
            add(kind, [[0, 1, g, a]], f([(g, a)]), None)
    groups = []
    for by_size in (True, False):
        leaves = [(rnd.random(), rnd.uniform(.01, .05), rnd.randint(20, 300)) for _ in range(5)]
        v, e, n = zip(*leaves)
        groups.append({"leaves": leaves, "by_size": by_size, "value": m.aggregate_subtask_metrics(list(v), list(n), by_size),
                       "error": float(m.pooled_sample_stderr(list(e), list(n)) if by_size else m.unweighted_mean_stderr(list(e)))})
    return rows, groups


# ---- ifeval ----------------------------------------------------------------


def no_punkt():
    """The checkers ask for punkt when they are loaded, which the exact ones never use."""
    import nltk
    nltk.data.find = lambda *a, **k: True


def ifeval():
    no_punkt()
    from lm_eval.tasks.ifeval import utils

    answers = ["", "   ", "Hello, world.", "* one\n* two\n- three", "My answer is yes. Indeed.", "*bold* and **strong** and ** **",
               "Section 1\ntext\nSection 2\nmore", "first\n***\nsecond\n***\nthird", "***\nfirst\n***\nsecond", "text\n\nP.S. bye",
               "text\nP.P.S more", '```json\n{"a": 1}\n```', "{not json", "<<Title>>\nbody", "<<>>", "one\n******\ntwo", "one\n******\none",
               "a\n******\n******\nb", "Repeat this please. Then answer", '"quoted"', '"', "Write [name] and [address] here [x]",
               "no comma here", "the Cat and the dog; CAT", "Paragraph one\n\nSecond para\n\nThird", "'Hello', he said\n\nsecond",
               "Any other questions?", 'x "Is there anything else I can help with?"', "eeee EEE e", "word " * 30, "*Title*\nbody text\nend",
               "Sure!\nMy answer is no.\nBye", "alpha beta\nbeta gamma", "naïve Été café", "1\n2\n3"]
    kinds = [
        ("keywords:existence", {"keywords": ["cat", "dog"]}), ("keywords:existence", {"keywords": ["b.ta"]}),
        ("keywords:frequency", {"keyword": "beta", "frequency": 2, "relation": "at least"}),
        ("keywords:frequency", {"keyword": " cat ", "frequency": 2, "relation": "less than"}),
        ("keywords:forbidden_words", {"forbidden_words": ["cat", "ell"]}),
        ("keywords:letter_frequency", {"letter": "e", "let_frequency": 5, "let_relation": "at least"}),
        ("keywords:letter_frequency", {"letter": "A", "let_frequency": 2, "let_relation": "less than"}),
        ("length_constraints:number_words", {"num_words": 5, "relation": "at least"}),
        ("length_constraints:number_words", {"num_words": 5, "relation": "less than"}),
        ("length_constraints:number_paragraphs", {"num_paragraphs": 2}), ("length_constraints:number_paragraphs", {"num_paragraphs": 3}),
        ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 3, "nth_paragraph": 2, "first_word": "Second"}),
        ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "hello"}),
        ("detectable_content:number_placeholders", {"num_placeholders": 3}), ("detectable_content:postscript", {"postscript_marker": "P.S."}),
        ("detectable_content:postscript", {"postscript_marker": "P.P.S"}), ("detectable_content:postscript", {"postscript_marker": "bye"}),
        ("detectable_format:number_bullet_lists", {"num_bullets": 3}), ("detectable_format:constrained_response", {}),
        ("detectable_format:number_highlighted_sections", {"num_highlights": 2}), ("detectable_format:number_highlighted_sections", {"num_highlights": 1}),
        ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2}), ("detectable_format:json_format", {}),
        ("detectable_format:title", {}), ("combination:two_responses", {}),
        ("combination:repeat_prompt", {"prompt_to_repeat": "repeat THIS please."}), ("startend:end_checker", {"end_phrase": "Any other questions?"}),
        ("startend:end_checker", {"end_phrase": "Is there anything else I can help with?"}), ("startend:quotation", {}), ("punctuation:no_comma", {}),
    ]
    rows = []
    everything = {k: None for _, a in kinds for k in a}
    for i, answer in enumerate(answers):
        for j in range(0, len(kinds), 3):
            chosen = kinds[j:j + 3]
            doc = {"key": i, "prompt": "p", "instruction_id_list": [k for k, _ in chosen], "kwargs": [{**everything, **a} for _, a in chosen]}
            out = utils.process_results(doc, [answer])
            rows.append({"doc": {**doc, "kwargs": [a for _, a in chosen]}, "answer": answer,
                         "strict": sum(out["inst_level_strict_acc"]), "loose": sum(out["inst_level_loose_acc"])})
    return rows


# ---- prompts ---------------------------------------------------------------

CHATML = ("{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}<|end|>\n{% endfor %}"
          "{% if add_generation_prompt %}<|assistant|>{% endif %}")
NO_SYSTEM = ("{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
             "[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}")


def renderer(template):
    import jinja2
    from transformers.utils.chat_template_utils import render_jinja_template

    def call(messages, add_generation_prompt):
        return render_jinja_template(conversations=[messages], chat_template=template, add_generation_prompt=add_generation_prompt,
                                     continue_final_message=not add_generation_prompt)[0][0]

    def render(messages, add_generation_prompt=True):
        try:
            return call(messages, add_generation_prompt)
        except jinja2.exceptions.TemplateError:
            return call([m for m in messages if m["role"] != "system"], add_generation_prompt)

    return render


def requests_of(task, shots, limit, mode, system):
    """The requests of the first documents: [[context, continuation], ...] each; null: that of the one before."""
    task.set_config("num_fewshot", shots)
    task.set_fewshot_seed(1234)
    chat = {"chatml": CHATML, "nosystem": NO_SYSTEM, "oneturn": CHATML}.get(mode)
    task.build_all_requests(limit=limit, rank=0, world_size=1, cache_requests=False, rewrite_requests_cache=False,
                            system_instruction=system, apply_chat_template=chat is not None, fewshot_as_multiturn=mode != "oneturn",
                            chat_template=renderer(chat) if chat else None, tokenizer_name="")
    docs = {}
    for inst in task.instances:
        docs.setdefault(inst.doc_id, []).append([a if isinstance(a, str) else None for a in inst.args])
    for requests in docs.values():
        for i in range(len(requests) - 1, 0, -1):
            if len(requests[i]) == 2 and requests[i][0] == requests[i - 1][0]:
                requests[i][0] = None
    return [docs[i] for i in sorted(docs)]


def prompts():
    import datasets
    from lm_eval.tasks import TaskManager

    real = datasets.load_dataset

    def load(path=None, name=None, **kwargs):
        """Local rows in place of a public data set."""
        if path == "json":
            return real(path, name, **kwargs)
        folder = os.path.join(EVAL, "data", path, name or "default")
        files = {f[:-6]: os.path.join(folder, f) for f in sorted(os.listdir(folder))}
        return real("json", data_files=files)

    datasets.load_dataset = load
    no_punkt()
    import evaluate
    evaluate.load = lambda *a, **k: types.SimpleNamespace(compute=lambda **k: [{"pass@1": 0.0}])

    rows = []
    os.chdir(os.path.join(EVAL, "tasks"))
    own = TaskManager(include_path=os.path.join(EVAL, "tasks"), include_defaults=False)
    for name in sorted(own.all_subtasks):
        for shots, mode, system in ((0, "", None), (1, "", None), (3, "", "Be brief."), (2, "chatml", None), (2, "oneturn", "Be brief."),
                                    (1, "nosystem", "Be brief."), (0, "oneturn", None)):
            task = own.load(name)["tasks"][name]
            if task.config.num_fewshot == 0 and shots:
                continue
            rows.append({"task": name, "shots": shots, "mode": mode, "system": system or "",
                         "docs": requests_of(task, shots, 12, mode, system)})
    theirs = TaskManager()
    for name in SHIPPED:
        for shots, mode in ((None, ""), (0, ""), (3, ""), (2, "chatml")):
            task = theirs.load(name)["tasks"][name]
            fixed = task.config.num_fewshot
            if shots is None:
                shots = fixed or 0
            elif fixed == 0:
                continue
            rows.append({"task": name, "builtin": True, "shots": shots, "mode": mode, "system": "", "docs": requests_of(task, shots, 6, mode, None)})
    return rows


SHIPPED = ["hellaswag", "arc_easy", "arc_challenge", "piqa", "winogrande", "boolq", "openbookqa", "sciq", "commonsense_qa", "lambada_openai",
           "lambada_standard", "mmlu_anatomy", "mmlu_high_school_us_history", "mmlu_pro_law", "mmlu_pro_computer_science", "truthfulqa_mc1", "truthfulqa_mc2", "gsm8k", "gsm8k_cot",
           "ifeval", "wikitext", "humaneval", "mbpp"]


def data():
    """Rows made up, in the columns of the public data sets."""
    rnd = random.Random(5)
    nouns = "river lamp teacher cloud Émile garden engine O'Neil bread violin 7 moon".split()
    verbs = "carries follows repairs forgets paints hears lifts".split()

    def phrase(n=4):
        return " ".join(rnd.choice(nouns if i % 2 == 0 else verbs) for i in range(n))

    def put(path, name, split, rows):
        folder = os.path.join(EVAL, "data", path, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, split + ".jsonl"), "w", encoding="utf-8") as f:
            for row in rows:
                f.write(json.dumps(row, ensure_ascii=False) + "\n")

    marks = ["", " [title]", " [step] now", "  twice", " [header]Wash"]
    for split, n in (("train", 30), ("validation", 8)):
        put("Rowan/hellaswag", "default", split, [
            {"ind": i, "activity_label": phrase(2) + rnd.choice(marks), "ctx_a": phrase() + rnd.choice(marks), "ctx_b": rnd.choice(["", "the DOG Émile ", "ßa x"]) + phrase(2),
             "ctx": "unused", "endings": [" " + phrase() + rnd.choice(marks) + "." for _ in range(4)], "label": str(rnd.randint(0, 3))} for i in range(n)])
        put("baber/piqa", "default", split, [{"goal": phrase(), "sol1": phrase(), "sol2": phrase(3), "label": rnd.randint(0, 1)} for _ in range(n)])
        put("allenai/winogrande", "winogrande_xl", split, [
            {"sentence": f"{phrase()} because _ {phrase(3)} . ", "option1": rnd.choice(nouns), "option2": rnd.choice(nouns), "answer": str(rnd.randint(1, 2))} for _ in range(n)])
        put("aps/super_glue", "boolq", split, [{"passage": phrase(9), "question": phrase(), "idx": i, "label": rnd.randint(0, 1)} for i in range(n)])
        put("tau/commonsense_qa", "default", split, [
            {"id": str(i), "question": " " + phrase() + "? ", "question_concept": "x", "choices": {"label": list("ABCDE"), "text": [phrase(1) for _ in range(5)]},
             "answerKey": rnd.choice("ABCDE")} for i in range(n)])
    for split, n in (("train", 30), ("validation", 5), ("test", 8)):
        for name in ("ARC-Easy", "ARC-Challenge"):
            rows = []
            for i in range(n):
                k = rnd.randint(3, 5)
                labels = list("ABCDE"[:k]) if rnd.random() < .7 else [str(j + 1) for j in range(k)]
                rows.append({"id": str(i), "question": phrase() + "?", "choices": {"text": [phrase(2) for _ in range(k)], "label": labels}, "answerKey": rnd.choice(labels)})
            put("allenai/ai2_arc", name, split, rows)
        put("allenai/openbookqa", "main", split, [
            {"id": str(i), "question_stem": phrase(), "choices": {"text": [phrase(2) for _ in range(4)], "label": list("ABCD")}, "answerKey": " " + rnd.choice("ABCD")} for i in range(n)])
        put("allenai/sciq", "default", split, [
            {"question": phrase() + "?", "distractor3": phrase(1), "distractor1": phrase(2), "distractor2": phrase(1), "correct_answer": phrase(1), "support": rnd.choice(["", " "]) + phrase(8)} for _ in range(n)])
        put("cimec/lambada", "default", split, [{"text": phrase(9) + rnd.choice(["", " end"]), "domain": None} for _ in range(n)])
        put("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", split, [
            {"page": f" \n = {phrase(2)} = \n \n = = {phrase(1)} = = \n = = = deep = = = \n {phrase(4)} , {phrase(2)} @-@ {phrase(1)} ( {phrase(2)} ) ; 1 @,@ 000 . {phrase(2)} 's \" quoted text \" "
                     f"and ' single ' [ see {{ this }} ] 3 @.@ 5 ° C ! why ? N of s ' : done . \n"} for _ in range(n)])
    put("EleutherAI/lambada_openai", "default", "test", [{"text": phrase(9)} for _ in range(8)])
    for subject in ("anatomy", "high_school_us_history"):
        for split, n in (("dev", 5), ("test", 8)):
            put("cais/mmlu", subject, split, [
                {"question": phrase() + rnd.choice(["?", "? ", " __"]), "subject": subject, "choices": [phrase(2) for _ in range(4)], "answer": rnd.randint(0, 3)} for _ in range(n)])
    put("truthfulqa/truthful_qa", "multiple_choice", "validation", [
        {"question": phrase() + "?", "mc1_targets": {"choices": [phrase(3) for _ in range(3)], "labels": [1, 0, 0]},
         "mc2_targets": {"choices": [phrase(3) for _ in range(4)], "labels": [1, 1, 0, 0]}} for _ in range(8)])
    for split, n in (("train", 30), ("test", 8)):
        put("openai/gsm8k", "main", split, [{"question": phrase() + "?", "answer": f"{phrase()} <<1+2=3>>3\n#### {rnd.randint(1, 9999):,}"} for _ in range(n)])
    put("google/IFEval", "default", "train", [
        {"key": i, "prompt": phrase() + "\n", "instruction_id_list": ["punctuation:no_comma", "keywords:existence"], "kwargs": [{}, {"keywords": ["moon"]}]} for i in range(8)])
    put("openai/openai_humaneval", "default", "test", [
        {"task_id": f"T/{i}", "prompt": f"def f{i}(x):\n    \"\"\"{phrase()}\"\"\"\n", "canonical_solution": "    return x\n", "test": f"def check(c):\n    assert c({i}) == {i}\n", "entry_point": f"f{i}"} for i in range(8)])
    put("google-research-datasets/mbpp", "full", "test", [
        {"task_id": i, "text": phrase(), "code": "def g(): pass", "test_list": [f"assert g() == {k}" for k in range(3)], "test_setup_code": ""} for i in range(8)])

    # lm-eval reads all categories and keeps one; a task of ours reads a folder a category.
    pro, letters = random.Random(6), "ABCDEFGHIJ"
    for split, n in (("validation", 6), ("test", 8)):
        rows = []
        for category in ("law", "computer science"):
            for i in range(n):
                k, right = pro.randint(3, 10), pro.randint(0, 2)
                options = [pro.choice(["", " "]) + " ".join(pro.sample(nouns, 2)) + pro.choice(["", " ", "\n"]) for _ in range(k)]
                rows.append({"question_id": i, "question": " ".join(pro.sample(verbs, 3)) + "?", "options": options, "answer": letters[right], "answer_index": right,
                             "cot_content": pro.choice(["A: Let's think step by step. ", "A: Let's think step by step.", ""]) + f"{pro.choice(nouns)}. The answer is ({letters[right]}).",
                             "category": category, "src": "made up"})
        put("TIGER-Lab/MMLU-Pro", "default", split, rows)
        for category in ("law", "computer science"):
            put("TIGER-Lab/MMLU-Pro", category.replace(" ", "_"), split, [r for r in rows if r["category"] == category])

    # For the tasks of tests/oracle/eval/tasks.
    def own(name, rows):
        with open(os.path.join(EVAL, "tasks", name), "w", encoding="utf-8") as f:
            for row in rows:
                f.write(json.dumps(row, ensure_ascii=False) + "\n")

    def row(i):
        return {"id": i, "question": phrase(3), "options": [phrase(1) + str(k) for k in range(3)], "label": rnd.randint(0, 2), "name": rnd.choice("abc"),
                "score": rnd.choice([1, 2, 2.5]), "day": f"2011-02-{1 + i % 28:02d}", "note": rnd.choice([None, "é\"q'", ""]), "subject": "some_thing",
                "answers": [phrase(1), "it's " + phrase(1)], "flag": rnd.random() < .5}

    own("train.jsonl", [row(i) for i in range(60)])
    own("small.jsonl", [row(i) for i in range(7)])
    rows = [row(i) for i in range(9)]
    own("test.jsonl", rows + [rows[0], rows[0]] + [{k: v for k, v in row(20).items() if k != "note"}])


# ---- rows ------------------------------------------------------------------


def score_rows():
    """What process_results makes of answers to the first documents."""
    from lm_eval.tasks import TaskManager

    rows = []
    rnd = random.Random(3)
    os.chdir(os.path.join(EVAL, "tasks"))
    own = TaskManager(include_path=os.path.join(EVAL, "tasks"), include_defaults=False)
    for name in sorted(own.all_subtasks):
        task = own.load(name)["tasks"][name]
        if task.OUTPUT_TYPE == "loglikelihood_rolling" or name.endswith("_list"):
            continue
        docs = requests_of(task, 0, 12, "", None)
        eval_docs = list(task.eval_docs)[:12]
        for i, (doc, asked) in enumerate(zip(eval_docs, docs)):
            if task.OUTPUT_TYPE == "generate_until":
                gold = task.doc_to_target(doc)
                gold = gold[0] if isinstance(gold, list) else str(gold)
                answer = rnd.choice([gold, gold.upper(), gold + ".", "1" + gold, "something", ""])
                want = task.process_results(doc, [answer])
                rows.append({"task": name, "doc": i, "answers": [[0, False, answer]], "want": {k: float(v) for k, v in want.items() if not isinstance(v, (tuple, list))}})
            else:
                pairs = [(-rnd.choice([1.5, 2.25, 3.0, 3.0, 4.75]), rnd.random() < .5) for _ in asked]
                want = task.process_results(doc, pairs)
                plain = {k: float(v) for k, v in want.items() if not isinstance(v, tuple)}
                if "brier_score" in want:
                    from lm_eval.api.metrics import brier_score
                    plain["brier_score"] = float(brier_score([want["brier_score"]]))
                rows.append({"task": name, "doc": i, "answers": [[ll, g, ""] for ll, g in pairs], "want": plain})
    return rows


def main():
    data()
    dump("eval_draws.txt", draws())
    dump("eval_prompts.jsonl", prompts())
    dump("eval_rows.jsonl", score_rows())
    dump("eval_filters.jsonl", filters())
    rows, groups = scores()
    dump("eval_scores.jsonl", rows + [{"group": g} for g in groups])
    dump("eval_ifeval.jsonl", ifeval())


if __name__ == "__main__":
    main()
