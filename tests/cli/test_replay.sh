#!/usr/bin/env bash
# run --replay: a reply of the chat is drawn again, token by token; what a chat kept of its tokens comes back.
. "$(dirname "$0")/lib.sh"
command -v tmux >/dev/null || { echo "skip: no tmux"; exit 0; }
command -v sqlite3 >/dev/null || command -v python3 >/dev/null || { echo "skip: nothing that edits a database"; exit 0; }
export LC_ALL=C.UTF-8 INPUTRC=/dev/null
m=$root/tests/oracle/lm_eval/model
trap 't kill-server 2>/dev/null; chmod -R u+w "$work"; rm -rf "$work"' EXIT
t() { tmux -S "$work/tmux" -f /dev/null "$@"; }
keys() { for key in "$@"; do t send-keys -- "$key"; sleep 0.1; done; }
wait_for() { for _ in $(seq 150); do t capture-pane -p | grep -q -- "$1" && return 0; sleep 0.2; done; t capture-pane -p; return 1; }
chat() { t new-session -d -x 90 -y 24 "'$gneiss' chat $* --threads 1"; wait_for 'F1 help'; }

talked() {
    chat "'$m'" --temp 1 --seed 5 -n 12 || return 1
    keys h i Enter && wait_for 'tokens, .* read' && keys F4 && wait_for 'alternative' && keys j &&
        t capture-pane -p >tokens.before && keys q
    keys / r e g e n Enter && wait_for '2/2 < >' && keys / q u i t Enter
    for _ in $(seq 50); do t has-session 2>/dev/null || return 0; sleep 0.2; done
    return 1
}
check "two replies are made in a chat" talked
equal() { code 0 "$gneiss" run "$m" --replay "$1" && grep -q 'tokens, equal' out; }
check "the newest is drawn again, equal" equal -1
check "and the one before" equal -2
json() { code 0 "$gneiss" run "$m" --replay -2 --json && python3 -c '
import json; r = json.load(open("out")); assert r["schema"] == "gneiss.replay/1" and r["equal"] and r["ids"] == r["now"] != []'; }
check "as JSON: the ids of then and now" json
by_id() { equal "$(cut -d' ' -f2 out0 | tr -d : | cut -c1-24)"; }
"$gneiss" run "$m" --replay -1 >out0 2>/dev/null
check "by the beginning of its id" by_id
none() { code 3 "$gneiss" run "$m" --replay -9 && says "no reply that was kept" "$gneiss" run "$m" --replay -9; }
check "a reply that is not there: exit 3" none
other() { code 2 "$gneiss" run "$models/hybrid_moe" --replay -1; }
check "another model is refused" other
changed() {
    python3 - "$XDG_DATA_HOME/gneiss/chats.db" <<'P'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE token SET id = (id + 1) % 50 WHERE pos = 3 AND response_id = (SELECT response_id FROM turn ORDER BY id DESC LIMIT 1)")
db.commit()
P
    code 1 "$gneiss" run "$m" --replay -1 && grep -q 'token 4 of' out && equal -2
}
check "a reply that differs: exit 1, and where" changed
back() {
    chat -c || return 1
    keys Escape [ && wait_for '1/2 < >' && keys F4 && wait_for 'alternative' && keys j && t capture-pane -p >tokens.after
    keys q Q
    grep -v 'temp' tokens.before >a && grep -v 'temp' tokens.after | sed 's/~\([0-9]\)/\1/' >b && grep -q 'sampled' a &&
        diff <(grep -o '^[*> ] *[0-9][0-9]* .*-[0-9.]* *[0-9.]*' a | head -n 4) <(grep -o '^[*> ] *[0-9][0-9]* .*-[0-9.]* *[0-9.]*' b | head -n 4)
}
check "in another chat F4 shows the same of the stored reply" back
midway() {
    m=$root/models/pebble
    chat "'$m'" --temp 1 --seed 5 -n 1900 --bias 0=-100 --bias 2=-100 || return 1
    for key in h i Enter / s e t Space t e m p Space 3 Enter; do t send-keys -- "$key"; done
    wait_for 'cut at the limit' && keys / q u i t Enter
    for _ in $(seq 50); do t has-session 2>/dev/null || break; sleep 0.2; done
    grep -aq '"then":\[{"at":' "$XDG_DATA_HOME/gneiss/chats.db" && equal -1
}
check "what was set in the middle of a reply is set there again" midway
close
