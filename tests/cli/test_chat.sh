#!/usr/bin/env bash
# chat: which conversation, which model, and what is refused before the screen opens.
. "$(dirname "$0")/lib.sh"
command -v script >/dev/null || { echo "skip: no script(1)"; exit 0; }
export TERM=xterm

# On a terminal of its own; exit status as the command's.
tty() { script -qec "$(printf '%q ' "$@")" /dev/null; }
untouched() { [ ! -e "$work/data/gneiss/chats.db" ]; }
check "without a terminal it says which command to use instead" code 2 "$gneiss" chat "$models/hybrid_moe"
check "and leaves no database behind" untouched
check "-c without a conversation is said to be that" says "there is no session yet" tty "$gneiss" chat -c
check "and fails" code 3 tty "$gneiss" chat -c
check "an unknown session is not found" code 3 tty "$gneiss" chat --session Bergen
check "two ways to name a conversation are one too many" code 2 tty "$gneiss" chat -c --session x
check "a conversation keeps its system prompt" says "/system changes it" tty "$gneiss" chat -c -s "be kind"
check "--fork wants a number after the @" code 2 tty "$gneiss" chat --fork x@y
check "one model is enough" code 2 tty "$gneiss" chat "$models/hybrid_moe" "$models/granite"

# A database that cannot be used is no reason to lose a conversation without a word.
mkdir -p "$work/file" && echo x >"$work/file/data"
broken() { XDG_DATA_HOME=$work/file/data says "--private keeps nothing" tty "$gneiss" chat "$models/hybrid_moe"; }
check "where nothing can be kept, it says so and what to do" broken
newer() {
    "$gneiss" sessions >/dev/null
    tty "$gneiss" chat --session none >/dev/null
    printf '\x00\x00\x00\x63' | dd of="$work/data/gneiss/chats.db" bs=1 seek=60 conv=notrunc 2>/dev/null
    says "newer gneiss" tty "$gneiss" chat "$models/hybrid_moe"
}
check "a database of a newer gneiss is left alone" newer
close
