#!/usr/bin/env bash
# run and score: the contract of gneiss-json(5); many jobs equal each alone; a state goes on.
. "$(dirname "$0")/lib.sh"
m=$models/hybrid_dense
moe=$models/hybrid_moe

ids() { "$gneiss" run "$@" --json | key ids | grep .; }
greedy() { ids "$m" --ids 1 -n 2 && same "$(ids "$m" --ids "1 2 3" -n 6 --numerics exact)" "$(ids "$m" --ids "1,2,3" -n 6 --numerics exact --threads 1 --batch-tokens 1)"; }
check "equal answers for every --threads and --batch-tokens" greedy
count() { [ "$("$gneiss" run "$m" --ids "1 2 3" -n 5 --ignore-eos --json | wc -l)" = 7 ]; }
check "--json: start, five tokens, done" count
events() { "$gneiss" run "$m" --ids "1 2 3" -n 2 --ignore-eos --logprobs 3 --json >out && head -n 1 out | grep -q '^{"schema":"gneiss.run/1","event":"start","model":{"path":' && sed -n 2p out | grep -qE '^\{"event":"token","index":0,"id":[0-9]+,"text":".*","logprob":-?[0-9.e+-]+,"top":\[\[[0-9]+,' && tail -n 1 out | grep -q '^{"event":"done","stop":"length"'; }
check "--json: the keys it promises" events
zero() { same '"length"' "$("$gneiss" run "$m" --ids "1 2 3" -n 0 --json | key stop)"; }
check "-n 0 reads the prompt and stops" zero
seeded() { a=$(ids "$m" --ids 5 -n 12 --temp 1 --seed 7 --ignore-eos); same "$a" "$(ids "$m" --ids 5 -n 12 --temp 1 --seed 7 --ignore-eos)" && [ "$a" != "$(ids "$m" --ids 5 -n 12 --temp 1 --seed 8 --ignore-eos)" ]; }
check "a seed fixes the answer" seeded
biased() { same "[9,9,9]" "$(ids "$m" --ids 5 -n 3 --bias 9=+1000 --ignore-eos)"; }
check "--bias" biased

state() {
    all=$(ids "$moe" --ids "1 2 3 4 5" -n 10 --ignore-eos) &&
    first=$(ids "$moe" --ids "1 2 3 4 5" -n 4 --ignore-eos --save-state s) &&
    rest=$(ids "$moe" --state s --ids "" -n 6 --ignore-eos) &&
    same "$all" "${first%]},${rest#[}"
}
check "--save-state and --state: the tokens of a process that was never left" state
state_other() { code 3 "$gneiss" run "$m" --state s --ids 1 -n 1 && grep -q 'a state of' err; }
check "a state of another model is refused" state_other
state_cut() { head -c 5000 s >t && code 3 "$gneiss" run "$moe" --state t --ids 1 -n 1 && grep -q truncated err; }
check "a truncated state is refused" state_cut
state_gone() { code 3 "$gneiss" run "$moe" --save-state /nowhere/s --ids 1 -n 1; }
check "a state that cannot be written: exit 3" state_gone

jobs() {
    printf '%s\n' '{"id":"a","ids":[1,2,3],"n":5}' '{"id":"b","ids":[4],"n":9}' '{"ids":[7,8,9,10],"n":3,"temp":1,"seed":3}' >jobs
    code 0 "$gneiss" run "$moe" --jobs jobs --ignore-eos --seed 1 || return 1
    same "$(ids "$moe" --ids "1 2 3" -n 5 --ignore-eos)" "$(grep '"id":"a"' out | key ids)" &&
    same "$(ids "$moe" --ids "4" -n 9 --ignore-eos)" "$(grep '"id":"b"' out | key ids)" &&
    same "$(ids "$moe" --ids "7 8 9 10" -n 3 --ignore-eos --temp 1 --seed 3)" "$(grep '"id":3' out | key ids)"
}
check "--jobs: each answer as if it ran alone" jobs
bad_jobs() { printf '%s\n' '{"ids":[1],"n":1}' '{"ids":[1],"colour":2}' 'nonsense' '{"ids":[99999],"n":1}' '{"ids":[1],"prompt":"x"}' | { code 4 "$gneiss" run "$m" --jobs - && [ "$(grep -c '"error"' out)" = 4 ] && [ "$(wc -l <out)" = 5 ] && grep -q "colour" out; }; }
check "--jobs: a bad line is answered in its place, the others run, exit 4" bad_jobs

loss() { code 0 "$gneiss" score "$m" --ids "1 2 3 4 5" --loss --json && grep -qE '^\{"schema":"gneiss.score/1","event":"loss","loss":[0-9.]+,"tokens":4\}$' out; }
check "score --loss counts the predicted tokens" loss
share() {
    for i in 1 2 3 4 5 6; do echo "{\"id\":$i,\"context_ids\":[1,2,3,4,5,6,7],\"ids\":[$i,$((i + 1)),9]}"; done >requests
    "$gneiss" score "$moe" -f requests --json >a && "$gneiss" score "$moe" -f requests --json --no-share --threads 1 --batch-tokens 3 >b && cmp a b && [ "$(wc -l <a)" = 6 ]
}
check "score: equal bits with and without sharing" share
one() { code 0 "$gneiss" score "$m" --ids 5 --json && grep -q '"logprob":0' out && grep -q '"tokens":\[\]' out; }
check "score: one id and no context scores nothing" one
bad_line() { printf '%s\n' '{"ids":[1,2]}' '{"ids":[1,2],"x":1}' >requests2 && code 2 "$gneiss" score "$m" -f requests2 && grep -q 'requests2:2' err; }
check "score: a bad line is named by file and line" bad_line
interrupted() {
    "$gneiss" run "$m" --ids 1 --ignore-eos --ctx 100000000 --json >out 2>err &
    pid=$!
    sleep 1
    kill -INT $pid
    wait $pid
    [ $? = 130 ] && same '"interrupted"' "$(key stop <out)"
}
check "Ctrl-C: what was made is printed, exit 130" interrupted
close
