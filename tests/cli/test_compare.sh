#!/usr/bin/env bash
# compare: two runs document by document, two models in lockstep and side by side.
. "$(dirname "$0")/lib.sh"
m=$root/tests/oracle/lm_eval/model

"$gneiss" quantize "$m" coarse.gguf --type q4_0 -q >/dev/null 2>&1
evaluate() { "$gneiss" eval "$@" -t offline_opposites,offline_arithmetic --limit 12 --max-length 256 --progress none; }
evaluate "$m" coarse.gguf >/dev/null 2>&1
json() { python3 -c "import json,sys; d=[json.loads(x) for x in sys.stdin if x.strip()]; r=d[-1]; print($1)"; }

# ---- two runs
itself() { "$gneiss" compare -2 -2 --json | json 'all(t["diff"]==0 and t["ties"]==t["n"] for t in r["tasks"]) and r["flips"]==[]' | grep -q True; }
check "a run does not differ from itself" itself
paths() {
    "$gneiss" compare "$m" coarse.gguf --json >by-path && "$gneiss" compare -2 -1 --json >by-run && cmp by-path by-run &&
        json 'len({t["task"] for t in r["tasks"]})' <by-run | grep -qx 2
}
check "models stand for their newest runs" paths
recount() {
    "$gneiss" compare -2 -1 --json | json 'all(abs(t["b"]-t["a"]-t["diff"])<1e-12 and t["wins"]+t["losses"]+t["ties"]==t["n"] for t in r["tasks"] if t["diff_of"]=="value")' |
        grep -q True
}
check "a difference is what the two values say" recount
rule() { code 0 "$gneiss" compare -2 -1 --fail-on 'regress>99pp' && code 1 "$gneiss" compare -2 -1 --fail-on 'p<1.1' && code 2 "$gneiss" compare -2 -1 --fail-on 'worse>1'; }
check "--fail-on decides the exit" rule
one() { code 2 "$gneiss" compare -1 && code 2 "$gneiss" compare -2 -1 -t nothing; }
check "one run, or no task in common, is a usage error" one

