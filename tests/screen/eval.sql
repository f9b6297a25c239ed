-- Two runs of two tasks, one of them the baseline of the other, which is at work: for test_tui_eval.
INSERT INTO checkpoint(id, sha, name, path, tokenizer_sha, config_json) VALUES
 (1, 'aaaaaaaaaaaaaaaaaaaa', 'h-tiny', '/m/h-tiny', 't', '{}'),
 (2, 'bbbbbbbbbbbbbbbbbbbb', 'h-tiny-q4', '/m/h-tiny-q4', 't', '{}');
INSERT INTO build(id, sha, version, backend, numerics) VALUES (1, 'x', '1', 'cpu', 'fast/cpu/avx2/1/f32/f16');
INSERT INTO task(id, sha, name, version, kind, n_shot, dataset_sha, n_docs, json) VALUES
 (1, 'ta', 'arc_challenge', '1', 'multiple_choice', 0, 'd', 40,
  '{"task":{"task":"arc_challenge","dataset_path":"x","test_split":"test","output_type":"multiple_choice","doc_to_text":"{{q}}","doc_to_target":"{{a}}","doc_to_choice":["A","B"]}}'),
 (2, 'tg', 'gsm8k', '3', 'generate_until', 5, 'd', 60,
  '{"task":{"task":"gsm8k","dataset_path":"x","test_split":"test","output_type":"generate_until","doc_to_text":"{{q}}","doc_to_target":"{{a}}","generation_kwargs":{"until":["Question:"]},"filter_list":[{"name":"strict","filter":[{"function":"regex"},{"function":"take_first"}]}]}}');
INSERT INTO doc(task_id, ix, hash, json, target)
 WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59)
 SELECT 1, i, x'00', '{}', CAST(i % 2 AS TEXT) FROM n WHERE i < 40 UNION ALL SELECT 2, i, x'00', '{}', CAST(i AS TEXT) FROM n;
INSERT INTO run(id, status, checkpoint_id, build_id, resume_key, seed, fewshot_seed, options_json, argv, started_at, ended_at, blessed_at) VALUES
 ('01KBASE0000000000000000000', 'done', 1, 1, 'k1', 0, 1234, '{"tasks":["arc_challenge","gsm8k"],"groups":[],"numerics":"fast/cpu/avx2/1/f32/f16"}', '[]', '2026-11-24T08:00:00.000Z', '2026-11-24T09:00:00.000Z', '2026-11-24T09:00:00.000Z');
INSERT INTO run(id, status, checkpoint_id, build_id, resume_key, seed, fewshot_seed, options_json, argv, started_at, ended_at) VALUES
 ('01KLIVE0000000000000000000', 'stopped', 2, 1, 'k2', 0, 1234, '{"tasks":["arc_challenge","gsm8k"],"groups":[],"numerics":"fast/cpu/avx2/1/f32/f16"}', '[]', '2026-11-24T09:30:00.000Z', '2026-11-24T09:42:41.000Z');
INSERT INTO run_task VALUES ('01KBASE0000000000000000000', 1, 40), ('01KBASE0000000000000000000', 2, 60), ('01KLIVE0000000000000000000', 1, 40), ('01KLIVE0000000000000000000', 2, 60);
INSERT INTO text VALUES (x'01', 'Question: Which of these is an animal?' || char(10) || 'Answer:'),
 (x'02', 'Question: A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?' || char(10) || 'Answer:');
INSERT INTO response(id, request_hash, checkpoint_id, build_id, kind, prompt_hash, continuation, logprob, greedy, n_prompt, n_out) VALUES
 (1, x'11', 2, 1, 'loglikelihood', x'01', ' stone', -4.25, 0, 12, 1), (2, x'12', 2, 1, 'loglikelihood', x'01', ' fox', -1.5, 1, 12, 1);
INSERT INTO response(id, request_hash, checkpoint_id, build_id, kind, prompt_hash, output, stop, n_prompt, n_out, truncated) VALUES
 (3, x'13', 2, 1, 'generate', x'02', ' It takes 2/2 = 1 bolt of white fiber. So 2 + 1 = 3 bolts.' || char(10) || '#### 3', 'string', 40, 118, 0),
 (4, x'14', 2, 1, 'generate', x'02', '', 'eos', 40, 1, 0), (5, x'15', 2, 1, 'generate', x'02', ' and so on and so on', 'length', 40, 256, 1);
INSERT INTO token(response_id, pos, id, logprob, rank, entropy, top_id, top_logprob) VALUES (3, 0, 1102, -0.25, 0, 0.5, 1102, -0.25), (3, 1, 5097, -1.5, 2, 1.75, 311, -0.75);
-- The baseline knows all of it but every fifth; the run every third not.
INSERT INTO sample(id, run_id, task_id, doc_ix, done_at)
 SELECT task_id * 100 + ix, '01KBASE0000000000000000000', task_id, ix, '2026-11-24T09:00:00.000Z' FROM doc;
INSERT INTO score(sample_id, filter, metric, value)
 SELECT id, 'none', 'acc', doc_ix % 5 <> 0 FROM sample WHERE task_id = 1 UNION ALL SELECT id, 'strict', 'exact_match', doc_ix % 5 <> 0 FROM sample WHERE task_id = 2;
INSERT INTO sample(id, run_id, task_id, doc_ix, done_at, status, error)
 SELECT 1000 + task_id * 100 + ix, '01KLIVE0000000000000000000', task_id, ix, '2026-11-24T09:40:00.000Z', CASE WHEN task_id = 2 AND ix = 20 THEN 'error' ELSE 'done' END, CASE WHEN task_id = 2 AND ix = 20 THEN 'the prompt is empty' END FROM doc WHERE task_id = 1 OR ix <= 23;
INSERT INTO sample_response SELECT id, 0, 1, 0 FROM sample WHERE id > 1000 AND task_id = 1 UNION ALL SELECT id, 1, 2, 0 FROM sample WHERE id > 1000 AND task_id = 1
 UNION ALL SELECT id, 0, CASE WHEN doc_ix = 18 THEN 4 WHEN doc_ix = 21 THEN 5 ELSE 3 END, doc_ix < 6 FROM sample WHERE id > 1000 AND task_id = 2 AND status = 'done';
INSERT INTO score(sample_id, filter, metric, value, extracted)
 SELECT id, 'none', 'acc', doc_ix % 3 <> 0, '1' FROM sample WHERE id > 1000 AND task_id = 1
 UNION ALL SELECT id, 'none', 'acc_norm', doc_ix % 3 <> 0, '1' FROM sample WHERE id > 1000 AND task_id = 1
 UNION ALL SELECT id, 'strict', 'exact_match', doc_ix % 3 <> 0, CASE WHEN doc_ix IN (18, 21) THEN '[invalid]' ELSE '3' END FROM sample WHERE id > 1000 AND task_id = 2 AND status = 'done';
