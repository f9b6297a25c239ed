#!/usr/bin/env bash
# with_mpi.sh GNEISS - ranks started by the real mpirun (Debian: openmpi-bin); no part of ./check, where
# test_eval_run.sh sets what a launcher would.
. "$(dirname "$0")/lib.sh"
m=$root/tests/oracle/lm_eval/model
command -v mpirun >/dev/null || { echo "mpirun is not installed"; exit 2; }
evaluate() { "$@" "$gneiss" eval "$m" -t offline --max-length 256 --threads 1 --progress none -o csv --db "$db"; }
ranks() { evaluate mpirun --allow-run-as-root --oversubscribe -n "$1"; }
table() { "$gneiss" db "SELECT task, filter, metric, value, stderr, ci_lo, ci_hi, n FROM metric ORDER BY 1, 2, 3" --db "$1" --json; }
answers() { "$gneiss" db "SELECT t.name, s.doc_ix, x.ix, r.logprob, r.output FROM sample s JOIN task t ON t.id = s.task_id JOIN sample_response x ON x.sample_id = s.id JOIN response r ON r.id = x.response_id ORDER BY 1, 2, 3" --db "$1" --json; }

alone() { db=one.db && evaluate env >one.csv; }
check "one process" alone
for n in 2 3; do
    equal() { db=mpi$n.db && ranks $n >mpi$n.csv && same "$(table one.db)" "$(table mpi$n.db)" && same "$(answers one.db)" "$(answers mpi$n.db)" && same "$(cut -d, -f3- one.csv)" "$(cut -d, -f3- mpi$n.csv)"; }
    check "mpirun -n $n: one table, the same bits" equal
done
stopped() {
    db=killed.db
    ranks 2 >/dev/null 2>&1 &
    local pid=$!
    for _ in $(seq 200); do [ -s killed.db.shard-1-of-2 ] && break; sleep 0.02; done
    kill -INT $pid
    wait $pid
    ranks 2 >killed.csv && same "$(table one.db)" "$(table killed.db)"
}
check "interrupted, and the same command again" stopped
anew() { db=mpi3.db && evaluate mpirun --allow-run-as-root --oversubscribe -n 3 >/dev/null && for how in --again --fresh; do
    mpirun --allow-run-as-root --oversubscribe -n 3 "$gneiss" eval "$m" -t offline --max-length 256 --threads 1 --progress none -o csv --db "$db" $how >anew.csv && same "$(cut -d, -f4- one.csv)" "$(cut -d, -f4- anew.csv)" || return 1
done && same 3 "$("$gneiss" db "SELECT count(*) AS n FROM run WHERE status = 'done'" --db "$db" --json | key n)"; }
check "mpirun with --again and --fresh: a new run each, the same numbers" anew
close
