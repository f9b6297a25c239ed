-- table: latest finished score of every task and checkpoint (`report` turns it into a table)
WITH last AS (SELECT r.id, r.checkpoint_id, m.task, row_number() OVER (PARTITION BY r.checkpoint_id, m.task ORDER BY r.started_at DESC) k
              FROM run r JOIN metric m ON m.run_id=r.id WHERE r.status='done' GROUP BY r.id, m.task)
SELECT m.task, m.metric, m.filter, c.name AS checkpoint, m.value, m.stderr, m.n
FROM last l JOIN metric m ON m.run_id=l.id AND m.task=l.task JOIN checkpoint c ON c.id=l.checkpoint_id
WHERE l.k=1 ORDER BY m.task, m.metric, m.filter, c.name;
