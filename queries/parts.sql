-- parts ca cb n=50: first token where two checkpoints part, and how uncertain A was there
WITH p AS (SELECT x.request_hash, x.id a, y.id b FROM response x JOIN response y ON y.request_hash=x.request_hash
           WHERE x.checkpoint_id=:ca AND y.checkpoint_id=:cb AND x.kind='generate' AND y.kind='generate'),
 q AS (SELECT p.a, p.b, min(t.pos) AS at FROM p JOIN token t ON t.response_id=p.a
       JOIN token u ON u.response_id=p.b AND u.pos=t.pos WHERE u.id<>t.id GROUP BY p.a, p.b)
SELECT q.a, q.b, q.at AS parts_at, t.entropy, t.id AS a_token, u.id AS b_token FROM q
JOIN token t ON t.response_id=q.a AND t.pos=q.at JOIN token u ON u.response_id=q.b AND u.pos=q.at ORDER BY parts_at LIMIT :n;
