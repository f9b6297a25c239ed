# lib.sh - for the scripts beside it: commands as a user types them, and what they must say.
#
#   check NAME COMMAND...   one test: passes when the command (a function, often) succeeds
#   same WANT GOT           are the two texts equal? Shows them if not
#   says TEXT COMMAND...    does the command print TEXT, on stdout or stderr?
#   code N COMMAND...       does it exit with N?
#   close                   the closing line
set -u
gneiss=$(readlink -f "${1:-}")
[ -x "$gneiss" ] || { echo "usage: $0 GNEISS"; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
models=$root/tests/oracle/models
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/data XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache
unset $(env | sed -n 's/^\(GNEISS_[A-Z0-9_]*\)=.*/\1/p') NO_COLOR 2>/dev/null
cd "$work" || exit 2
passed=0 failed=0

check() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        sed 's/^/  /' "$work/log" | head -n 30
    fi
}
same() { [ "$1" = "$2" ] || { printf 'want: %s\ngot:  %s\n' "$1" "$2"; return 1; }; }
says() {
    local text=$1 out
    shift
    out=$("$@" 2>&1)
    case $out in *"$text"*) return 0 ;; esac
    printf 'want "%s" in: %s\n' "$text" "$out"
    return 1
}
code() {
    local want=$1 got
    shift
    "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" = "$want" ] || { echo "want exit $want, got $got: $(tail -n 3 "$work/err")"; return 1; }
}
# The one value of KEY in the last JSON line on standard input; numbers, words and [lists] alone.
key() { tail -n 1 | grep -oE "\"$1\":(\"[^\"]*\"|\[[^]]*\]|[^,}]*)" | head -n 1 | cut -d: -f2-; }
close() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
