-- speed ca test=tg128: speed over time, by commit
SELECT b.commit_id, b.backend, b.cpu, b.gpu, x.test, round(x.ts,2) ts, round(x.ts_stddev,2) sd, x.test_time
FROM bench x JOIN build b ON b.id=x.build_id WHERE x.checkpoint_id=:ca AND x.test=:test ORDER BY x.test_time;
