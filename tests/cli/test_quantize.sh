#!/usr/bin/env bash
# quantize: one step from a folder or a GGUF, whole or not at all.
. "$(dirname "$0")/lib.sh"
m=$models/hybrid_dense

plain() { code 0 "$gneiss" quantize "$m" a.gguf --type q8_0 && grep -q 'a.gguf' out && code 0 "$gneiss" run a.gguf --ids 1 -n 3 --json; }
check "a folder becomes a GGUF that runs" plain
json() { code 0 "$gneiss" quantize "$m" b.gguf --type F32 --json && grep -qE '^\{"schema":"gneiss.quantize/1","in":".*","out":"b.gguf","type":"(f32|F32)","bytes_in":[0-9]+,"bytes_out":[0-9]+,"tensors":\{"f32":[0-9]+\},"seconds":[0-9.e-]+,"report":null\}$' out && same "$(stat -c %s b.gguf)" "$(key bytes_out <out)"; }
check "--json: the keys it promises" json
again() { code 0 "$gneiss" quantize b.gguf c.gguf --type f32 && "$gneiss" quantize b.gguf d.gguf --type f32 --threads 1 -q && cmp c.gguf d.gguf && same "$("$gneiss" score b.gguf --ids '1 2 3 4' --json | key logprob)" "$("$gneiss" score c.gguf --ids '1 2 3 4' --json | key logprob)"; }
check "a GGUF copied keeps its logits; threads change nothing" again
twice() { code 0 "$gneiss" quantize a.gguf e.gguf --type q4_0 && grep -q 'already' err && code 0 "$gneiss" quantize a.gguf e.gguf --type q4_0 -q && [ ! -s err ]; }
check "quantising twice is told on stderr, not with -q" twice
no_type() { code 2 "$gneiss" quantize "$m" f.gguf && code 2 "$gneiss" quantize "$m" f.gguf --type q9 && grep -q q4_k_m err && [ ! -e f.gguf ]; }
check "no type, and one that is none: exit 2 and the list" no_type
bad_out() { code 2 "$gneiss" quantize "$m" f.bin --type q8_0 && code 2 "$gneiss" quantize a.gguf a.gguf --type q8_0 && code 3 "$gneiss" quantize "$m" /nowhere/f.gguf --type q8_0 && grep -q /nowhere err; }
check "an OUT that is no .gguf, is IN, or cannot be" bad_out
no_in() { code 3 "$gneiss" quantize /nowhere f.gguf --type q8_0 && grep -q /nowhere err; }
check "an IN that is not there: exit 3" no_in
refused() { code 3 "$gneiss" quantize "$models/hybrid_mamba" f.gguf --type q8_0 && grep -q time_step_limit err && [ -z "$(ls | grep '^f\.gguf')" ]; }
check "what a GGUF cannot say is named" refused
report() { echo text >text && code 3 "$gneiss" quantize "$m" g.gguf --type q8_0 --report text && grep -q tokenizer err && code 3 "$gneiss" quantize "$m" h.gguf --type q8_0 --report /nowhere && [ ! -e h.gguf ]; }
check "--report wants a tokenizer and a text" report
progress() { code 0 "$gneiss" quantize "$m" j.gguf --type q8_0 --progress lines && grep -q '100 %' err; }
check "--progress lines" progress
close
