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
