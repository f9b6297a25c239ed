#!/usr/bin/env bash
# Exit codes, one clear sentence for bad input, the product on stdout and nothing else there.
. "$(dirname "$0")/lib.sh"
m=$models/hybrid_dense

no_model() { code 3 "$gneiss" run /nowhere --ids 1 && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -q /nowhere err; }
check "a model that is not there: exit 3, one line, its name" no_model
unknown_flag() { code 2 "$gneiss" run "$m" --tmep 1 --ids 1 && grep -q -- '--temp' err; }
check "an unknown flag: exit 2 and the nearest one" unknown_flag
unknown_command() { code 2 "$gneiss" rnu && grep -q 'run' err; }
check "an unknown command: exit 2 and the nearest one" unknown_command
json_error() { code 3 "$gneiss" run /nowhere --json --ids 1 && grep -q '"schema":"gneiss.error/1"' out && grep -q '"code":"io"' out && [ "$(wc -l <out)" = 1 ]; }
check "--json: the error is an object on stdout" json_error
bad_id() { code 2 "$gneiss" run "$m" --ids "1 x" && grep -q "'x' is no token id" err; }
check "an id that is none is named" bad_id
outside() { code 2 "$gneiss" run "$m" --ids "1 99999" && grep -q 99999 err; }
check "an id outside the vocabulary is named" outside
too_long() { code 3 "$gneiss" run "$m" --ctx 4 --ids "1 2 3 4 5" && grep -q 'context of 4' err && [ ! -s out ]; }
check "a prompt longer than the context: exit 3 before anything is read" too_long
bad_value() { code 2 "$gneiss" run "$m" --temp warm --ids 1 && grep -q warm err; }
check "a value that does not fit is named" bad_value
version() { "$gneiss" --version | grep -qE '^gneiss [0-9]+\.[0-9]+\.[0-9]+' && "$gneiss" --version --json | grep -q '"version"'; }
check "--version" version
help_fits() { for c in run score tokenize info chat; do [ "$("$gneiss" "$c" --help | wc -l)" -le 60 ] || return 1; done; }
check "--help of every command is short" help_fits
pipe() { "$gneiss" info "$m" --tensors | head -n 1 >/dev/null; [ "${PIPESTATUS[0]}" = 0 ] || [ "${PIPESTATUS[0]}" = 141 ]; }
check "a closed pipe is silent" pipe
full() { code 3 sh -c "'$gneiss' run '$m' --ids '1 2' -n 3 --json >/dev/full" && grep -q 'No space left' err; }
check "a full disk is an error that says so" full
broken_config() { cp -rL "$m" broken && printf '{"model_type":"granitemoehybrid","hidden_size":NaN}' >broken/config.json && code 3 "$gneiss" info broken && grep -q hidden_size err; }
check "NaN in config.json names the key" broken_config
truncated() { cp -rL "$m" cut && head -c 1000 "$m/model.safetensors" >cut/model.safetensors && code 3 "$gneiss" info cut; }
check "a truncated checkpoint: exit 3" truncated
empty() { mkdir -p none && : >none/model.safetensors && cp "$m/config.json" none && code 3 "$gneiss" info none; }
check "an empty checkpoint: exit 3" empty
gguf_cut() { head -c 3000 "$m/model.gguf" >cut.gguf && code 3 "$gneiss" info cut.gguf && : >zero.gguf && code 3 "$gneiss" info zero.gguf; }
check "a truncated and an empty GGUF: exit 3" gguf_cut
dumb() { code 2 env TERM=dumb "$gneiss" chat "$m" && grep -q 'gneiss run' err; }
check "chat without a terminal: exit 2 and the run line to use" dumb
no_home() { code 0 env -u HOME -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u XDG_DATA_HOME -u XDG_STATE_HOME "$gneiss" run "$m" --ids 1 -n 2 --json; }
check "without a home folder it still answers" no_home
close
