#!/usr/bin/env bash
# eval: one run through stops, signals, ranks, judges, retries; progress; in the background.
. "$(dirname "$0")/lib.sh"
m=$root/tests/oracle/lm_eval/model
unset ${!SLURM_*} ${!OMPI_*} ${!PMI_*} 2>/dev/null

# Enough answers, on one thread, that there is time to stop it.
long_exec() { exec "$gneiss" eval "$m" -t offline_arithmetic --shots 3 --repeat 400 --max-length 300 --threads 1 --batch-tokens 8 --progress none "$@" </dev/null; }
long() { (long_exec "$@"); }
short() { "$gneiss" eval "$m" -t offline_opposites,offline_arithmetic --limit 6 --max-length 256 --progress none "$@"; }
sql() { "$gneiss" db "$2" --db "$1" --json; }
rows() { sql "$1" "SELECT count(*) AS n FROM $2" | key n; }
# Wait until the database $1 has $2 samples.
until_samples() {
    for _ in $(seq 600); do
        [ -e "$1" ] && [ "$(rows "$1" sample 2>/dev/null || echo 0)" -ge "$2" ] 2>/dev/null && return 0
        sleep 0.05
    done
    echo "no $2 samples came"
    return 1
}
# Start `long` in the background, wait for 20 samples, send signals, take the exit code.
stopped_by() {
    local db=$1 got
    shift
    long_exec --db "$db" >"$work/out" 2>"$work/err" &
    local pid=$!
    until_samples "$db" 20 || { kill -9 $pid; return 1; }
    for s in "$@"; do kill "-$s" $pid; sleep 0.05; done
    wait $pid
    got=$?
    same 130 $got && grep -q "^saved .* Resume: gneiss eval .*--repeat=400" "$work/err" && same '"stopped"' "$(sql "$db" "SELECT status FROM run" | key status)"
}
int_once() { stopped_by int.db INT; }
check "Ctrl-C: what is begun is saved, exit 130, the command that goes on" int_once
int_twice() { stopped_by int2.db INT INT; }
check "Ctrl-C twice: at once" int_twice
term() { stopped_by term.db TERM; }
check "SIGTERM is one Ctrl-C" term
hup() { stopped_by hup.db HUP; }
check "SIGHUP too" hup
whole() {
    local before after
    before=$(rows int.db sample) && long --limit 1 --db one.db && long --db int.db 2>err && grep -q "going on after $before of" err &&
        long --db straight.db && same "$(rows straight.db sample)" "$(rows int.db sample)" &&
        same "$(sql straight.db "SELECT doc_ix, rep, filter, metric, value FROM sample JOIN score ON sample_id = id ORDER BY 1, 2, 3, 4")" "$(sql int.db "SELECT doc_ix, rep, filter, metric, value FROM sample JOIN score ON sample_id = id ORDER BY 1, 2, 3, 4")"
}
check "the same command goes on, to the same numbers" whole
tokens() { short --db t.db && short --db t.db --again 2>err && grep -Eq "^[0-9.]+ s: [0-9]+ tokens asked, 0 read" err; }
check "every run tells the tokens it read: none from the cache" tokens

# ---- who is at work
busy() {
    long_exec --db busy.db >/dev/null 2>&1 &
    local pid=$! ok
    until_samples busy.db 1 && code 3 long --db busy.db && grep -q "eval watch" err
    ok=$?
    kill -9 $pid
    wait $pid 2>/dev/null
    [ $ok = 0 ] && long --db busy.db >out 2>err && grep -q "took over" err
}
check "running elsewhere: exit 3 and who to watch; killed: taken over" busy
pause() {
    long_exec --db p.db >/dev/null 2>err &
    local pid=$! a b
    until_samples p.db 1 && "$gneiss" eval pause -1 --db p.db && sleep 6 && a=$(rows p.db sample) && sleep 1 && b=$(rows p.db sample) && same "$a" "$b" && "$gneiss" eval resume -1 --db p.db && until_samples p.db $((a + 1)) && "$gneiss" eval stop -1 --db p.db
    local ok=$?
    [ $ok = 0 ] || kill $pid
    wait $pid
    same 130 $? && [ $ok = 0 ]
}
check "eval pause, resume, stop from elsewhere" pause
idle() { code 1 "$gneiss" eval pause -1 --db t.db; }
check "pausing what does not run: exit 1" idle

