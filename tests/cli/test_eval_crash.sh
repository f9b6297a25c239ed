#!/usr/bin/env bash
# eval: killed at any moment nothing that was told is lost, nothing is half there, nothing twice; the
# cache never answers for another question; databases that cannot be used say so.
#   ROUNDS=100 SEED=7 bash tests/cli/test_eval_crash.sh GNEISS     more kills
. "$(dirname "$0")/lib.sh"
m=$root/tests/oracle/lm_eval/model
unset ${!SLURM_*} ${!OMPI_*} ${!PMI_*} 2>/dev/null
exec 3>&1
RANDOM=${SEED:-1}

sql() { "$gneiss" db "$2" --db "$1" --json; }
rows() { sql "$1" "SELECT count(*) AS n FROM $2" | key n; }
# Choices, pages and answers, several of each: a run of about a second on one thread.
run() { exec "$gneiss" eval "$m" -t offline --limit 8 --repeat 150 --max-length 256 --threads 1 --batch-tokens 8 --progress tty -o csv "$@"; }
scores() { sql "$1" "SELECT t.name, s.doc_ix, s.rep, c.filter, c.metric, c.value, c.weight, c.extracted FROM sample s JOIN score c ON c.sample_id = s.id JOIN task t ON t.id = s.task_id ORDER BY 1, 2, 3, 4, 5"; }
table() { sql "$1" "SELECT task, filter, metric, value, stderr, ci_lo, ci_hi, n FROM metric ORDER BY 1, 2, 3"; }

whole() { (run --db whole.db) 2>/dev/null && same 1 "$(rows whole.db run)"; }
check "an uninterrupted run, to compare with" whole

# What was told on stderr of each task, at most, is in the database; every sample is whole.
nothing_lost() {
    local task done
    tr '\r' '\n' <"$1" | grep -oE '^offline_[a-z]+ +[0-9]+/' | tr -d / | sort -k1,1 -k2,2n | awk '{n[$1] = $2} END {for (t in n) print t, n[t]}' >told
    sql k.db "SELECT 1" >/dev/null 2>&1 || { same "" "$(cat told)"; return; } # killed while it was made
    while read -r task done; do
        [ "$(rows k.db "sample s JOIN task t ON t.id = s.task_id WHERE t.name = '$task'")" -ge "$done" ] || { echo "$task: $done told, fewer there"; return 1; }
    done <told
    same ok "$(sql k.db "PRAGMA integrity_check" | key integrity_check | tr -d '"')" && same 0 "$(rows k.db "pragma_foreign_key_check")" &&
        same 0 "$(rows k.db "sample s WHERE NOT EXISTS (SELECT 1 FROM score c WHERE c.sample_id = s.id) OR NOT EXISTS (SELECT 1 FROM sample_response x WHERE x.sample_id = s.id)")" &&
        same 0 "$(rows k.db "response r WHERE kind = 'generate' AND n_out > 0 AND n_out <> (SELECT count(*) FROM token t WHERE t.response_id = r.id)")" &&
        same 0 "$(rows k.db "(SELECT 1 FROM sample GROUP BY run_id, task_id, doc_ix, rep HAVING count(*) > 1)")"
}
kills() {
    local i pid killed=0
    rm -f k.db*
    for ((i = 0; i < ${ROUNDS:-10}; i++)); do
        (run --db k.db) 2>told.err >/dev/null </dev/null &
        pid=$!
        # At first at once, then from when the run has begun: a busy machine loads slowly.
        [ $i -lt 3 ] || for _ in $(seq 200); do grep -q '^eval ' told.err && break; sleep 0.02; done
        sleep "0.$(printf %03d $((RANDOM % 300)))"
        kill -9 $pid 2>/dev/null && killed=$((killed + 1))
        wait $pid 2>/dev/null
        nothing_lost told.err || { echo "after kill $i"; return 1; }
        told_lines=$((${told_lines:-0} + $(wc -l <told 2>/dev/null || echo 0)))
        # Done before it was killed: from the beginning, and without the cache.
        [ "$(sql k.db "SELECT status FROM run" 2>/dev/null | key status)" != '"done"' ] || rm -f k.db*
    done
    echo "$killed of ${ROUNDS:-10} killed while they ran; progress of $told_lines tasks had been told" >&3
    (run --db k.db) 2>/dev/null >/dev/null && same "$(scores whole.db)" "$(scores k.db)" && same "$(table whole.db)" "$(table k.db)" && [ $killed -ge $((${ROUNDS:-10} / 2)) ]
}
check "kill -9 at ${ROUNDS:-10} random moments: nothing lost, halved or doubled; the same table" kills

