#!/usr/bin/env bash
# --json: every key that a command prints is in gneiss-json(5), and every key there is printed.
. "$(dirname "$0")/lib.sh"
m=$root/tests/oracle/lm_eval/model
oracle=$root/tests/oracle/lm_eval

mkdir printed
# say NAME COMMAND...: its output belongs to section NAME of the page.
say() {
    local section=$1
    shift
    "$@" >>"printed/$section" 2>/dev/null </dev/null
    true
}
printf '%s\n' '{"prompt":"The opposite of hot is","raw":true}' '{"x":1}' '{"ids":[5,6]}' >jobs.jsonl
printf '%s\n' '{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello you"}]}' >data.jsonl
cp data.jsonl conversation.json
printf 'task: coded\ndataset_path: json\nprocess_docs: !function utils.f\n' >coded.yaml

say Failure "$gneiss" run nosuch hi --json
say Failure "$gneiss" --version --json
say run "$gneiss" run "$m" "hi there" -n 3 --logprobs 2 --temp 0 --json
say run "$gneiss" run "$m" --jobs jobs.jsonl -n 2 --logprobs 1 --temp 0 --json
say score "$gneiss" score "$m" --text " a b" --context c --logprobs 1 --summary --json
say score "$gneiss" score "$m" --tokens " a" --context c --json
say score "$gneiss" score "$m" --text "a b c" --loss --json
say tokenize "$gneiss" tokenize "$m" "a b" --json
say info "$gneiss" info "$m" --tensors --json
say tasks "$gneiss" tasks list --json
say tasks "$gneiss" tasks show offline_opposites --json
say tasks "$gneiss" tasks show offline_opposites --prompt 1 --tokens -m "$m" --json
say tasks "$gneiss" tasks validate "$oracle/tasks/parity_choice.yaml" coded.yaml --json
say quantize "$gneiss" quantize "$m" q.gguf --type q4_0 --report jobs.jsonl --json
"$gneiss" tune "$m" --data data.jsonl -o tuned --steps 2 --json --progress json >>printed/tune 2>progress
grep '^{' progress >>printed/tune
say tune "$gneiss" tune "$m" --data data.jsonl --dry-run --json
say info "$gneiss" info tuned --json
say bench "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --json
say keys "$gneiss" keys --json
for x in "$m" q.gguf tuned; do
    "$gneiss" eval "$x" -t offline_opposites,offline_arithmetic,offline --limit 12 --max-length 256 --json --progress json >>printed/eval 2>progress
    grep '^{' progress >>printed/eval
done
(cd "$root" && "$gneiss" eval "$oracle/model" --include "$oracle/tasks" -t parity_choice,parity_generate --limit 24 --max-length 160 --numerics exact --progress none) >/dev/null 2>&1
say eval "$gneiss" eval verify -1 --against "$oracle/plain/samples_parity_choice.jsonl" --json
say eval "$gneiss" eval verify -1 --against "$oracle/plain/samples_parity_generate.jsonl" --json
say eval "$gneiss" eval verify -1 --against "$oracle/plain/results.json" --json
say compare "$gneiss" compare "$m" q.gguf --json -t offline_opposites,offline_arithmetic
say compare "$gneiss" compare -4 -3 -2 --json
# Both answer in text, and one of them as the gold is.
cat >easy.yaml <<'Y'
task: easy
dataset_path: json
dataset_kwargs: {data_files: {test: easy.jsonl}}
test_split: test
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
generation_kwargs: {until: ["\n"], max_gen_toks: 4}
metadata: {version: 1}
Y
for q in "The opposite of hot is" "What is" "Question" "The letters" "A" "B" "Two words"; do
    a=$("$gneiss" run "$m" "$q" --raw -n 4 --temp 0 --stop $'\n' --json | tail -n 1 | python3 -c 'import json,sys; print(json.dumps(json.loads(sys.stdin.readline())["text"]))')
    echo "{\"q\":\"$q\",\"a\":$a}" >>easy.jsonl
done
"$gneiss" eval "$m" q.gguf -t ./easy.yaml --progress none >/dev/null 2>&1
say compare "$gneiss" compare -2 -1 --json
say compare "$gneiss" compare "$m" q.gguf --kl jobs.jsonl --json
say compare "$gneiss" compare "$m" q.gguf --generate jobs.jsonl -n 20 --temp 0 --json
say report "$gneiss" report --json
say report "$gneiss" report --history --json
say db "$gneiss" db status --json
say sessions "$gneiss" sessions import conversation.json -m "$m" --json
say sessions "$gneiss" sessions --json
say sessions "$gneiss" sessions -q hello --json
say sessions "$gneiss" sessions show -1 --json

cat >contract.py <<'P'
import json, os, re, sys
page = open(sys.argv[1]).read()
sections = {s.split("\n", 1)[0].strip().strip('"'): s for s in page.split("\n.Ss ")[1:]}
# Keys of these are data, not the contract's.
data = {"doc", "dtype", "peak_at_context", "tensors"}
def keys(v, out):
    if isinstance(v, dict):
        for k, x in v.items():
            out.add(k)
            if k not in data or isinstance(x, list):
                keys(x, out)
    elif isinstance(v, list):
        for x in v:
            keys(x, out)
def values(text):
    at, decoder = 0, json.JSONDecoder()
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        v, at = decoder.raw_decode(text, at)
        yield v
def literals(section):
    return "\n".join(re.findall(r"\.Bd -literal\n(.*?)\.Ed", section, re.S))
bad = 0
for name in sections:
    if not os.path.exists("printed/" + name):
        print(name, "was never printed"); bad += 1; continue
    printed, schemas = set(), set()
    for v in values(open("printed/" + name).read()):
        keys(v, printed)
        if isinstance(v, dict) and "schema" in v:
            schemas.add(v["schema"])
    text = literals(sections[name])
    words = set(re.findall(r'"([a-z_0-9]+)"', text)) - {"start", "token", "done", "summary", "loss", "saved", "progress"}
    told = words | {k for k in ("done", "loss", "token", "progress") if f'"{k}"' in text}
    for k in sorted(printed - told):
        print(f"{name}: {k} is printed and not in the page"); bad += 1
    for k in sorted(words - printed - {"schema", "event"}):
        print(f"{name}: {k} is in the page and never printed"); bad += 1
    for s in sorted(set(re.findall(r'gneiss\.[a-z]+/\d', text)) ^ (schemas | ({"gneiss.error/1"} if name == "Failure" else set()))):
        print(f"{name}: {s} is only in one of page and output"); bad += 1
sys.exit(bad > 0)
P
check "the page and the output have the same keys" python3 contract.py "$root/man/gneiss-json.5"
close
