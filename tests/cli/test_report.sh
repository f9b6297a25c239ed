#!/usr/bin/env bash
# report: stored runs as tables, a page, and the files of lm-evaluation-harness.
. "$(dirname "$0")/lib.sh"
oracle=$root/tests/oracle/lm_eval

cd "$root" || exit 2 # the tasks name their data from here
"$gneiss" eval "$oracle/model" --include "$oracle/tasks" -t parity_choice,parity_shots,parity_target,parity_rolling,parity_generate --limit 24 \
    --max-length 160 --numerics exact --progress none --db "$work/parity.db" >/dev/null 2>&1
"$gneiss" eval "$oracle/model" --include "$oracle/tasks" -t parity_shots,parity_generate --chat-template --limit 24 \
    --max-length 160 --numerics exact --progress none --db "$work/chat.db" >/dev/null 2>&1
cd "$work" || exit 2

# The same keys in the same order, hashes and texts equal, log-likelihoods within 0.002.
same_samples() {
    python3 - "$1" "$2" <<'P'
import glob, json, sys
def close(a, b):
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= 2e-3
    if a != b and isinstance(a, str) and isinstance(b, str):
        try:
            return abs(float(a) - float(b)) < 2e-3
        except ValueError:
            return False
    return a == b
logs = sorted(glob.glob(sys.argv[2] + "/samples_*.jsonl"))
assert logs
for log in logs:
    name = log.split("samples_")[1][:-6]
    (mine,) = glob.glob(f"{sys.argv[1]}/samples_{name}_*.jsonl")
    ours, theirs = ([json.loads(x) for x in open(p)] for p in (mine, log))
    assert len(ours) == len(theirs), name
    for a, b in zip(ours, theirs):
        assert list(a) == list(b), (list(a), list(b))
        for k in b:
            assert close(a[k], b[k]), (name, a["doc_id"], k, a[k], b[k])
ours, theirs = json.load(open(glob.glob(sys.argv[1] + "/results_*.json")[0])), json.load(open(sys.argv[2] + "/results.json"))
for k in theirs:
    if k != "results":
        assert ours[k] == theirs[k], k
for task, numbers in theirs["results"].items():
    assert list(ours["results"][task]) == list(numbers), task
    for m, v in numbers.items():
        w = ours["results"][task][m]
        assert v == w or abs(v - w) <= 1e-5 * abs(v), (task, m, v, w)
P
}
plain() { "$gneiss" report -1 --db parity.db -o lm-eval --output-dir logs && same_samples logs/model "$oracle/plain"; }
check "-o lm-eval is what lm-evaluation-harness wrote" plain
chat() { "$gneiss" report -1 --db chat.db -o lm-eval --output-dir chat && same_samples chat/model "$oracle/chat"; }
check "-o lm-eval with a chat template, too" chat
hashes() {
    python3 - <<'P'
import glob, hashlib, json
r = json.load(open(glob.glob("logs/model/results_*.json")[0]))
for task, want in r["task_hashes"].items():
    lines = [json.loads(x) for x in open(glob.glob(f"logs/model/samples_{task}_*.jsonl")[0])]
    text = "".join(x["doc_hash"] + x["prompt_hash"] + x["target_hash"] for x in lines)
    assert hashlib.sha256(text.encode()).hexdigest() == want, task
P
}
check "the hash of a task is over its documents'" hashes
lines() {
    "$gneiss" report -1 --db parity.db --samples jsonl >lines && same 144 "$(wc -l <lines)" &&
        python3 -c 'import json; assert {json.loads(x)["task"] for x in open("lines")} == {"parity_"+t for t in "choice shots target rolling generate".split()}'
}
check "--samples jsonl has a line a document and filter, with its task" lines
nowhere() { code 2 "$gneiss" report -1 --db parity.db -o lm-eval && code 3 "$gneiss" report -1 --db parity.db -o lm-eval --output-dir lines/x; }
check "-o lm-eval wants a folder it can make" nowhere

# ---- several checkpoints, that say how far they were trained
for step in 300 1200 600; do
    cp -r "$oracle/model" "step-$step" && chmod -R u+w "step-$step"
    python3 - "step-$step/model.safetensors" "$step" <<'P'
import sys
p, step = sys.argv[1], int(sys.argv[2])
b = bytearray(open(p, "rb").read())
for i in range(len(b) - 4 * step, len(b) - 1, 2):  # other weights, the same shapes
    b[i] ^= 0x55