# ---- the cache
cat >t.yaml <<'YAML'
task: t
dataset_path: json
dataset_kwargs: {data_files: {train: shots.jsonl, test: docs.jsonl}}
training_split: train
test_split: test
num_fewshot: 1
fewshot_config: {sampler: first_n}
doc_to_text: "Q: {{q}} A:"
doc_to_target: "{{a}}"
generation_kwargs: {until: ["\n"], max_gen_toks: 6}
metadata: {version: 1}
YAML
echo '{"q":"one","a":"1"}' >shots.jsonl
printf '{"q":"two","a":"2"}\n{"q":"three","a":"3"}\n' >docs.jsonl
sed 's/^task: t/task: c/; s/^generation_kwargs.*/output_type: multiple_choice\ndoc_to_choice: ["1", "2", "3"]/; s/{{a}}/{{a|int - 1}}/' t.yaml >c.yaml
cp -r "$m" model && chmod -R u+w model
ask() { "$gneiss" eval model -t "${task:-./t.yaml,./c.yaml}" --max-length 128 --progress none --db c.db "$@" 2>ask.err >ask.out; }
read_tokens() { sed -n 's/.* tokens asked, \([0-9]*\) read.*/\1/p' ask.err; }
fresh() { ask "$@" && [ "$(read_tokens)" -gt 0 ] || { cat ask.err; echo "an answer of another question was used"; return 1; }; }
cached() { ask "$@" && same 0 "$(read_tokens)"; }
first() { fresh && cached --again; }
check "unchanged: no token goes through the model" first
other_limit() { cached --limit 1; }
check "another limit, the same questions: from the cache" other_limit
bit() {
    cp model/model.safetensors keep && size=$(stat -c %s keep) &&
        byte=$(od -An -tu1 -j $((size - 4096)) -N1 keep) && printf "\\x$(printf %x $((byte ^ 1)))" | dd of=model/model.safetensors bs=1 seek=$((size - 4096)) conv=notrunc status=none &&
        ! cmp -s keep model/model.safetensors && fresh && cp keep model/model.safetensors && cached --again
}
check "one bit of a weight is another model; put back it is the old one" bit
template() { sed -i 's/Q: /Q; /' t.yaml c.yaml && fresh && sed -i 's/Q; /Q: /' t.yaml c.yaml && cached --again; }
check "one character of the prompt" template
shot() { echo '{"q":"ome","a":"1"}' >shots.jsonl && fresh && echo '{"q":"one","a":"1"}' >shots.jsonl && cached --again; }
check "a shot" shot
stop() { task=./t.yaml && sed -i 's/"\\n"/" "/' t.yaml && fresh && sed -i 's/until: \[" "\]/until: ["\\n"]/' t.yaml && cached --again; task=; }
check "a stop string" stop
limit() { task=./t.yaml && sed -i 's/max_gen_toks: 6/max_gen_toks: 7/' t.yaml && fresh && sed -i 's/max_gen_toks: 7/max_gen_toks: 6/' t.yaml && cached --again; task=; }
check "the most tokens of an answer" limit
seed() { task=./t.yaml && sed -i 's/max_gen_toks: 6/max_gen_toks: 6, do_sample: true, temperature: 1.5/' t.yaml && fresh && cached --again && fresh --seed 5; sed -i 's/, do_sample.*}$/}/' t.yaml; task=; }
check "a seed, where answers are drawn" seed
tokenizer() { cp model/tokenizer.json keep.json && sed -i 's/"add_prefix_space": *false/"add_prefix_space": true/' model/tokenizer.json && ! cmp -s keep.json model/tokenizer.json && fresh; cp keep.json model/tokenizer.json && cached --again; }
check "the tokenizer" tokenizer
chat() { task=./t.yaml && fresh --chat-template && sed -i '1s/^/ /' model/chat_template.jinja && fresh --chat-template; task=; }
check "one character of the chat template" chat
numerics() { fresh --numerics exact && cached --numerics exact --again && cached --again --no-share --threads 1 --batch-tokens 5; }
check "exact is another answer than fast; threads, steps and sharing are not" numerics
anew() { fresh --fresh && cached --again; }
check "--fresh asks all the same" anew

