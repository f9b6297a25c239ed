#!/usr/bin/env bash
# gneiss tune: what is counted, what comes out, and that stopping changes nothing.
. "$(dirname "$0")/lib.sh"
m=$models/hybrid_moe

# Examples of ids that count up by 3, of 4 to 40 tokens; the first third of each is not learned.
for i in $(seq 1 40); do
    ids= labels= n=$((4 + i * 37 % 37))
    for k in $(seq 0 $((n - 1))); do
        id=$(((i * 31 + 3 * k) % 97))
        ids=$ids,$id
        [ $k -lt $((n / 3)) ] && labels=$labels,-100 || labels=$labels,$id
    done
    echo "{\"ids\":[${ids#,}],\"labels\":[${labels#,}]}"
done >data.jsonl
settings="--data data.jsonl --lr 2e-3 --batch-tokens 200 --seed 3"

masked() { same '{"ids":[31,34,37,40],"counted":[0,1,1,1]}' "$(echo '{"ids":[31,34,37,40],"labels":[-100,34,37,40]}' >one.jsonl; "$gneiss" tune "$m" --data one.jsonl --dry-run --json)"; }
check "--dry-run shows which labels are counted" masked
learns() { "$gneiss" tune "$m" $settings -o whole --steps 30 --json >log.json && awk -F'"loss":' '/"done"/ { split($2, v, ","); exit !(v[1] < 4) }' log.json; }
check "thirty steps bring the loss from 6 under 4" learns
runs() { "$gneiss" run whole --ids "1 4 7 10" -n 3 --json >/dev/null && "$gneiss" info whole --json | grep -q granitemoehybrid; }
check "run and info read the result" runs
plot() { "$gneiss" info whole >plot && grep -q 'training    30 steps' plot && [ "$(grep -c '\*' plot)" -ge 5 ]; }
check "info shows the losses as a plot" plot

# Killed hard, again and again, until it is done.
killed() {
    local n=0 rc=137
    while [ $rc != 0 ]; do
        timeout -s KILL "0.0$((4 + n % 6))" "$gneiss" tune "$m" $settings -o killed --steps 30 --save-every 1 -q
        rc=$?
        n=$((n + 1))
        [ $n -lt 300 ] || return 1
    done
    [ $n -gt 1 ] || return 1
    cmp whole/model.safetensors killed/model.safetensors
    same "$(grep -o '"loss":.*' whole/training.json)" "$(grep -o '"loss":.*' killed/training.json)"
}
check "killed at any moment and gone on with: the same bits" killed
threads() { "$gneiss" tune "$m" $settings -o threads --steps 30 --threads 1 --tape-mem 1 -q && cmp whole/model.safetensors threads/model.safetensors; }
check "threads and tape memory change no bit" threads
other() { code 2 "$gneiss" tune "$m" $settings -o whole --steps 31 && grep -q 'other data or settings' err; }
check "another command in the same folder is refused" other

new() { sed 's/"num_hidden_layers": 3/"num_hidden_layers": 3, "time_step_min": 0.01/' "$m/config.json" >config.json && "$gneiss" tune --init config.json $settings -o new --steps 20 --snapshots 5,10 -q && "$gneiss" score new/step-10 --ids "1 4 7" && "$gneiss" score new --ids "1 4 7"; }
check "--init begins anew, --snapshots keeps copies" new
lora() { "$gneiss" tune "$m" $settings -o lora --steps 30 --lora 4 --json >lora.json && grep -q '"trained":4688,' lora.json && "$gneiss" score lora --ids "1 4 7" && ! cmp -s lora/model.safetensors "$m/model.safetensors"; }
check "--lora trains adapters alone and merges them" lora
gradients() { "$gneiss" tune "$m" --gradients data.jsonl -o g.safetensors --json | grep -q '"loss":' && grep -aq 'model.layers.0.mamba.A_log' g.safetensors; }
check "--gradients writes them by name" gradients

