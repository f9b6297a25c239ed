-- progress n=10: what ran, how much came from the cache
SELECT r.id, r.status, count(s.id) AS done, (SELECT sum(n_planned) FROM run_task WHERE run_id=r.id) AS planned,
       round(100.0*sum((SELECT min(cached) FROM sample_response WHERE sample_id=s.id))/max(count(s.id),1)) AS pct_cached, sum(s.status='error') AS errors
FROM run r LEFT JOIN sample s ON s.run_id=r.id GROUP BY r.id ORDER BY r.id DESC LIMIT :n;