# ---- how it is told
lines() { short --progress lines --db l.db >out 2>err && ! grep -q $'\r' err && grep -q "offline_opposites *6/6" err; }
check "--progress lines: no carriage returns" lines
json() { short --progress json --json --db j.db >out 2>err && grep -q '^{"event":"progress","run":"[0-9A-Z]*","task":"offline_arithmetic","done":6,"n":6,"cached":0,"errors":0,"value":' err && same 2 "$(wc -l <out)" && head -n 1 out | grep -q '"event":"start".*"resume":"gneiss eval' && tail -n 1 out | grep -q '"status":"done"'; }
check "--progress json; --json: a line at the start, one at the end" json
# ---- a baseline
one_task() { "$gneiss" eval "$m" -t offline_$1 --limit 6 --max-length 256 --progress none -q --db base.db --again >/dev/null && "$gneiss" db bless -1 --db base.db; }
both_tasks() { "$gneiss" eval "$m" -t offline_opposites,offline_arithmetic --limit 6 --shots 1 --max-length 256 --db base.db --again "$@"; }
deltas() { grep -oE '"task":"[a-z_]*"|"delta":[-0-9.e]*' "$1" | paste -sd' ' ; }
no_bless() { code 2 both_tasks --baseline && grep -q "no run of offline_opposites, offline_arithmetic was blessed\|no run of offline_arithmetic, offline_opposites was blessed" err; }
check "--baseline without RUN where nothing was blessed" no_bless
half_blessed() { one_task arithmetic && both_tasks --baseline --progress json >/dev/null 2>half && grep -q "no run of offline_opposites was blessed" half && grep '"task":"offline_arithmetic","done":6' half | grep -q '"delta":' && ! grep '"task":"offline_opposites"' half | grep -q '"delta"'; }
check "--baseline: a task that has no blessed run is told, the other has its difference" half_blessed
blessed() { # of each task the newest, which are two runs, none of them the newest of all
    one_task opposites && one_task arithmetic && both_tasks --baseline --progress json >/dev/null 2>all && ! grep -q "was blessed" all &&
        for t in opposites arithmetic; do grep "\"task\":\"offline_$t\",\"done\":6" all | grep -q '"delta":' || return 1; done &&
        both_tasks --baseline="$("$gneiss" db "SELECT max(id) AS id FROM run WHERE blessed_at IS NOT NULL" --db base.db --json | key id | tr -d '"')" --progress json >/dev/null 2>one && ! grep '"task":"offline_opposites"' one | grep -q '"delta"'
}
check "--baseline without RUN: the newest blessed of each task" blessed
none() { short --progress none -q --db n.db 2>err >out && same "" "$(cat err)" && [ -s out ]; }
check "--progress none -q: nothing on stderr" none
pipe() { { short --db pipe.db -o csv; echo "$?" >status; } | true; [ "$(cat status)" = 0 ] || same 141 "$(cat status)" || same 3 "$(cat status)"; }
check "a closed pipe loses nothing" pipe
models() {
    mkdir second && cp "$m"/* second && printf '\001' | dd of=second/model.safetensors bs=1 seek=$(($(stat -c %s second/model.safetensors) - 3)) conv=notrunc status=none &&
        "$gneiss" eval "$m" second "$m" -t offline_opposites --limit 3 --max-length 256 --progress none --db models.db -o csv >out 2>err && same 2 "$(rows models.db run)" && same 2 "$(rows models.db checkpoint)" && grep -q "is done: this is its stored result" err
}
check "several models, a run each; the same one twice is one" models
detach() {
    long --detach --limit 1 --db d.db >out 2>err && grep -q "^watch it: gneiss eval watch" out || return 1
    local run
    run=$(sed -n 's/^watch it: gneiss eval watch //p' out)
    timeout 60 "$gneiss" eval watch "$run" --db d.db --progress none >watched && grep -q offline_arithmetic watched && [ -s "$XDG_STATE_HOME/gneiss/eval-$run.log" ]
}
check "--detach returns at once; eval watch waits for it; a log is there" detach
detach_bad() { code 3 long --detach -t offline_opposites --db d2.db --template nothing.jinja && [ -s err ] && ! grep -q "watch it" out; }
check "--detach of what cannot begin: its error and its exit code" detach_bad

# ---- what prompts have in common
cat >common.yaml <<'YAML'
task: common
dataset_path: json
dataset_kwargs: {data_files: common.jsonl}
test_split: train
description: "All of these questions are of one kind, and each is answered with a single word. "
doc_to_text: "{{q}}"
doc_to_target: ""
generation_kwargs: {until: ["\n"], max_gen_toks: 6}
metadata: {version: 1}
YAML
sed 's/task: common/task: draws/; s/max_gen_toks: 6/max_gen_toks: 6, do_sample: true, temperature: 1.2/; s/^metadata/repeats: 3\nmetadata/' common.yaml >draws.yaml
printf '{"q":"one?"}\n{"q":"two?"}\n{"q":"one? no"}\n' >common.jsonl
common() { "$gneiss" eval "$m" -t ./common.yaml,./draws.yaml --max-length 256 --progress none "$@"; }
answers() { sql "$1" "SELECT s.task_id, s.doc_ix, x.ix, r.output, (SELECT group_concat(t.id || ' ' || t.logprob) FROM token t WHERE t.response_id = r.id) AS said FROM sample s JOIN sample_response x ON x.sample_id = s.id JOIN response r ON r.id = x.response_id ORDER BY 1, 2, 3"; }
shared() {
    common --db s.db 2>err && common --no-share --db ns.db 2>err.alone && common --db s5.db --threads 1 --batch-tokens 5 2>/dev/null && same "$(answers ns.db)" "$(answers s.db)" && same "$(answers ns.db)" "$(answers s5.db)" && same 12 "$(answers s.db | wc -l)" || return 1
    local asked few all
    asked=$(sed -n 's/.*: \([0-9]*\) tokens asked.*/\1/p' err) few=$(sed -n 's/.* \([0-9]*\) read.*/\1/p' err) all=$(sed -n 's/.* \([0-9]*\) read.*/\1/p' err.alone)
    same "$asked" "$all" && [ $((few * 3)) -lt "$all" ] || { echo "$few read, of $asked"; return 1; }
}
check "what prompts of answers begin with alike is read once; --no-share: the same bits" shared

