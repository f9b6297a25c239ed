#!/usr/bin/env bash
# chat in a real terminal, with real keys (tmux): what a person can do to it, and a model say to it.
. "$(dirname "$0")/lib.sh"
command -v tmux >/dev/null || { echo "skip: no tmux"; exit 0; }
export LC_ALL=C.UTF-8 INPUTRC=/dev/null
n=0
trap 't kill-server 2>/dev/null; chmod -R u+w "$work"; rm -rf "$work"' EXIT

# A model whose every token is something a terminal could take amiss: what it says is a mixture of them.
mkdir model
cp "$models"/hybrid_moe/config.json "$models"/hybrid_moe/model.safetensors model/
python3 - <<'PY'
import json
nasty = ["\x1b[2J", "\x1b[31m", "\x1b]0;title\x07", "\r", "\x08\x08", "\t", "\n", "שלום", "مرحبا", "\u202e", "世界", "한글",
         "e\u0301", "🙂", "👩\u200d💻", "🇳🇴", "\u0300", "\x7f", "\x9b2J", "**", "`", "| a | b |\n", "\n```\n", "# ", "word ", "xyz"]
added = ["<|start|>", "<|role|>", "<|end|>"]
# Byte-level BPE without merges: the 94 first ids are bytes' letters, so that any prompt can be read;
# what is nasty stands in added tokens, which the model says as often as the others.
def letter(b):
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    return chr(b) if b in keep else chr(256 + [x for x in range(256) if x not in keep].index(b))
vocab, rows = {}, []
for b in [10] + list(range(32, 60)) + list(range(97, 123)):
    vocab[letter(b)] = len(vocab)
n = len(vocab)
for i, text in enumerate(nasty + added):
    rows.append({"id": n + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
                 "normalized": False, "special": text in added})
size = json.load(open("model/config.json"))
for i in range(n + len(rows), size["vocab_size"]):
    rows.append({"id": i, "content": "word%d " % i, "single_word": False, "lstrip": False, "rstrip": False,
                 "normalized": False, "special": False})
size["max_position_embeddings"] = 1000000
json.dump(size, open("model/config.json", "w"))
json.dump({"version": "1.0", "added_tokens": rows, "normalizer": None,
           "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
           "post_processor": None, "decoder": {"type": "ByteLevel"},
           "model": {"type": "BPE", "dropout": None, "unk_token": None, "ignore_merges": False, "vocab": vocab,
                     "merges": []}}, open("model/tokenizer.json", "w"))
open("model/chat_template.jinja", "w").write(
    "{% if documents or tools %}<|start|>{{ documents | length }} {{ (tools or []) | length }}<|end|>\n{% endif %}"
    "{% for m in messages %}<|start|>{{ m.role }}<|role|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|role|>{% endif %}")
PY

