#!/usr/bin/env bash
# Real weights: greedy text of SmolLM2-135M-Instruct equals transformers' on the dequantised weights, 64 tokens
# on ten prompts (tests/oracle/make_smollm2.py). The model is $SMOLLM2_GGUF, or fetched once.
data=${XDG_DATA_HOME:-} smollm2=${SMOLLM2_GGUF:-}
. "$(dirname "$0")/lib.sh"
expect=$root/tests/oracle/smollm2.jsonl
m=$smollm2
[ -n "$m" ] || m=$(XDG_DATA_HOME=$data "$root/tools/fetch-model")
[ -f "$m" ] || { echo "the model could not be fetched"; exit 2; }

# Prompts as text, through our own tokenizer.
sed -E 's/, "ids": .*$/, "raw": true, "n": 64}/' "$expect" >jobs
"$gneiss" run "$m" --jobs jobs --numerics exact --ignore-eos --temp 0 --repeat-penalty 1 >answers || exit 2
for n in 0 1 2 3 4 5 6 7 8 9; do
    equal() { same "$want" "$(grep -E "^\{\"id\":$n," answers | key ids)" && [ -n "$want" ]; }
    want=$(sed -n "$((n + 1))p" "$expect" | grep -oE '"expect": \[[^]]*\]' | sed 's/"expect": //; s/ //g')
    check "prompt $n: 64 tokens equal to transformers'" equal
done
close