# ---- which documents
docs() { short --docs 1,3-4 --db docs.db && same 4,1 "$(sql docs.db "SELECT group_concat(DISTINCT doc_ix) AS l FROM (SELECT doc_ix FROM sample ORDER BY doc_ix DESC) WHERE doc_ix IN (1, 4)" | key l | tr -d '"')" && same 3 "$(rows docs.db "sample WHERE task_id = (SELECT min(task_id) FROM sample)")"; }
check "--docs" docs
where() { "$gneiss" eval "$m" -t offline_opposites --where "answer == 3" --max-length 256 --progress none --db where.db >/dev/null 2>err; [ "$(rows where.db sample)" -gt 0 ] && same 0 "$(rows where.db "doc WHERE json_extract(json, '\$.answer') <> 3")"; }
check "--where" where
drawn() { short --limit 0 --sample 4 --db s1.db && short --limit 0 --sample 4 --db s2.db && same 8 "$(rows s1.db sample)" && same "$(sql s1.db "SELECT task_id, doc_ix FROM sample ORDER BY 1, 2")" "$(sql s2.db "SELECT task_id, doc_ix FROM sample ORDER BY 1, 2")" && short --limit 0 --sample 4 --fewshot-seed 7 --db s3.db && [ "$(sql s1.db "SELECT task_id, doc_ix FROM sample ORDER BY 1, 2")" != "$(sql s3.db "SELECT task_id, doc_ix FROM sample ORDER BY 1, 2")" ]; }
check "--sample draws with --fewshot-seed, and draws the same again" drawn

# ---- a judge
cat >jury.yaml <<'YAML'
task: jury
dataset_path: json
dataset_kwargs: {data_files: jury.jsonl}
test_split: train
doc_to_text: "{{q}}"
doc_to_target: ""
generation_kwargs: {until: ["\n"], max_gen_toks: 4}
metric_list: [{metric: pass_at_1}]
metadata: {version: 1, gneiss: {program: "{{q}}#{{completion}}"}}
YAML
printf '{"q":"one"}\n{"q":"two"}\n{"q":"three"}\n' >jury.jsonl
jury() { "$gneiss" eval "$m" -t ./jury.yaml --max-length 64 --progress none "$@"; }
no_judge() { code 2 jury --db nojudge.db && grep -q -- "--judge" err && same 0 "$(rows nojudge.db run)"; }
check "pass_at_1 without a judge is refused before anything runs" no_judge
judged() { jury --db judged.db --judge 'while read -r l; do id=${l#*:}; id=${id%%,*}; case $l in *two#*) p=true ;; *) p=false ;; esac; echo "{\"id\":$id,\"passed\":$p}"; done' && same 0,1,0 "$(sql judged.db "SELECT group_concat(cast(value AS INTEGER)) AS l FROM (SELECT value FROM sample JOIN score ON sample_id = id ORDER BY doc_ix)" | key l | tr -d '"')"; }
check "a judge reads programs and says what passed" judged
bad_judge() { code 3 jury --db bad.db --judge 'echo nonsense; cat >/dev/null' && grep -q "nonsense" err && [ "$(rows bad.db response)" -ge 1 ] && same 0 "$(rows bad.db sample)"; }
check "a judge that speaks nonsense stops the run; the answers are kept" bad_judge
dead_judge() { code 3 jury --db dead.db --judge 'exit 0' && grep -q "has ended" err; }
check "a judge that ends is told" dead_judge

# ---- failed samples
printf '{"q":"good"}\n{"q":""}\n' >jury2.jsonl
sed 's/jury.jsonl/jury2.jsonl/; s/task: jury/task: echo/; s/pass_at_1/exact_match/' jury.yaml >echo.yaml
failed() { code 4 "$gneiss" eval "$m" -t ./echo.yaml --max-length 64 --progress none --db f.db && same 1 "$(rows f.db "sample WHERE status = 'error'")" && grep -q '^1 sample failed: echo #1: ..' err; }
check "a document that cannot be asked is an error of its own: exit 4" failed
retried() { code 4 "$gneiss" eval retry -1 --db f.db && same 2 "$(rows f.db sample)" && same 1 "$(rows f.db run)" && same '"done"' "$(sql f.db "SELECT status FROM run" | key status)" && code 1 "$gneiss" eval retry -1 --db t.db; }
check "eval retry asks failed samples again, in the same run" retried

# ---- a run against another
verify() { short --db v.db && short --db v.db --fresh && short --db v.db --fresh --numerics exact && "$gneiss" eval verify -2 --against -3 --db v.db >out && grep -q "30 answers .* 30 equal .* the same" out && code 1 "$gneiss" eval verify -1 --against=-2 --tolerance 0 --db v.db && grep -q DIFFERS out && code 2 "$gneiss" eval verify -1 --against 01NOSUCH --db v.db; }
check "eval verify against another run: the same, or what differs first" verify

# ---- ranks
rank_env() { # LAUNCHER RANK SIZE
    case $1 in
    slurm) echo "SLURM_PROCID=$2 SLURM_STEP_NUM_TASKS=$3 SLURM_NTASKS=$3" ;;
    openmpi) echo "OMPI_COMM_WORLD_RANK=$2 OMPI_COMM_WORLD_SIZE=$3" ;;
    mpich) echo "PMI_RANK=$2 PMI_SIZE=$3" ;;
    esac
}
table() { sql "$1" "SELECT task, filter, metric, value, stderr, ci_lo, ci_hi, n FROM metric ORDER BY 1, 2, 3"; }
ranks() { # LAUNCHER N [OPTION...]
    local pids=() i
    for ((i = $2 - 1; i >= 0; i--)); do
        env $(rank_env "$1" "$i" "$2") "$gneiss" eval "$m" -t offline --limit 7 --max-length 256 --progress none -o csv --db "$1.db" "${@:3}" >"$1.out.$i" 2>"$1.err.$i" </dev/null &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || { cat "$1".err.*; return 1; }; done
}
alone() { "$gneiss" eval "$m" -t offline --limit 7 --max-length 256 --progress none -o csv --db alone.db >alone.out; }
check "one process, for the next three" alone
for launcher in slurm openmpi mpich; do
    equal() {
        ranks $launcher 3 && same "$(table alone.db)" "$(table $launcher.db)" && same "$(cut -d, -f3- alone.out)" "$(cut -d, -f3- $launcher.out.0)" && same "" "$(cat $launcher.out.1 $launcher.out.2 $launcher.err.1 $launcher.err.2)" && same "$(rows alone.db sample)" "$(rows $launcher.db sample)"
    }
    check "three ranks of $launcher: the first tells, and tells what one process does" equal
