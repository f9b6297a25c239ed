#!/usr/bin/env bash
# Real weights: greedy text of SmolLM2-135M-Instruct equals transformers' on the dequantised weights, 64 tokens
# on ten prompts (tests/oracle/make_smollm2.py), and evaluations lm-evaluation-harness's (make_lm_eval.py).
# The model is $SMOLLM2_GGUF, or fetched once.
data=${XDG_DATA_HOME:-} smollm2=${SMOLLM2_GGUF:-}
. "$(dirname "$0")/lib.sh"
expect=$root/tests/oracle/smollm2.jsonl
m=$smollm2
[ -n "$m" ] || m=$(XDG_DATA_HOME=$data "$root/tools/fetch-model")
[ -f "$m" ] || { echo "the model could not be fetched: nothing was tested; SMOLLM2_GGUF=FILE names a copy"; exit 2; }

# Prompts as text, through our own tokenizer.
sed -E 's/, "ids": .*$/, "raw": true, "n": 64}/' "$expect" >jobs
"$gneiss" run "$m" --jobs jobs --numerics exact --ignore-eos --temp 0 --repeat-penalty 1 >answers || exit 2
for n in 0 1 2 3 4 5 6 7 8 9; do
    equal() { same "$want" "$(grep -E "^\{\"id\":$n," answers | key ids)" && [ -n "$want" ]; }
    want=$(sed -n "$((n + 1))p" "$expect" | grep -oE '"expect": \[[^]]*\]' | sed 's/"expect": //; s/ //g')
    check "prompt $n: 64 tokens equal to transformers'" equal
done

# The evaluations.
m=$(readlink -f "$m") logs=$root/tests/oracle/lm_eval
cd "$root" || exit 2
evaluate() { "$gneiss" eval "$m" --include "$logs/tasks" --numerics exact --max-length 96 --limit 10 --progress none -q --db "$work/$@"; }
against() { "$gneiss" eval verify --db "$work/$1.db" --json $(for f in "${logs}_smollm2/$1"/*; do echo "--against=$f"; done) >"$work/$1.json"; }
plain() {
    evaluate plain.db -t parity_choice,parity_shots,parity_target,parity_rolling,parity_generate && against plain && [ "$(grep -c '"differ":0' "$work/plain.json")" = 6 ] &&
        [ "$(grep -c '"prompts_equal":10,.*"argmax_equal":10,"greedy_equal":10' "$work/plain.json")" = 4 ] && grep -q '"prompts_equal":10,"answers_equal":10' "$work/plain.json" && grep -q '"metrics":12,"metrics_equal":12' "$work/plain.json"
}
check "eval, all four kinds, shots: prompts, log-likelihoods, answers, metrics and standard errors of lm-eval" plain
chat() { evaluate chat.db -t parity_shots,parity_generate --chat-template && against chat && [ "$(grep -c '"differ":0' "$work/chat.json")" = 3 ] && grep -q '"prompts_equal":10,.*"argmax_equal":10' "$work/chat.json" && grep -q '"answers_equal":10' "$work/chat.json"; }
check "the same with the model's chat template and shots as turns" chat
close
