#!/usr/bin/env bash
# sessions: conversations are imported, listed, found, shown, exported, renamed, put away, removed.
. "$(dirname "$0")/lib.sh"
m=$root/tests/oracle/lm_eval/model

cat >talk.json <<'J'
[{"id": "a", "title": "Oslo trip", "created_at": "2026-11-20T10:00:00Z", "messages": [
   {"role": "system", "content": "be brief"},
   {"role": "user", "content": "Which ferry goes to Hovedoya?"},
   {"role": "assistant", "content": "The B1 ferry. \u001b[31mred\u001b[0m \u202eturned <b>bold</b>"}]},
 {"id": "b", "messages": [
   {"role": "user", "content": "regex for dates, C++ NEAR(x)"},
   {"role": "assistant", "content": "try [0-9]{4}"}]}]
J
ids() { "$gneiss" sessions --json "$@" | grep -o '"id":"[^"]*"' | cut -d'"' -f4; }
count() { "$gneiss" sessions --json --limit 0 "$@" 2>/dev/null | wc -l; }
hidden() { ! grep -q $'\x1b' "$1"; }

none() { code 1 "$gneiss" sessions && [ ! -s out ] && [ ! -e "$XDG_DATA_HOME/gneiss/chats.db" ]; }
check "no conversations: exit 1, and no database is made" none
no_model() { code 2 "$gneiss" sessions import talk.json && grep -q -- '-m MODEL' err; }
check "an import without a model says what is missing" no_model
imported() { code 0 "$gneiss" sessions import talk.json -m "$m" && grep -q '2 new' err && same 2 "$(count)"; }
check "a list of conversations is imported" imported
again() { code 0 "$gneiss" sessions import talk.json && grep -q '0 new, 0 had grown, 2 known' err && same 2 "$(count)"; }
check "once more: known already, and the model is the one used last" again
grown() {
    sed 's/try \[0-9\]{4}"}/try [0-9]{4}"}, {"role": "user", "content": "thanks"}/' talk.json >more.json
    code 0 "$gneiss" sessions import more.json -m "$m" && grep -q '0 new, 1 had grown, 1 known' err && same 2 "$(count)" &&
        says thanks "$gneiss" sessions show "regex for dates, C++ NEAR(x)"
}
check "what has grown since is added to its session" grown
same_id() {
    printf '{"id": "a", "messages": [{"role": "user", "content": "something else"}]}' >else.json
    code 0 "$gneiss" sessions import else.json -m "$m" && grep -q '1 new' err && same 3 "$(count)" && code 0 "$gneiss" sessions rm "something else"
}
check "another conversation of the same id is another session" same_id
found() { code 0 "$gneiss" sessions -q "ferry hovedoya" && grep -q '\[ferry\]' out && same 1 "$(count -q ferry)"; }
check "words find the message, in a snippet" found
typed() { for w in '"' 'C++' 'NEAR(x)' 'dates AND' '*' 'a"b' '-x' "'; drop"; do "$gneiss" sessions -q "$w" >/dev/null 2>err || [ $? -le 2 ] || return 1; done; }
check "what FTS5 would take for syntax is text" typed
nothing() { code 1 "$gneiss" sessions -q zebra && [ ! -s out ]; }
check "nothing found: exit 1" nothing
shown() { code 0 "$gneiss" sessions show "Oslo trip" && grep -q 'B1 ferry' out && grep -q '\^\[\[31m' out && hidden out && grep -q 'u202E' out; }
check "show makes visible what would steer a terminal" shown
tree() { code 0 "$gneiss" sessions show "Oslo trip" --tree && grep -q 'HEAD' out && grep -q 'S   system be brief' out; }
check "show --tree: one row a message" tree
tree_json() { "$gneiss" sessions show "Oslo trip" --json | grep -q '"schema":"gneiss.sessions/1"'; }
check "show --json" tree_json
html() { code 0 "$gneiss" sessions export "Oslo trip" -o html && grep -q '&lt;b&gt;bold' out && ! grep -qi '<script\|<b>bold' out && hidden out; }
check "html: what a message says is no markup" html
forms() { for f in md txt; do code 0 "$gneiss" sessions export "Oslo trip" -o $f && grep -q 'B1 ferry' out && hidden out || return 1; done; }
check "md and txt" forms
bad_form() { code 2 "$gneiss" sessions export "Oslo trip" -o pdf && grep -q html err; }
check "an unknown form: exit 2 and the known ones" bad_form
round() {
    "$gneiss" sessions export "Oslo trip" -o json >one.json && code 0 "$gneiss" sessions import one.json --db other.db &&
        "$gneiss" sessions export -1 -o json --db other.db | cmp - one.json
}
check "json comes back as it went" round
changed() { sed 's/"ids":\[\([0-9]*\)/"ids":[1\1/' one.json >two.json && code 3 "$gneiss" sessions import two.json --db third.db && grep -q hash err; }
check "a changed export is refused" changed
foreign() { "$gneiss" sessions export "Oslo trip" -o json | python3 -c 'import json, sys; m = json.load(sys.stdin)["messages"]; assert [x["role"] for x in m] == ["system", "user", "assistant"], m' 2>/dev/null || ! command -v python3; }
check "other programs find {\"messages\": ...} in it" foreign
renamed() { code 0 "$gneiss" sessions rename "Oslo trip" two days && says B1 "$gneiss" sessions show "two days" && code 2 "$gneiss" sessions rename -1 -3; }
check "rename: words need no quotes, -3 is no name" renamed
ambiguous() { code 2 "$gneiss" sessions show "$(ids | head -n 1 | cut -c 1-4)" && grep -q 'fits 2' err; }
check "a prefix that fits two is an error that lists them" ambiguous
unknown() { code 3 "$gneiss" sessions show nobody && grep -q nobody err && code 2 "$gneiss" sessions shwo && grep -q show err; }
check "what is not there is named" unknown
away() {
    code 0 "$gneiss" sessions archive "two days" && same 1 "$(count)" && same 2 "$(count --archived)" &&
        code 0 "$gneiss" sessions archive "two days" --undo && same 2 "$(count)"
}
check "archive leaves it out of the list, and --undo brings it back" away
removed() {
    code 0 "$gneiss" sessions rm "two days" && same 1 "$(count)" && code 1 "$gneiss" sessions -q ferry &&
        same 0 "$("$gneiss" db --chats "SELECT count(*) AS n FROM message WHERE content LIKE '%ferry%'" --json | key n)"
}
check "rm deletes its messages, and they are found no more" removed
gone() { [ -s "$XDG_DATA_HOME/gneiss/chats.db" ] && ! grep -aqi 'ferry\|hovedoya' "$XDG_DATA_HOME"/gneiss/chats.db*; }
check "and nothing of them is left in the file" gone
readonly_db() { code 2 "$gneiss" sessions rm -1 --readonly && same 1 "$(count)"; }
check "--readonly writes nothing" readonly_db
readonly_folder() {
    mkdir -p 'ro%?' && "$gneiss" sessions rename -1 x && cp "$XDG_DATA_HOME/gneiss/chats.db" 'ro%?/c.db' && chmod 555 'ro%?' && chmod 755 . && chmod 444 'ro%?/c.db' || return 1
    if [ "$(id -u)" = 0 ]; then # whom no folder refuses; others may not come to where the program is
        cp "$gneiss" g && code 0 setpriv --reuid=65534 --clear-groups ./g sessions --db "$PWD/ro%?/c.db" && [ "$(wc -l <out)" = 1 ]
    else
        code 0 "$gneiss" sessions --db "$PWD/ro%?/c.db" && [ "$(wc -l <out)" = 1 ]
    fi
}
check "a database in a folder that cannot be written is read" readonly_folder
garbage() {
    printf '{"messages": 7}' >bad.json && code 3 "$gneiss" sessions import bad.json -m "$m" && head -c 3000 /dev/urandom >noise.json &&
        code 3 "$gneiss" sessions import noise.json -m "$m" && printf '[{"role":"user","content":"x"},{"from":"?","value":1}]' >odd.json &&
        code 3 "$gneiss" sessions import odd.json -m "$m" && grep -q 'message 2' err && code 3 "$gneiss" sessions import nowhere.json && same 1 "$(count)"
}
check "what is no conversation is refused and says where" garbage
lines() {
    printf '%s\n' '{"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"1"}]}' '{"conversations":[{"from":"human","value":"two"},{"from":"gpt","value":"2"}]}' >lines.jsonl
    code 0 "$gneiss" sessions import lines.jsonl -m "$m" && grep -q '2 new' err
}
check "JSON Lines, a conversation each" lines
llama() {
    cat >web.json <<'J'
{"conv": {"id": "c1", "name": "web", "lastModified": 1764000000000, "currNode": "m2"}, "messages": [
 {"id": "m2", "convId": "c1", "type": "text", "timestamp": 1764000002000, "role": "assistant", "content": "left", "parent": "m1", "children": []},
 {"id": "r", "convId": "c1", "type": "root", "timestamp": 1764000000000, "role": "system", "content": "", "parent": null, "children": ["m1"]},
 {"id": "m1", "convId": "c1", "type": "text", "timestamp": 1764000001000, "role": "user", "content": "which way?", "parent": "r", "children": ["m2", "m3"]},
 {"id": "m3", "convId": "c1", "type": "text", "timestamp": 1764000003000, "role": "assistant", "content": "right", "parent": "m1", "children": []}]}
J
    code 0 "$gneiss" sessions import web.json -m "$m" && code 0 "$gneiss" sessions show web --tree && grep -q '|-2  *model  left  \[HEAD\]' out && grep -q "\`-2' *model  right" out
}
check "llama.cpp's web interface: a tree, in any order, with its head" llama
circle() { sed 's/"parent": "r"/"parent": "m2"/' web.json >circle.json && code 3 "$gneiss" sessions import circle.json -m "$m" && grep -q circle err; }
check "messages that go round in a circle are refused" circle
logs() {
    for f in old new; do
        [ -f "$root/tests/oracle/llm/$f.db" ] || return 1
        code 0 "$gneiss" sessions import "$root/tests/oracle/llm/$f.db" -m "$m" && grep -q '2 new' err && code 0 "$gneiss" sessions show "first question $f" || return 1
    done
    grep -q 'answer to second' out && code 0 "$gneiss" sessions -q "fragment" && [ "$(wc -l <out)" = 4 ]
}
check "llm's logs.db, the old layout and the new" logs
completed() {
    local -a COMP_WORDS=(gneiss sessions show "")
    local COMP_CWORD=3 PATH=$(dirname "$gneiss"):$PATH COMPREPLY=()
    eval "$("$gneiss" completion bash)" && _gneiss && same "$(ids | sort)" "$(printf '%s\n' "${COMPREPLY[@]}" | sort)"
}
check "bash completes the sessions that are there" completed
helped() { says rename "$gneiss" sessions --help && ! "$gneiss" sessions --help | grep -q -- '-q/--quiet'; }
check "--help tells its words, and that -q is its own" helped
close