done
rank_again() { ranks openmpi 3 && same 1 "$(rows openmpi.db run)" && same "$(table alone.db)" "$(table openmpi.db)"; }
check "the same ranks again: the stored result" rank_again
anew() { # OPTION RUNS CACHED: a run more, whole, with the same numbers, and answers from the cache or not
    ranks openmpi 3 "$1" && same "$2" "$(rows openmpi.db run)" && same "$2" "$(rows openmpi.db "run WHERE status = 'done'")" &&
        same "$(cut -d, -f4- alone.out)" "$(cut -d, -f4- openmpi.out.0)" && same "$(($(rows alone.db sample) * $2))" "$(rows openmpi.db sample)" &&
        same "$3" "$(sql openmpi.db "SELECT min(cached) AS c FROM sample_response x JOIN sample s ON s.id = x.sample_id WHERE run_id = (SELECT max(id) FROM run)" | key c)"
}
check "ranks with --again: a new run, all of it from the cache" anew --again 2 1
check "ranks with --fresh: a new run, nothing from the cache" anew --fresh 3 0
late() { # the first is slowest to come: the others have begun, and are done, before
    local pids=() i
    for i in 2 1 0; do
        [ $i = 0 ] && wait "${pids[@]}"
        env $(rank_env openmpi $i 3) "$gneiss" eval "$m" -t offline --limit 7 --max-length 256 --progress none -o csv --db openmpi.db --again >openmpi.out.$i 2>openmpi.err.$i </dev/null &
        pids+=($!)
    done
    wait ${pids[2]} && same 4 "$(rows openmpi.db run)" && same "$(cut -d, -f4- alone.out)" "$(cut -d, -f4- openmpi.out.0)" || { cat openmpi.err.*; return 1; }
}
check "ranks with --again, the first coming last" late
merged_again() { "$gneiss" db merge openmpi.db.shard-*-of-3 --db openmpi.db && same 4 "$(rows openmpi.db "run WHERE status = 'done'")" && same 4 "$(rows openmpi.db run)"; }
check "their parts merged once more: nothing is added" merged_again
batch() { SLURM_PROCID=0 SLURM_NTASKS=4 short --db batch.db && [ ! -e batch.db.shard-1-of-4 ]; }
check "a batch script of Slurm is no rank" batch
close
