#!/usr/bin/env bash
# The model that comes with the program: it is found without a name, and does what its card says.
. "$(dirname "$0")/lib.sh"

named() { says "small demonstration model" "$gneiss" run pebble "Who are you?"; }
check "it is found by its name and says what it is" named
unnamed() { says "card" "$gneiss" info && says "pebble" "$gneiss" info --json; }
check "info without a name is about it, with its card" unnamed
adds() { same "27 + 45 = 72" "$("$gneiss" run pebble "How much is 27 plus 45?")"; }
check "it adds" adds
ignorant() { says "I do not know that" "$gneiss" run pebble "When was Paul born?"; }
check "it says that it does not know" ignorant
cat >talk.json <<'EOF'
[{"role": "user", "content": "My name is Clara."}, {"role": "assistant", "content": "Hello, Clara."},
 {"role": "user", "content": "Spell water."}, {"role": "assistant", "content": "w-a-t-e-r"},
 {"role": "user", "content": "Tell me my name."}]
EOF
remembers() { says "Clara" "$gneiss" run pebble --chat talk.json; }
check "the third turn knows the first" remembers

# The figures of the card, on ways of asking it was not trained on; exact, so that they are the same everywhere.
"$gneiss" eval pebble -t box --numerics exact -o csv --progress none >final.csv || exit 2
"$gneiss" eval pebble-step-270 -t box --numerics exact -o csv --progress none >early.csv || exit 2
at_least() { # TASK METRIC FLOOR
    awk -F, -v t="$1" -v m="$2" -v f="$3" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["task"] == t && $at["metric"] == m { print t, m, $at["value"]; n++; ok = $at["value"] >= f }
        END { exit !(n == 1 && ok) }' final.csv
}
check "small skills: 90 % of the answers hold the key" at_least box_skills exact_match 0.9
check "gneiss: the right one of four answers, 80 %" at_least box_facts acc 0.8
check "opposites, days and months: 90 %" at_least box_words acc 0.9
differ() { "$gneiss" compare -2 -1 --json | tail -n 1 | grep -q '"p":'; }
check "compare sees an early checkpoint and the last differ" differ
close