t() { tmux -S "$work/tmux$n" -f /dev/null "$@"; }
# start COLUMNS ROWS WORD...: gneiss chat in a terminal of that size, under a shell.
start() {
    local cols=$1 rows=$2
    shift 2
    t kill-server 2>/dev/null
    n=$((n + 1))
    t new-session -d -x "$cols" -y "$rows" "PS1='shell> ' bash --norc --noprofile -i"
    keys "$* '$gneiss' chat model --temp 1 --seed 3 --threads 1 ${options:-}" Enter
}
keys() { for key in "$@"; do t send-keys -- "$key"; sleep 0.1; done; }
text() {
    local i c
    for ((i = 0; i < ${#1}; i++)); do
        c=${1:i:1}
        [ "$c" = ";" ] && c="\\;" # alone it would part two commands of tmux
        t send-keys -l -- "$c"
        sleep 0.04
    done
}
screen() { t capture-pane -p "$@"; }
# Wait until the screen has the text; 20 seconds ($patience tenths) are never.
see() {
    for _ in $(seq "${patience:-200}"); do
        screen | grep -qF -- "$1" && return 0
        sleep 0.1
    done
    printf 'never saw "%s":\n' "$1"
    screen | grep -v '^$'
    return 1
}
# The frame stands: the title is above, the status below, each of full width and in its place.
framed() {
    local all rows
    all=$(screen)
    rows=$(t display-message -p '#{pane_height}')
    [ "$(screen | wc -l)" = "$rows" ] && head -n 1 <<<"$all" | grep -q '^ model' &&
        screen | tail -n 1 | grep -qE '^ (write|read) \|' || { echo "the frame is broken:"; echo "$all"; return 1; }
}
raw() { # bytes as printf writes them, unchanged into the terminal
    printf "$1" >bytes
    t load-buffer -b raw bytes
    t paste-buffer -b raw -r -d
}

opens() { start 80 24 && see "Write a message" && framed; }
check "a chat opens in a terminal" opens
[ "$failed" = 0 ] || { close; exit 1; }

hostile() {
    options="-n 400" start 80 24 && see "Write a message" && text "go" && keys Enter && see "t/s, reused" && framed &&
    keys Escape g && framed && screen | grep -q '\^\[' && keys G &&
    [ "$(t display-message -p '#{pane_title}')" != title ]
}
check "a reply of ESC sequences, controls, right-to-left, wide and combining letters harms nothing" hostile

markdown_raw() { keys m && framed && see "as it was written" && framed && keys m && framed; }
check "... shown raw, too" markdown_raw

resized() {
    options="--bias 3=-100" start 80 24 && see "Write a message" && text "go on" && keys Enter && see "Esc stops" || return 1
    for size in "60 12" "120 40" "20 5" "41 11" "80 24"; do
        t resize-window -x "${size% *}" -y "${size#* }"
        sleep 0.4
    done
    framed && see "Esc stops" && keys Escape && see "[stopped" && framed
}
check "the terminal changes its size while a reply comes" resized

suspended() {
    start 80 24 && see "Write a message" && text "before" && keys C-z && see "Stopped" && text "echo in the shell" && keys Enter && see "in the shell" &&
    text "fg" && keys Enter && see "> before" && framed && text " after" && see "> before after" && keys C-c && framed
}
check "Ctrl+Z goes to the shell, fg comes back to the same line" suspended

pasted() {
    for i in $(seq 500); do echo "line $i of what is pasted"; done >lines
    start 80 24 && see "Write a message" || return 1
    t load-buffer lines
    t paste-buffer -p
    see "[paste 1: 500 lines, " && framed && see "tokens]" && ! screen | grep -q "you" && text " so?" && see "tokens] so?"
}
check "500 lines pasted are one mark with its tokens, and send nothing" pasted

burst() {
    start 80 24 && see "Write a message" || return 1
    t load-buffer lines
    t paste-buffer # as a terminal without bracketed paste sends it: 500 times Enter
    see "line 500 of what is pasted" && framed && ! screen | grep -q "you"
}
check "... without the marks of a paste, too" burst

cut_emoji() {
    start 80 24 && see "Write a message" || return 1
    raw '\360\237' && sleep 0.3 && raw '\033' && sleep 0.3 && raw '\231\202' && sleep 0.3
    see ' read |' && framed && keys i && text "ok" && see "ok" && framed && keys C-u && raw '\360\237\231\202' && see "🙂"
}
check "Esc in the middle of an emoji is Esc" cut_emoji

scrolled() {
    seq 10000 >many
    options="-n 3" start 80 24 && see "Write a message" || return 1
    t load-buffer many
    t paste-buffer -p
    see "10000 lines" && keys Enter && patience=3000 see "t/s, reused" && keys Escape g && see " 1 you     1" && framed &&
    keys Space Space && see "           40" && keys / && text "7777" && keys Enter && see "           7777" && framed && keys G && see "t/s, reused" && framed
}
check "10000 lines are scrolled and searched" scrolled

killed() {
    start 80 24 && see "Write a message" && keys C-d && see "shell>" && text "stty -a" && keys Enter && see " echo " && ! screen | grep -q -- "-icanon"
}
check "the terminal is left as it was" killed

typing_errors() {
    mkdir -p "$XDG_CONFIG_HOME/gneiss" && printf 'temp = warm\nmin_p = .1\n' >"$XDG_CONFIG_HOME/gneiss/settings" &&
    printf 'bind raed x undo\nbind read D /set\n' >"$XDG_CONFIG_HOME/gneiss/keys" &&
    start 80 24 && see "settings:1: temp: 'warm' is no number" && see "keys:1: there is no view 'raed'" && see "The rest holds" &&
    text "/set min-p" && keys Enter && see "min-p = .1" && keys Escape D && see "min-p = .1" && keys q && framed &&
    keys i C-d && see "gneiss: left out: " && code 2 "$gneiss" tokenize model x && grep -q "settings:1:" err && rm "$XDG_CONFIG_HOME/gneiss/settings" &&
    code 2 "$gneiss" keys && grep -q "keys:1:" err
    local ok=$?
    rm -rf "$XDG_CONFIG_HOME/gneiss"
    return $ok
}
check "wrong settings and keys are told, and the chat starts with the rest; other commands end with 2" typing_errors

shell_output() {
    start 80 24 && see "Write a message" && text '/read !echo one; echo two' && keys Enter && see "[output 1: echo one; echo two, 2 lines, " && framed
}
check "/read !COMMAND runs what was typed and comes back" shell_output

model() {
    cp -r model other && sed -i 's/"xyz"/"abc"/' other/tokenizer.json && printf x | dd of=other/model.safetensors bs=1 seek=$(($(stat -c %s other/model.safetensors) - 2)) conv=notrunc 2>/dev/null && mkdir -p broken && cp model/config.json broken/ && cp -r model same &&
    options="-n 5" start 80 24 && see "Write a message" && text "one" && keys Enter && see "t/s, reused 0" &&
    text "/model same" && keys Enter && see "the same checkpoint by another name: its states hold" && text "two" && keys Enter && see " 4 model" && see "t/s, reused 27" &&
    text "/model other" && keys Enter && see "tokens are read anew" && text "three" && keys Enter && see " 6 model" && see "reused 0 read" &&
    text "/model broken" && keys Enter && see "the former model is opened again" && text "four" && keys Enter && see " 8 model" && see "t/s, reused"
}
check "/model goes on with another checkpoint, and back when it is broken" model

fragment() {
    echo "what all of them begin with" >notes.txt
    options="-n 3" start 80 24 && see "Write a message" && text "/fragment notes notes.txt" && keys Enter && see "the fragment: reused 0 tokens, read " &&
    text "one" && keys Enter && see " 3 model" && see "t/s, reused" || return 1
    keys C-d && see "shell>" || return 1
    options="-n 3" start 80 24 && see "Write a message" && text "/fragment notes" && keys Enter && see ", read 0" && text "two" && keys Enter && see " 3 model" && see "t/s, reused" && ! screen | grep -q "t/s, reused 0" && framed
}
check "a fragment is read once, and never again" fragment

led() {
    printf 'the ferry leaves at ten\nit takes five minutes\n' >ferry.txt && echo '[{"name": "weather"}]' >tools.json
    options="-n 3" start 80 24 && see "Write a message" && text "/doc ferry.txt" && keys Enter && see "document ferry.txt: " &&
    text "/tools tools.json" && keys Enter && see "1 tool (weather): " && text "when" && keys Enter && see " 2 model" && see "t/s, reused" || return 1
    keys C-d && see "shell>" || return 1
    options="-n 3 -c" start 80 24 && see " 2 model" && see " D doc     ferry.txt" && see ' T tools   {"name":"weather"}' &&
    text "and back" && keys Enter && see " 4 model" && see "t/s, reused" && ! screen | grep " 4 model" -A 3 | grep -q "reused 0" && framed
}
check "documents and tools are there when the conversation goes on, and are not read again" led

plain() { start 80 24 LC_ALL=C && see "Write a message" && framed && ! screen | LC_ALL=C grep -q '[^ -~]' && screen | grep -q -- '----------'; }
check "the C locale has ASCII alone" plain

readonly_() {
    export XDG_DATA_HOME="$work/untouched"
    options="-n 3 --readonly" start 80 24 && see "Write a message" && text "one" && keys Enter && see " 2 model" && see "private" && keys C-d && see "shell>" &&
    [ ! -e "$XDG_DATA_HOME" ] && options="-n 3 --readonly -c" start 80 24 && see "--readonly writes no database"
    local rc=$?
    unset XDG_DATA_HOME
    return $rc
}
check "--readonly writes no database" readonly_

dumb() { start 80 24 TERM=dumb && see "TERM is dumb; use: gneiss run" && see "shell>"; }
check "TERM=dumb: the command to use instead" dumb
no_terminal() { code 2 "$gneiss" chat model && grep -q "standard input is no terminal" err; }
check "no terminal: exit 2, and the command to use instead" no_terminal
close
