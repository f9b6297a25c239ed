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
close