# A tokenizer of bytes and a few merges, and a template that writes roles as Granite's does.
cat >chats.jsonl <<'END'
{"messages":[{"role":"user","content":"ab"},{"role":"assistant","content":"cd"},{"role":"user","content":"ef"},{"role":"assistant","content":"gh"}]}
{"prompt":"ab","completion":"cd"}
{"text":"ab"}
END
head -n 1 chats.jsonl >first.jsonl
python3 "$root/tools/box/tokenizer.py" first.jsonl bytes 261 >/dev/null
shown() { "$gneiss" tune --init "$root/tools/box/config.json" --tokenizer bytes --data chats.jsonl --dry-run | tr -d '|' | sed -n "$1p"; }
turns() { same '1: <start_of_role>user<end_of_role>ab<end_of_text>\n<start_of_role>assistant<end_of_role>[cd<end_of_text>]\n<start_of_role>user<end_of_role>ef<end_of_text>\n<start_of_role>assistant<end_of_role>[gh<end_of_text>]\n' "$(shown 1)"; }
check "of a conversation the assistant's turns are learned, with their end of text" turns
pairs() { same '2: ab[cd<end_of_text>]' "$(shown 2)" && same '3: a[b<end_of_text>]' "$(shown 3)"; }
check "of a pair the completion, of a text all but what nothing stands before" pairs
broken_turn() { echo '{"messages":[{"role":"user","content":"ab"}]}' >bad.jsonl && code 2 "$gneiss" tune --init "$root/tools/box/config.json" --tokenizer bytes --data bad.jsonl -o bad && grep -q 'line 1.*counted' err; }
check "a conversation in which no assistant speaks is refused" broken_turn

bad_line() { printf '{"ids":[1,2]}\n{"ids":[1,"x"]}\n' >bad.jsonl && code 3 "$gneiss" tune "$m" --data bad.jsonl -o bad && grep -q 'line 2' err; }
check "a bad line is named" bad_line
bad_id() { echo '{"ids":[1,97]}' >bad.jsonl && code 2 "$gneiss" tune "$m" --data bad.jsonl -o bad && grep -q 97 err; }
check "an id outside the vocabulary is named" bad_id
nothing() { echo '{"ids":[1,2],"labels":[1,-100]}' >bad.jsonl && code 2 "$gneiss" tune "$m" --data bad.jsonl -o bad && grep -q 'counted' err; }
check "an example of which nothing is counted is refused" nothing
texts() { echo '{"text":"a"}' >bad.jsonl && code 3 "$gneiss" tune "$m" --data bad.jsonl -o bad && grep -q tokenizer err; }
check "text without a tokenizer is refused" texts
no_out() { code 2 "$gneiss" tune "$m" --data data.jsonl && grep -q -- '-o' err; }
check "without -o nothing is begun" no_out
gguf() { code 3 "$gneiss" tune "$m/model.gguf" --data data.jsonl -o bad && grep -q 'safetensors' err; }
check "a GGUF is refused with the reason" gguf

e=$root/tests/oracle/lm_eval/model
printf '{"text":"one two three four"}\n{"text":"five six seven eight"}\n' >words.jsonl
evals() {
    "$gneiss" tune "$e" --data words.jsonl -o worth --steps 6 --save-every 2 --snapshots 4 --eval offline_opposites --eval offline_comparisons --eval-limit 4 --db w.db --json >out && same 3 "$(grep -c '"event":"saved".*"eval":\[{"task":"offline_opposites"' out)" && same 4 "$(grep -c '"event":"saved"' out)" &&
        same '"step":2 "step":4 "step":6' "$(grep -o '"evals":.*' worth/training.json | grep -o '"step":[0-9]*' | tr '\n' ' ' | sed 's/ $//')" && same 3 "$("$gneiss" db "SELECT count(*) AS n FROM run WHERE status = 'done'" --db w.db --json | key n)" && "$gneiss" info worth | grep -q 'step 4: offline_opposites acc [0-9.]*, offline_comparisons acc'
}
check "--eval: at every save, in the database, in training.json, in info" evals
evals_on() { "$gneiss" tune "$e" --data words.jsonl -o worth2 --steps 6 --save-every 2 --eval offline_opposites --eval-limit 4 --db w2.db -q && "$gneiss" tune "$e" --data words.jsonl -o worth2 --steps 6 --save-every 2 --eval offline_opposites --eval-limit 4 --db w2.db -q && same 3 "$(grep -o '"evals":.*' worth2/training.json | grep -o '"step":' | wc -l)"; }
check "gone on with, what was found before is kept" evals_on
no_task() { code 2 "$gneiss" tune "$e" --data words.jsonl -o worth3 --steps 2 --eval offline_oposites && grep -q opposites err && [ ! -e worth3 ]; }
check "--eval of no task: told before anything is trained" no_task
close
