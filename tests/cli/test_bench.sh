#!/usr/bin/env bash
# bench: every test runs on a tiny model, every form is printed, rows are kept. No time is judged.
. "$(dirname "$0")/lib.sh"
m=$models/hybrid_dense
small="-p 8 -n 4 -d 0,16 -b 1,3 --rounds 1 --threads 1 --ctx 2000"

all() { code 0 "$gneiss" bench "$m" --tests all $small -o jsonl && same 13 "$(wc -l <out)" && same '"pp8"' "$(head -n 1 out | key test)" && same '"fork"' "$(key test <out)" && ! grep -v '^{"schema":"gneiss.bench/1".*"samples_s":\[.*"roof":{"read_gbs":.*"peak_rss":' out | grep .; }
check "every test, a line of JSON each" all
forms() {
    code 0 "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --readonly -o md && same 4 "$(grep -c '^|' out)" &&
    code 0 "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --readonly -o csv && same 3 "$(wc -l <out)" && same 1 "$(sed 's/"[^"]*"//g; s/[^,]//g' out | sort -u | wc -l)" &&
    code 0 "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --readonly -o json && same '[' "$(head -n 1 out)" && same ']' "$(tail -n 1 out)" &&
    code 0 "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --readonly -o sql && same 2 "$(grep -c '^INSERT' out)"
}
check "-o md, csv, json, sql" forms
threads() { code 0 "$gneiss" bench "$m" -p 8 -n 0 -t 1,2 --rounds 1 --readonly --json && same "1 2" "$(grep -oE '"threads":[0-9]+' out | cut -d: -f2 | tr '\n' ' ' | sed 's/ $//')"; }
check "-t: one thread after the other" threads
two() { code 0 "$gneiss" bench "$m" "$models/llama" -p 8 -n 0 --rounds 1 --readonly --json && same 2 "$(wc -l <out)" && tail -n 1 out | grep -q '"ratio":{"median":'; }
check "two models take turns; the second's ratio to the first" two
last() {
    code 0 "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --threads 1 --db ./b.db && ls ./b.db &&
    { "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --threads 1 --db ./b.db --against last --json >out 2>err; [ $? -le 1 ]; } && same 2 "$(grep -c '"ratio":{' out)"
}
check "--against last: the ratio to the rows that were kept" last
none() { code 2 "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --threads 1 --db ./b.db --against 1999 && grep -q 1999 err; }
check "--against a run that is not there: exit 2" none
other() { { "$gneiss" bench "$m" -p 8 -n 4 --rounds 1 --threads 1 --readonly --against "$gneiss" --json >out 2>err; [ $? -le 1 ]; } && same 4 "$(wc -l <out)" && same 2 "$(grep -c '"ratio":{' out)" && code 3 "$gneiss" bench "$m" --against /nowhere/gneiss && code 3 "$gneiss" bench "$m" -p 8 -n 0 --rounds 1 --readonly --against /bin/false; }
check "--against another program: it runs between" other
readonly() { rm -rf data && code 0 "$gneiss" bench "$m" -p 8 -n 0 --rounds 1 --readonly && [ ! -e data ] && code 0 "$gneiss" bench "$m" -p 8 -n 0 --rounds 1 && ls data/gneiss/evals.db; }
check "rows go to evals.db, not with --readonly" readonly
bad() { code 2 "$gneiss" bench "$m" --tests pp,what && grep -q what err && code 2 "$gneiss" bench "$m" -p 1,x && code 2 "$gneiss" bench "$m" -b 0 && code 2 "$gneiss" bench "$m" -p 0 -n 0 && code 3 "$gneiss" bench /nowhere && code 3 "$gneiss" bench "$m" --ctx 100 -p 512 && grep -q 'context' err; }
check "what cannot be measured is named" bad
clean() { mkdir tmp && TMPDIR=$PWD/tmp code 0 "$gneiss" bench "$m" --tests save,restore --rounds 1 --readonly --ctx 2000 && same "" "$(ls tmp)"; }
check "no session file stays behind" clean
close
