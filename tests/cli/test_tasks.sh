#!/usr/bin/env bash
# gneiss tasks: list, show, validate, as a user types them.
. "$(dirname "$0")/lib.sh" "$@"
eval=$root/tests/oracle/eval

mkdir tasks
cat > tasks/mine.yaml <<'EOF'
task: mine
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{q}}?"
doc_to_target: a
EOF
echo '{"q":"What","a":"that"}' > tasks/rows.jsonl
printf 'task: broken\ndoc_to_txt: x\nprocess_docs: !function utils.f\n' > tasks/broken.yaml

check 'the built-in suite is listed' says 'offline_arithmetic' "$gneiss" tasks
check 'a pattern chooses' same 2 "$("$gneiss" tasks list 'arc_*' | grep -c .)"
check 'each built-in name runs' same 0 "$("$gneiss" tasks list --json | grep -c '"runs":false')"
check 'mmlu has 57 subjects' same 57 "$("$gneiss" tasks list 'mmlu_*' --json | grep '"kind":"task"' | grep -vc mmlu_pro_)"
check 'mmlu_* is every name that fits, as in lm-eval: mmlu_pro too' says '"mmlu_pro"' "$gneiss" tasks list 'mmlu_*' --json
check 'mmlu_pro has 14' same 14 "$("$gneiss" tasks list 'mmlu_pro_*' --json | grep -c '"kind":"task"')"
check 'a folder adds its tasks' says '"task":"mine"' "$gneiss" tasks list --include tasks --json mine
check 'and says why one cannot run' says 'cannot run: tasks/broken.yaml:2: doc_to_txt: no such key; did you mean doc_to_text?' \
    "$gneiss" tasks list --include tasks
check 'a file is shown as it is' same "$(cat "$root/eval/tasks/piqa.yaml")" "$("$gneiss" tasks show piqa)"
check 'validate passes a good file' says 'tasks/mine.yaml: 1 task can run' "$gneiss" tasks validate tasks/mine.yaml
check 'validate exits 3 for another' code 3 "$gneiss" tasks validate tasks/mine.yaml tasks/broken.yaml
check 'and names the code' says 'tasks/broken.yaml:3: process_docs: !function utils.f is Python' "$gneiss" tasks validate tasks/broken.yaml
check 'a prompt is shown' says 'What?' "$gneiss" tasks show tasks/mine.yaml --prompt 0
check 'as JSON, too, the document as it was written' says '"doc":{"q":"What","a":"that"},"requests":[{"context":"What?","continuation":""}]' \
    "$gneiss" tasks show mine --include tasks --prompt 0 --json
check 'ids need a model' says 'need a model' "$gneiss" tasks show mine --include tasks --prompt 0 --tokens
check 'and one with a tokenizer' says 'has no tokenizer' "$gneiss" tasks show offline_spelling --prompt 0 --tokens -m "$models/hybrid_mamba"
check 'document 1 of 1 is none' says 'document 1 of 1' "$gneiss" tasks show mine --include tasks --prompt 1
check 'shots are those asked for' same 2 "$("$gneiss" tasks show offline_arithmetic --prompt 0 --shots 1 | grep -c Question)"
check 'data are looked for where --data says' says 'Question: ' "$gneiss" tasks show arc_easy --prompt 0 --data "$eval/data"
check 'what makes them is said otherwise' says 'tools/fetch-data allenai/ai2_arc ARC-Easy' "$gneiss" tasks show arc_easy --prompt 0
check 'two tasks are compared' says 'dataset_name' "$gneiss" tasks show arc_easy --diff arc_challenge
check 'equal ones exit 0' code 0 "$gneiss" tasks show piqa --diff piqa
check 'a wrong name has a nearest' says 'did you mean hellaswag?' "$gneiss" tasks show hellaswog --prompt 0
check 'an unknown word is an error' code 2 "$gneiss" tasks frobnicate
close