# ---- the statistics, once more
cat >clustered.yaml <<'Y'
task: clustered
dataset_path: json
dataset_kwargs: {data_files: {test: arithmetic.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "What is {{a}} {{op}} {{b}}?"
doc_to_choice: "{{['0', answer, '11', '5']}}"
doc_to_target: 1
metric_list: [{metric: acc}, {metric: acc_norm}]
metadata: {version: 1, gneiss: {cluster: "{{op}}"}}
Y
cp "$root/eval/tasks/offline/arithmetic.jsonl" .
"$gneiss" quantize "$m" finer.gguf --type q5_0 -q >/dev/null 2>&1
"$gneiss" eval "$m" finer.gguf coarse.gguf -t ./clustered.yaml,offline_opposites,offline_spelling,offline_manual --max-length 256 --db stats.db \
    --progress none >/dev/null 2>&1
# By the definitions, in Python, from the rows of the database.
cat >recount.py <<'P'
import json, math, sqlite3, sys
got = json.load(open(sys.argv[1]))
db = sqlite3.connect("stats.db")
rows = """SELECT x.doc_ix, f.value, g.value, f.weight, g.weight, d.cluster FROM sample x JOIN sample y ON y.run_id = ? AND
 y.task_id = x.task_id AND y.doc_ix = x.doc_ix JOIN task t ON t.id = x.task_id JOIN doc d ON d.task_id = x.task_id AND d.ix = x.doc_ix
 JOIN score f ON f.sample_id = x.id AND f.metric = ? AND f.filter = ? JOIN score g ON g.sample_id = y.id AND g.metric = ? AND
 g.filter = ? WHERE x.run_id = ? AND t.name = ?"""
def near(a, b):
    return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
lines = []
for other in got.get("against", [got]):
    for t in other["tasks"]:
        r = db.execute(rows, (other["b"]["run"], t["metric"], t["filter"], t["metric"], t["filter"], got["a"]["run"], t["task"])).fetchall()
        n = len(r)
        assert n == t["n"] > 5, (t["task"], n)
        per = t["metric"] in ("word_perplexity", "byte_perplexity", "bits_per_byte", "token_perplexity")
        a = [x[1] / (x[3] if per else 1) for x in r]
        b = [x[2] / (x[4] if per else 1) for x in r]
        d = [y - x for x, y in zip(a, b)]
        mean = sum(d) / n
        if per:
            want = [-sum(x[i] for x in r) / sum(x[i + 2] for x in r) for i in (1, 2)]
            want = [w / math.log(2) for w in want] if t["metric"] == "bits_per_byte" else [math.exp(w) for w in want]
        elif t["metric"] == "perplexity":
            want = [math.exp(-sum(a) / n), math.exp(-sum(b) / n)]
        else:
            want = [sum(a) / n, sum(b) / n]
        assert near(t["a"], want[0]) and near(t["b"], want[1]), (t["task"], t["metric"], t["a"], t["b"], want)
        assert abs(t["diff"] - mean) < 1e-12 + 1e-9 * abs(mean)
        names = {x[5] for x in r}
        if names != {None}:
            assert t["clusters"] == len(names) > 1 and t["test"] == "signflip"
            sums = {c: sum(x - mean for x, y in zip(d, r) if y[5] == c) for c in names}
            se = math.sqrt(sum(v * v for v in sums.values())) / n
        else:
            se = math.sqrt(sum((x - mean) ** 2 for x in d) / (n - 1) / n)
        assert near(t["se"], se) or se < 1e-12, (t["task"], t["se"], se)
        assert near(t["smallest_visible"], 2.8 * t["se"])
        wins, losses = sum(x > 0 for x in d), sum(x < 0 for x in d)
        assert (t["wins"], t["losses"], t["ties"]) == (wins, losses, n - wins - losses)
        if t["test"] == "mcnemar":
            k = wins + losses
            p = min(1, 2 * sum(math.comb(k, i) for i in range(min(wins, losses) + 1)) / 2**k) if wins != losses else 1
            assert near(t["p"], p), (t["task"], t["p"], p)
        if t["ci"][0] is not None and t["se"] > 0:
            assert t["ci"][0] < t["diff"] < t["ci"][1] and near(t["diff"] - t["ci"][0], t["ci"][1] - t["diff"])
        lines.append(t)
tested = sorted((t for t in lines if t["p"] is not None), key=lambda t: t["p"])
least = 0
for i, t in enumerate(tested):
    least = max(least, min(1, t["p"] * (len(tested) - i)))
    assert near(t["p_holm"], least), (t["task"], t["p_holm"], least)
assert {t["test"] for t in lines} == {"mcnemar", "signflip"}
print("recounted", len(lines))
P
recounted() { "$gneiss" compare -3 -2 --db stats.db --json >two.json && says "recounted 10" python3 recount.py two.json; }
check "every number of two runs is what its definition says" recounted
many() {
    "$gneiss" compare -3 -2 -1 --db stats.db --json >many.json && says "recounted 20" python3 recount.py many.json &&
        "$gneiss" compare -3 -2 -1 --db stats.db >many.txt && same 10 "$(grep -c ' baseline *$' many.txt)" &&
        code 1 "$gneiss" compare -3 -2 -1 --db stats.db --fail-on 'p<1.1' && code 0 "$gneiss" compare -3 -2 -1 --db stats.db --fail-on 'flips>999'
}
check "of several the first is the baseline, and Holm goes over all lines" many
flips() {
    "$gneiss" compare -3 -1 --db stats.db --json >f.json && "$gneiss" compare -3 -1 --db stats.db --flips >f.txt &&
        same "$(json 'len(r["flips"])' <f.json)" "$(grep -c '  gold ' f.txt)" &&
        json 'all((f["a"] > .5) != (f["b"] > .5) for f in r["flips"]) and len(r["flips"]) > 0' <f.json | grep -qx True
}
check "--flips tells every document that changed sides" flips

# ---- --generate, --turn
printf '%s\n' '{"id":"x","prompt":"The opposite of hot is","raw":true}' '{"prompt":"What is 3 plus 4?"}' '{"bad":1}' '{"ids":[5,6,7]}' >prompts.jsonl
generate() { "$gneiss" compare "$m" coarse.gguf --generate prompts.jsonl -n 16 --numerics exact --logprobs 3 --progress none "$@"; }
same_as_run() {
    generate --json >g.json
    [ $? = 4 ] || return 1
    for x in "$m" coarse.gguf; do "$gneiss" run "$x" --jobs prompts.jsonl -n 16 --numerics exact --logprobs 3 >"run-$(basename "$x")"; done
    python3 - "run-$(basename "$m")" run-coarse.gguf <<'P'
import json, sys
got = [json.loads(x) for x in open("g.json")]
a, b = ({str(y["id"]): y for y in map(json.loads, open(p))} for p in sys.argv[1:])
assert [str(g["id"]) for g in got] == ["x", "2", "3", "4"] and "error" in got[2]
parted = 0
for g in got[:2] + got[3:]:
    x, y = a[str(g["id"])], b[str(g["id"])]
    assert g["a"]["ids"] == x["ids"] and g["b"]["ids"] == y["ids"] and g["a"]["text"] == x["text"]
    at = next((i for i, (u, v) in enumerate(zip(x["ids"], y["ids"])) if u != v), None)
    assert g["parts_at"] == at and g["equal"] == (x["ids"] == y["ids"])
    if at is not None:
        parted += 1
        assert g["at"]["a_top"] == x["tokens"][at]["top"] and g["at"]["b_top"] == y["tokens"][at]["top"]
        assert g["at"]["kl"] > 0 and g["forced"]["tokens"] == len(x["ids"])
assert parted, "the two never part: nothing was tested"
P
}
check "--generate is what run answers, and where the two part" same_as_run
shown() { generate >g.txt 2>g.err; grep -q '^ #"x"  The opposite of hot is  part at token' g.txt && grep -q '^ A model' g.txt && grep -q '^ token [0-9]* *A ' g.txt && grep -q '^#3: unknown key' g.err; }
check "--generate shows both sides" shown
itself_too() { "$gneiss" compare "$m" "$m" --generate prompts.jsonl -n 8 --progress none --json | grep -c '"equal":true' | grep -qx 3; }
check "--generate: a model answers as itself" itself_too
no_prompt() { : >none.jsonl && code 2 "$gneiss" compare "$m" coarse.gguf --generate none.jsonl && code 3 "$gneiss" compare "$m" coarse.gguf --generate nosuch.jsonl && code 2 "$gneiss" compare "$m" coarse.gguf --generate none.jsonl --kl text; }
check "--generate without a prompt is told" no_prompt
turn() {
    cp "$XDG_DATA_HOME/gneiss/evals.db" chats.db && ids=$("$gneiss" tokenize "$m" "The opposite of hot is" --json | key ids) &&
        python3 - "$ids" <<'P' && "$gneiss" compare "$m" coarse.gguf --turn 01K --db chats.db -n 16 --numerics exact --json >t.json || return 1
import json, sqlite3, struct, sys
db = sqlite3.connect("chats.db")
ids = json.loads(sys.argv[1])
blob = lambda x: struct.pack("<%di" % len(x), *x)
user, reply = b"u" * 32, b"r" * 32
for h, parent, role, text, tokens in ((user, None, "user", "The opposite of hot is", ids), (reply, user, "assistant", " cold", [9, 9])):
    db.execute("INSERT INTO message(hash,parent,role,content,tokens,n_tokens) VALUES(?,?,?,?,?,?)", (h, parent, role, text, blob(tokens), len(tokens)))
db.execute("INSERT INTO session(id,checkpoint_id,head,created_at,used_at) SELECT 'S',id,?,'x','x' FROM checkpoint LIMIT 1", (reply,))
for t in ("01KAAA", "01JBBB"):
    db.execute("INSERT INTO turn SELECT ?,'S',?,id,'{\"temp\":0}',NULL,'x' FROM response LIMIT 1", (t, reply))
db.commit()
P
    python3 - <<'P'
import json
t = json.loads(open("t.json").read())
g = json.loads(open("g.json").readline())
assert t["id"] == "01KAAA" and t["a"] == g["a"] and t["b"] == g["b"] and t["at"]["kl"] == g["at"]["kl"]
P
}
check "--turn asks both what stood before a reply" turn
no_turn() { code 2 "$gneiss" compare "$m" coarse.gguf --turn 09 --db chats.db && says "begins 2 turns" "$gneiss" compare "$m" coarse.gguf --turn 01 --db chats.db && code 3 "$gneiss" compare "$m" coarse.gguf --turn -1 --db none.db; }
check "--turn: none, two, no database" no_turn

# ---- --kl
printf 'The opposite of hot is cold. Question: What is 3 plus 4? Answer: 7\nA bank stands beside a river, and the letters spell a word.\n' >text
kl() { "$gneiss" compare "$m" coarse.gguf --kl text --json "$@"; }
zero() { "$gneiss" compare "$m" "$m" --kl text --json | json 'r["kl"]["max"]==0 and r["same_top"]==1 and r["ratio"]==1' | grep -q True; }
check "--kl: a model does not diverge from itself" zero
oracle() {
    kl --numerics exact --readonly >got || return 1
    for x in "$m" coarse.gguf; do
        "$gneiss" score "$x" --file text --max-length 512 --logprobs 512 --numerics exact --json >"scores-$(basename "$x")" || return 1
    done
    python3 - got "scores-$(basename "$m")" scores-coarse.gguf <<'P'
import json, math, sys
got = json.loads(open(sys.argv[1]).read().splitlines()[-1])
def tokens(p):
    lines = [json.loads(l) for l in open(p)]
    return [t for l in lines if isinstance(l.get("tokens"), list) for t in l["tokens"]]
a, b = tokens(sys.argv[2]), tokens(sys.argv[3])
kl = []
for x, y in zip(a, b):
    q = dict((i, lp) for i, lp in y["top"])
    kl.append(sum(math.exp(lp) * (lp - q[i]) for i, lp in x["top"]))
n = len(kl)
want = {"mean": sum(kl) / n, "max": max(kl)}
assert got["tokens"] == n == len(b), (got["tokens"], n)
for k, v in want.items():
    assert abs(got["kl"][k] - v) < 1e-4 * v + 1e-6, (k, got["kl"][k], v)
for k, t in (("ppl_a", a), ("ppl_b", b)):
    v = math.exp(-sum(x["logprob"] for x in t) / n)
    assert abs(got[k] - v) < 1e-4 * v, (k, got[k], v)
top = sum(x["top"][0][0] == y["top"][0][0] for x, y in zip(a, b)) / n
assert abs(got["same_top"] - top) < 1e-9, (got["same_top"], top)
dp = math.sqrt(sum((math.exp(y["logprob"]) - math.exp(x["logprob"])) ** 2 for x, y in zip(a, b)) / n)
assert abs(got["rms_dp"] - dp) < 1e-5, (got["rms_dp"], dp)
P
}
check "--kl is what the distributions of score say" oracle
# The 64 likeliest of A and one heap of all others, by the definition; all else as in lockstep, in one window or several.
in_turn() {
    for how in "" --in-turn; do
        kl --numerics exact --readonly $how >"turn$how" && kl --numerics exact --readonly --max-length 30 $how >"short$how" || return 1
    done
    for x in "$m" coarse.gguf; do
        "$gneiss" score "$x" --file text --max-length 512 --logprobs 512 --numerics exact --json >"scores-$(basename "$x")" || return 1
    done
    python3 - "scores-$(basename "$m")" scores-coarse.gguf <<'P'
import json, math, sys
step, turn, short, short_turn = (json.loads(open(p).read().splitlines()[-1]) for p in ("turn", "turn--in-turn", "short", "short--in-turn"))
def tokens(p):
    return [t for l in map(json.loads, open(p)) if isinstance(l.get("tokens"), list) for t in l["tokens"]]
kl = []
for x, y in zip(tokens(sys.argv[1]), tokens(sys.argv[2])):
    q = {i: lp for i, lp in y["top"]}
    top, rest = x["top"][:64], x["top"][64:]
    p_rest, q_rest = sum(math.exp(lp) for _, lp in rest), sum(math.exp(q[i]) for i, _ in rest)
    kl.append(sum(math.exp(lp) * (lp - q[i]) for i, lp in top) + p_rest * math.log(p_rest / q_rest))
assert len(kl) == turn["tokens"] == step["tokens"] > 60
mean = sum(kl) / len(kl)
assert abs(turn["kl"]["mean"] - mean) < 1e-4 * mean and abs(turn["kl"]["max"] - max(kl)) < 1e-4 * max(kl), (turn["kl"], mean, max(kl))
for x, y in ((step, turn), (short, short_turn)):
    assert 0 < y["kl"]["mean"] < x["kl"]["mean"] * (1 - 1e-6), "no bound, or nothing was left out"
    assert y["lower_bound"] is True and x["lower_bound"] is False
    for k in ("tokens", "same_top", "rms_dp", "ppl_a", "ppl_b", "ratio", "ratio_se"):
        assert x[k] == y[k], k
assert short["ppl_a"] != step["ppl_a"]
P
}
check "--kl --in-turn: one model at a time, the same numbers, and a lower bound of the divergence" in_turn
# When the second model is opened, the system says that hardly any memory is free.
cat >meminfo.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
FILE *fopen(const char *path, const char *how) {
    static int asked;
    static char little[] = "MemAvailable: 1 kB\n";
    if (strcmp(path, "/proc/meminfo") == 0 && ++asked == 2)
        return fmemopen(little, sizeof little - 1, "r");
    return ((FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen"))(path, how);
}
C
no_room() {
    ${CC:-cc} -shared -fPIC -o meminfo.so meminfo.c -ldl && (export LD_PRELOAD=./meminfo.so && kl --numerics exact --readonly --backend cpu) >little 2>err && cmp little turn--in-turn && grep -q "are free.*one after the other" err
}
check "--kl where memory holds one model alone: in turn, and told" no_room
in_turn_kept() { "$gneiss" compare "$m" coarse.gguf --kl text --in-turn >turn.txt && grep -q '^KL(A||B).* at least' turn.txt && id=$(sed -n 's/.*gneiss db q worst //p' turn.txt) && "$gneiss" db q worst "$id" 3 | grep -q pos && ! "$gneiss" compare "$m" coarse.gguf --kl none.txt --in-turn; }
check "--kl --in-turn: every token is kept" in_turn_kept
rows() {
    local id n
    id=$(kl | key id) && [ "${id:-null}" != null ] && n=$("$gneiss" db "SELECT count(*) AS n, max(pos) AS last FROM divergence_token WHERE divergence_id = $id" --json | key n) &&
        same "$(kl | key tokens)" "$n" && "$gneiss" db q worst "$id" 3 | grep -q pos
}
check "--kl keeps every token" rows
unwritable() { code 3 "$gneiss" compare "$m" coarse.gguf --kl text --db text/x.db && [ ! -s out ]; }
check "--kl tells of a database it cannot write before it begins" unwritable
others() {
    cp -r "$m" other && chmod -R u+w other && sed -i 's/<|end|>/<|enx|>/g' other/tokenizer.json other/tokenizer_config.json &&
        code 3 "$gneiss" compare "$m" other --kl text && grep -q "other tokens" err
}
check "--kl wants equal tokens" others
close
