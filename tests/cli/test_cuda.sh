#!/usr/bin/env bash
# test_cuda.sh - --backend as a user types it, and the first-light script, on the emulated GPU.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$gneiss")
module=$build/libgneiss-cuda-emu.so
model=$models/hybrid_moe
[ -f "$module" ] || { echo "no emulated module (no C++ compiler): nothing to test"; close; exit; }
unset CUDA_VISIBLE_DEVICES LIBGNEISS_CUDA EMULATED_GPU
gpu() { # gpu SETUP COMMAND...
    local setup=$1
    shift
    LIBGNEISS_CUDA=$module EMULATED_GPU=$setup "$@"
}
roomy=memory=4194304
one() { "$gneiss" run -m "$model" --ids 5,6,7,8,9,10 -n 8 --greedy --ignore-eos "$@"; }

cpu_and_gpu_write_the_same() {
    local a b
    a=$(one --backend cpu --numerics exact --json | grep -o '"ids":\[[0-9,]*\]') || return 1
    b=$(gpu $roomy one --backend cuda --json | grep -o '"ids":\[[0-9,]*\]') || return 1
    [ -n "$a" ] && same "$a" "$b"
}
auto_takes_the_gpu() { says "Emulated GPU" gpu $roomy one -v; }
auto_says_why_not() { says "no GPU: there is an NVIDIA driver but no GPU on this machine" gpu devices=0 one -v; }
auto_still_answers() { gpu devices=0 one; }
info_says_why_not() { says "the model needs" gpu memory=1000 "$gneiss" info "$model"; }
without_one_it_is_an_error() {
    says "there is no NVIDIA driver" gpu driver=0 one --backend cuda && ! gpu driver=0 one --backend cuda 2>/dev/null
}
one_line_of_error() { same 1 "$(gpu driver=12040 one --backend cuda 2>&1 >/dev/null | wc -l)"; }
no_module_no_harm() { says "no NVIDIA driver" env LIBGNEISS_CUDA= "$gneiss" info "$model" || says "without CUDA" "$gneiss" info "$model"; }
a_lost_gpu_is_told() {
    says "the GPU failed: an illegal memory access" gpu $roomy,lose=200 one --backend cuda &&
        ! gpu $roomy,lose=200 one --backend cuda 2>/dev/null
}
states_cross() {
    gpu $roomy one --backend cuda --save-state s.state >/dev/null &&
        "$gneiss" run -m "$model" --backend cpu --state s.state --ids 3,4 -n 2 --ignore-eos
}
check "the CPU and the GPU write the same" cpu_and_gpu_write_the_same
check "auto takes the GPU" auto_takes_the_gpu
check "auto says why not, with -v" auto_says_why_not
check "auto answers without a GPU" auto_still_answers
check "info says why not" info_says_why_not
check "--backend cuda without a GPU is an error" without_one_it_is_an_error
check "an old driver is one line" one_line_of_error
check "without a module nothing is lost" no_module_no_harm
check "a GPU that is lost is told" a_lost_gpu_is_told
check "a state saved by the GPU goes on with the CPU" states_cross

first_light() { FIRST_LIGHT_BUILD=$build FIRST_LIGHT=$work/light.txt "$root/tests/gpu/first-light" --emulated "$@"; }
first_light_passes() {
    EMULATED_GPU=$roomy first_light "$model" || return 1
    for part in "ok   test ops" "ok   test engine" "ok   run two layers" "ok   bench" "empty kernel, a node" "0 failed"; do
        grep -q "$part" light.txt || { echo "no '$part'"; return 1; }
    done
}
first_light_counts_what_fails() {
    ! EMULATED_GPU=lose=3 first_light >/dev/null 2>&1 && grep -q "^FAIL bench" light.txt && grep -q "^ok   test ops" light.txt &&
        tail -n 1 light.txt | grep -Eq '^[0-9]+ passed, [1-9][0-9]* failed'
}
first_light_keeps_to_its_time() {
    EMULATED_GPU=$roomy FIRST_LIGHT_SECONDS=0 first_light "$model" >/dev/null
    grep -q "^skip bench: no time is left" light.txt && tail -n 1 light.txt | grep -q '^0 passed, 0 failed'
}
first_light_killed_has_its_last_line() {
    rm -f light.txt
    EMULATED_GPU=$roomy FIRST_LIGHT_BUILD=$build FIRST_LIGHT=$work/light.txt "$root/tests/gpu/first-light" --emulated >/dev/null &
    local pid=$!
    for _ in $(seq 100); do
        grep -q "^emulated" light.txt 2>/dev/null && break
        sleep 0.1
    done
    kill -TERM $pid
    wait $pid
    same 1 $? && grep -q "^ended by a signal" light.txt && tail -n 1 light.txt | grep -Eq '^[0-9]+ passed, [1-9][0-9]* failed'
}
first_light_says_which_goals_were_reached() {
    cat >goals.txt <<'EOF'
| model | test | threads | median | 10 .. 90 % | of roof | ratio | kept |
| h350m-Q8_0 | pp512 | 1 | 300000.00 t/s | 1 .. 2 | |  | 3/3 |
| h350m-Q8_0 | pp2048 | 1 | 250000.00 t/s | 1 .. 2 | |  | 3/3 |
| h350m-Q8_0 | tg128 | 1 | 2499.90 t/s | 1 .. 2 | |  | 3/3 |
| htiny-Q8_0 | tg128 | 1 | 9000.00 t/s | 1 .. 2 | |  | 3/3 |
| h350m-Q8_0 | tg32b64 | 1 | 41000.00 t/s | 1 .. 2 | |  | 3/3 |
EOF
    "$root/tests/gpu/first-light" --goals "$work/goals.txt" >said.txt || return 1
    same 4 "$(wc -l <said.txt)" && grep -q "^goal reached: .*, pp2048, 250000 of 250000" said.txt &&
        grep -q "^goal missed: .*, tg128, 2499.9 of 2500" said.txt && grep -q "^goal reached: .*, tg32b64, 41000 of 40000" said.txt &&
        grep -q "^goal not measured: tiny mixture in Q4_K_M, written, tg128, none of 1100" said.txt
}
check "first light says which goals were reached" first_light_says_which_goals_were_reached
if [ -x "$build/gpu_bench_emu" ] && [ -x "$build/test_cuda_engine" ]; then
    check "first light passes and leaves every measurement" first_light_passes
    check "first light counts what fails and goes on" first_light_counts_what_fails
    check "first light keeps to its time" first_light_keeps_to_its_time
    check "first light, killed, has its last line" first_light_killed_has_its_last_line
fi
close
