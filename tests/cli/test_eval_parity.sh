#!/usr/bin/env bash
# eval: the numbers of lm-evaluation-harness. Its logs of a tiny hybrid (tests/oracle/make_lm_eval.py):
# all four kinds, shots, a chat template, prompts cut from the left.
. "$(dirname "$0")/lib.sh"
logs=$root/tests/oracle/lm_eval
cd "$root" || exit 2
evaluate() { "$gneiss" eval "$logs/model" --include "$logs/tasks" --numerics exact --max-length 160 --limit 24 --progress none -q "$@"; }
against() { for f in "$logs/$1"/*; do echo "--against=$f"; done; }

plain() { evaluate --db "$work/plain.db" -t parity_choice,parity_shots,parity_target,parity_rolling,parity_generate; }
check "five tasks run" plain
numbers() { "$gneiss" eval verify --db "$work/plain.db" $(against plain) --json >"$work/v" && [ "$(grep -c '"differ":0' "$work/v")" = 6 ] && grep -q '"task":"parity_rolling","documents":24,"missing":0,"prompts_equal":24,.*"argmax_equal":24,"greedy_equal":24,"metrics":72,"metrics_equal":72' "$work/v" && grep -q '"task":"parity_generate","documents":24,.*"answers_equal":24,"metrics":48,"metrics_equal":48' "$work/v"; }
check "prompts by hash, log-likelihoods, argmax, greedy, answers, metrics, standard errors" numbers
chat() { evaluate --db "$work/chat.db" -t parity_shots,parity_generate --chat-template && "$gneiss" eval verify --db "$work/chat.db" $(against chat) --json >"$work/v" && [ "$(grep -c '"differ":0' "$work/v")" = 3 ]; }
check "the same with a chat template and shots as turns" chat
apart() { ! "$gneiss" eval verify --db "$work/plain.db" --against "$logs/chat/samples_parity_shots.jsonl" --json >"$work/v" && grep -q '"prompts_equal":0' "$work/v"; }
check "another prompt is seen: exit 1" apart
tight() { code 1 "$gneiss" eval verify --db "$work/plain.db" --against "$logs/plain/samples_parity_rolling.jsonl" --tolerance 1e-9 && grep -q 'log-likelihood' "$work/out" && grep -q DIFFERS "$work/out"; }
check "a difference past the tolerance is told: exit 1" tight
share() { evaluate --db "$work/alone.db" --no-share --threads 1 --batch-tokens 7 -t parity_choice,parity_shots,parity_target,parity_rolling,parity_generate -o csv | cut -d, -f4- >"$work/a" && evaluate --db "$work/plain.db" -t parity_choice,parity_shots,parity_target,parity_rolling,parity_generate -o csv | cut -d, -f4- >"$work/b" && cmp "$work/a" "$work/b" && [ "$(wc -l <"$work/a")" = 13 ]; }
check "--no-share, one thread, steps of 7 tokens: equal bits" share
garbage() { echo '{"x":1}' >"$work/samples_parity_shots.jsonl" && code 3 "$gneiss" eval verify --db "$work/plain.db" --against "$work/samples_parity_shots.jsonl" && grep -q 'samples_parity_shots.jsonl:1' "$work/err"; }
check "what is no log is refused" garbage
close
