-- missed a n=50: the filter found nothing although the gold text is in the answer
SELECT t.name AS task, s.doc_ix, sc.filter, r.stop, substr(r.output,-60) AS tail
FROM sample s JOIN task t ON t.id=s.task_id JOIN score sc ON sc.sample_id=s.id AND sc.extracted='[invalid]'
JOIN doc d ON d.task_id=s.task_id AND d.ix=s.doc_ix JOIN sample_response sr ON sr.sample_id=s.id JOIN response r ON r.id=sr.response_id
WHERE s.run_id=:a AND length(d.target)>0 AND instr(r.output, d.target)>0 LIMIT :n;