# ---- databases that will not do
small() { "$gneiss" eval "$m" -t offline_opposites,offline_arithmetic --limit 6 --max-length 256 --progress none --db "$@"; }
garbage() { head -c 9000 /dev/urandom >g.db && cp g.db g2.db && code 3 small g.db && grep -q "no SQLite database" err && cmp g.db g2.db; }
check "garbage: refused, left as it was" garbage
newer() { small n.db >/dev/null 2>&1 && printf '\000\000\003\347' | dd of=n.db bs=1 seek=60 conv=notrunc status=none && code 3 small n.db && grep -q "newer gneiss" err; }
check "a database of a newer gneiss: refused" newer
other() { cp whole.db o.db && printf 'mine' | dd of=o.db bs=1 seek=68 conv=notrunc 2>/dev/null && code 3 small o.db && grep -q "another program" err; } # its application id
check "a database of another program: refused" other
read_only() {
    mkdir ro && small ro/r.db >/dev/null 2>&1 && cp ro/r.db kept.db && chmod a-w ro ro/r.db || return 1
    if [ -w ro/r.db ]; then # root writes anywhere: somebody else tries
        chmod a+rx "$work" && cp -r "$m" model-of-all && cp "$gneiss" of-all && chmod -R a+rX model-of-all of-all && mkdir -m 777 home || return 1
        code 3 setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_CACHE_HOME="$work/home" XDG_STATE_HOME="$work/home" ./of-all eval model-of-all -t offline_opposites,offline_arithmetic --limit 6 --max-length 256 --progress none --db ro/r.db --again
    else
        code 3 small ro/r.db --again
    fi && grep -q "ro/r.db" err && grep -qi "not writable\|read-only\|permission" err && { cat err; same 1 "$(wc -l <err)"; } && cmp kept.db ro/r.db
}
check "a read-only database: an error that names it" read_only
full() {
    # bash counts in KiB; the log of what is not yet in the database needs room too
    (ulimit -f $(($(stat -c %s whole.db) / 1500)); trap '' XFSZ; run --db full.db) >out 2>err </dev/null
    same 3 $? && grep -q "full.db" err && same ok "$(sql full.db "PRAGMA integrity_check" | key integrity_check | tr -d '"')" && [ "$(rows full.db sample)" -gt 0 ] && grep -q "Resume:" err &&
        (run --db full.db) >out 2>err </dev/null && same "$(scores whole.db)" "$(scores full.db)"
}
check "a disk that fills: an error, what was told is there, and it goes on when there is room" full
two() {
    (run --db two.db) >/dev/null 2>e1 </dev/null &
    local a=$!
    small two.db >/dev/null 2>e2 </dev/null || { cat e2; return 1; }
    wait $a && same 12 "$(rows two.db "sample s JOIN run r ON r.id = s.run_id WHERE instr(r.argv, 'offline_opposites')")" && same "$(table whole.db)" "$(sql two.db "SELECT task, filter, metric, value, stderr, ci_lo, ci_hi, n FROM metric m JOIN run r ON r.id = m.run_id WHERE NOT instr(r.argv, 'offline_opposites') ORDER BY 1, 2, 3")"
}
check "two processes write one database" two

# A file system that says it is NFS, where there is none to be mounted: statfs is laid over.
cat >nfs.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/vfs.h>
int statfs(const char *path, struct statfs *out) {
    const int rc = ((int (*)(const char *, struct statfs *))dlsym(RTLD_NEXT, "statfs"))(path, out);
    out->f_type = 0x6969;
    return rc;
}
C
network() {
    ${CC:-cc} -shared -fPIC -o nfs.so nfs.c -ldl || return 1
    (LD_PRELOAD=./nfs.so run --db net.db) >/dev/null 2>err </dev/null &
    local pid=$! i
    for i in $(seq 400); do [ "$(rows net.db sample 2>/dev/null || echo 0)" -ge 20 ] 2>/dev/null && break; sleep 0.02; done
    [ ! -e net.db-wal ] && LD_PRELOAD=./nfs.so small net.db >/dev/null 2>e2 </dev/null || { echo "the second writer:"; cat e2; kill -9 $pid; return 1; }
    kill -9 $pid && ! wait $pid 2>/dev/null && grep -q "network file system: journal DELETE" err && same delete "$(sql net.db "PRAGMA journal_mode" | key journal_mode | tr -d '"')" &&
        (LD_PRELOAD=./nfs.so run --db net.db) >/dev/null 2>err </dev/null && same "$(scores whole.db)" "$(sql net.db "SELECT t.name, s.doc_ix, s.rep, c.filter, c.metric, c.value, c.weight, c.extracted FROM sample s JOIN score c ON c.sample_id = s.id JOIN task t ON t.id = s.task_id JOIN run r ON r.id = s.run_id WHERE NOT instr(r.argv, 'offline_opposites') ORDER BY 1, 2, 3, 4, 5")" &&
        same ok "$(sql net.db "PRAGMA integrity_check" | key integrity_check | tr -d '"')"
}
check "on a network file system: said, no shared log, two writers, killed and gone on with" network
close
