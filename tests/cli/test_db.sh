#!/usr/bin/env bash
# db: what an evaluation left behind can be asked, copied, merged from shards and swept.
. "$(dirname "$0")/lib.sh"
m=$root/tests/oracle/lm_eval/model

evaluate() { "$gneiss" eval "$m" -t offline_opposites,offline_arithmetic --limit 6 --max-length 256 --progress none "$@"; }
table() { "$gneiss" db q table --db "$1" --json; }
rows() { "$gneiss" db "SELECT count(*) AS n FROM $2" --db "$1" --json | key n; }

none() { code 3 "$gneiss" db status --db none.db && [ ! -e none.db ]; }
check "a database that is not there is not made" none
once() { evaluate --db whole.db && same 12 "$(rows whole.db sample)" && table whole.db | grep -q offline_opposites; }
check "an evaluation can be asked for its table" once
again() { evaluate --db whole.db && same 12 "$(rows whole.db sample)" && same 1 "$(rows whole.db run)"; }
check "the same command is the same run" again
shards() {
    for i in 1 2 3; do evaluate --shard $i/3 --db part$i.db || return 1; done
    "$gneiss" db merge part1.db part2.db part3.db --db merged.db && same "$(table whole.db)" "$(table merged.db)" && same 12 "$(rows merged.db sample)"
}
check "shards merged equal one process" shards
twice() { "$gneiss" db merge part1.db --db merged.db && same 12 "$(rows merged.db sample)"; }
check "merging twice adds nothing" twice
readonly_sql() { code 3 "$gneiss" db "DELETE FROM sample" --db whole.db && same 12 "$(rows whole.db sample)"; }
check "SQL that writes is refused" readonly_sql
bad_name() { code 2 "$gneiss" db q tabel --db whole.db && grep -q table err; }
check "a query that is not there: the nearest one" bad_name
copied() { "$gneiss" db backup copy.db --db whole.db && same "$(table whole.db)" "$(table copy.db)"; }
check "a copy says the same" copied
swept() { "$gneiss" db gc --db whole.db && same 12 "$(rows whole.db sample)"; }
check "gc keeps what runs need" swept
garbage() { head -c 5000 /dev/urandom >garbage.db && code 3 "$gneiss" db status --db garbage.db; }
check "garbage is refused" garbage

# lm-evaluation-harness's own logs, of the same model and tasks as in test_eval_parity.sh.
logs=$root/tests/oracle/lm_eval
imported() { "$gneiss" db import lm-eval "$logs" --db im.db 2>err && grep -q "2 runs of 7 tasks and 168 samples are new" err && same 2 "$(rows im.db run)" && same 168 "$(rows im.db sample)"; }
check "logs of lm-evaluation-harness are imported" imported
imported_numbers() { "$gneiss" eval verify -1 --db im.db --against "$logs/plain/results.json" --json >v || "$gneiss" eval verify -2 --db im.db --against "$logs/plain/results.json" --json >v; grep -q '"metrics":12,"metrics_equal":12' v; }
check "their numbers come of their samples" imported_numbers
imported_twice() { "$gneiss" db import lm-eval "$logs" --db im.db 2>err && grep -q "2 were there" err && same 168 "$(rows im.db sample)"; }
check "importing twice adds nothing" imported_twice
ours() { (cd "$root" && "$gneiss" eval "$logs/model" --include "$logs/tasks" --numerics exact --max-length 160 --limit 24 --progress none -q -t parity_choice,parity_shots,parity_target,parity_rolling,parity_generate --db "$work/im.db") >/dev/null; }
check "a run of ours beside it" ours
theirs() { "$gneiss" db "SELECT run.id FROM run JOIN run_task ON run_id = run.id WHERE note LIKE 'imported%' GROUP BY 1 HAVING count(*) = 5" --db im.db --json | key id | tr -d '"'; }
against_theirs() { "$gneiss" compare "$(theirs)" -1 --db im.db --json >c && same 12 "$(grep -o '"metric":' c | wc -l)" && grep -q '"flips":\[\]' c && "$gneiss" eval verify -1 --against "$(theirs)" --db im.db >v && grep -q "360 answers .* prompts 360 equal .* log-likelihoods 336 equal.* texts 24 equal .* the same" v; }
check "compare pairs it with ours, and every answer is the same" against_theirs
no_logs() { mkdir -p nothing && code 3 "$gneiss" db import lm-eval nothing --db im.db && grep -q 'results_' err && echo '{"results":{"x":{}}}' >nothing/results_1.json && code 2 "$gneiss" db import lm-eval nothing --db im.db && grep -q log_samples err && same 3 "$(rows im.db run)"; }
check "a folder without logs: what is missing" no_logs
close
