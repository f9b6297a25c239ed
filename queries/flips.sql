-- flips a b n=50: documents A got right and B got wrong, with what B said
SELECT p.task, p.doc_ix, p.metric, p.filter, sb.extracted AS b_said, d.target
FROM pairs p JOIN score sb ON sb.sample_id=p.sample_b AND sb.metric=p.metric AND sb.filter=p.filter
JOIN sample s ON s.id=p.sample_b JOIN doc d ON d.task_id=s.task_id AND d.ix=s.doc_ix
WHERE run_a=:a AND run_b=:b AND p.d<0 ORDER BY p.task, p.doc_ix LIMIT :n;
