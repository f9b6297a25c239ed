-- confident a n=50: wrong by the largest margin between the best choice and the right one
SELECT t.name AS task, s.doc_ix, max(CASE WHEN sr.ix=cast(d.target AS int) THEN r.logprob END) - max(r.logprob) AS margin
FROM sample s JOIN task t ON t.id=s.task_id JOIN doc d ON d.task_id=s.task_id AND d.ix=s.doc_ix
JOIN sample_response sr ON sr.sample_id=s.id JOIN response r ON r.id=sr.response_id
WHERE s.run_id=:a AND t.kind='multiple_choice' GROUP BY s.id HAVING margin<0 ORDER BY margin LIMIT :n;