open(p, "wb").write(b)
P
done
echo '{"step":450}' >step-300/training.json
"$gneiss" eval step-300 step-1200 step-600 -t offline --limit 6 --max-length 256 --progress none --db many.db >/dev/null 2>&1
history() {
    "$gneiss" report --db many.db --history --json >h.json && "$gneiss" report --db many.db --history -t offline_opposites >h.txt &&
        python3 -c 'import json; h = json.load(open("h.json"))["history"]; assert len(h) > 5; assert all([p["step"] for p in x["points"]] == [450, 600, 1200] for x in h)' &&
        grep -q "step 450" h.txt && grep -q "offline_opposites acc" h.txt && ! grep -q arithmetic h.txt
}
check "--history goes by training step: training.json first, then the folder's name" history
baseline() { "$gneiss" report -1 -2 -3 --db many.db -o html | grep -q '<p>baseline step-600' && "$gneiss" report -1 --db many.db -o html >one.html && ! grep -q baseline one.html; }
check "the baseline of a page is the run named first" baseline
by() {
    "$gneiss" report --db many.db --by checkpoint -o csv | head -1 | grep -q '^run,model,sha,step,task' &&
        "$gneiss" report --db many.db --by checkpoint | head -4 | awk '{print $1}' | xargs | grep -qx "checkpoint step-300 step-600 step-1200" &&
        ! "$gneiss" report --db many.db --by group | grep -q offline_opposites && "$gneiss" report --db many.db --by group | grep -q '^offline '
}
check "--by chooses the rows" by
page() {
    "$gneiss" report --db many.db -o html >page.html && ! grep -qi '<script\|http://[^w]\|https:' page.html &&
        python3 - <<'P'
import html.parser, re, xml.dom.minidom
text = open("page.html").read()
class Check(html.parser.HTMLParser):
    open_tags = []
    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open_tags.append(tag)
    def handle_startendtag(self, tag, attrs): pass
    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag, tag
c = Check()
c.feed(text)
assert c.open_tags == [], c.open_tags
plots = re.findall(r"<svg.*?</svg>", text, re.S)
assert len(plots) > 5
for p in plots:
    circles = xml.dom.minidom.parseString(p).getElementsByTagName("circle")
    assert len(circles) == 3, p
before, against = text.split("<h2>against the baseline</h2>")
assert before.count("<svg") - 1 <= against.count("<svg") <= before.count("<svg")  # a group has no documents of its own
assert "baseline step-300" in against and against.count(">baseline<") == against.count("<svg")
P
}
check "-o html is one well-formed page without script, a plot a number" page
escaped() {
    cp -r step-600 'a<b>&"c' && "$gneiss" eval 'a<b>&"c' -t offline_opposites --limit 4 --max-length 256 --progress none --db odd.db >/dev/null 2>&1 &&
        "$gneiss" report --db odd.db -o html >odd.html && ! grep -q 'a<b>' odd.html && grep -q 'a&lt;b&gt;&amp;&quot;c' odd.html &&
        "$gneiss" report --db odd.db -o csv | grep -q '"a<b>&""c"'
}
check "names are escaped" escaped
tex() { "$gneiss" report --db many.db -o tex >t.tex && grep -q 'offline\\_opposites' t.tex && same "$(grep -c '\\begin' t.tex)" "$(grep -c '\\end' t.tex)"; }
check "-o tex is a table" tex
agree() {
    "$gneiss" report -1 --db parity.db --json >r.json && "$gneiss" report -1 --db parity.db -o csv >r.csv &&
        python3 - <<'P'
import csv, json
want = {(t["task"], m["metric"], m["filter"]): m for t in json.load(open("r.json"))["runs"][0]["tasks"] for m in t["metrics"]}
rows = list(csv.DictReader(open("r.csv")))
assert len(rows) == len(want)
for r in rows:
    m = want[r["task"], r["metric"], r["filter"]]
    assert float(r["value"]) == m["value"] and (r["stderr"] == "" or float(r["stderr"]) == m["stderr"])
P
}
check "csv and JSON hold the same digits" agree
folder() { "$gneiss" report --db many.db -o md --output-dir d/e | grep -qx d/e/report.md && grep -q '| offline_opposites\|offline\\_opposites' d/e/report.md; }
check "--output-dir writes report.FORM" folder
nothing() { code 2 "$gneiss" report nosuch --db many.db && code 2 "$gneiss" report --db many.db -t nosuch && code 3 "$gneiss" report --db none.db && code 2 "$gneiss" report --db many.db -o pdf; }
check "what is not there is said" nothing
close
