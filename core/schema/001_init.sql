-- One schema, two files: chats.db and evals.db. Migration 1; core/store.c applies what a file lacks, in order.
PRAGMA application_id = 0x676E6569;             -- "gnei"
PRAGMA user_version   = 1;                      -- migration number
PRAGMA journal_mode   = WAL;
PRAGMA synchronous    = NORMAL;                 -- FULL with --durable
PRAGMA foreign_keys   = ON;

-- ---------------------------------------------------------------- what was run
CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY,
  sha TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL, path TEXT, format TEXT, dtype TEXT,
  n_params INTEGER, n_bytes INTEGER,
  tokenizer_sha TEXT NOT NULL, template_sha TEXT, config_json TEXT NOT NULL,
  first_seen TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
CREATE TABLE alias (name TEXT PRIMARY KEY, checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id));

CREATE TABLE build (                            -- program + machine + numerics: one row per distinct combination
  id INTEGER PRIMARY KEY, sha TEXT NOT NULL UNIQUE,
  version TEXT NOT NULL, commit_id TEXT, dirty INTEGER, compiler TEXT, flags TEXT,
  backend TEXT NOT NULL,                        -- cpu/openblas-0.3.29, cuda-12.6/cublas
  numerics TEXT NOT NULL,                       -- f32 | bf16+f32acc | q8_0 ...: part of the cache key
  cpu TEXT, gpu TEXT, os TEXT, threads INTEGER);

CREATE TABLE text (hash BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;   -- sha256, stored once

-- ---------------------------------------------------------------- tasks and documents
CREATE TABLE task (
  id INTEGER PRIMARY KEY, sha TEXT NOT NULL UNIQUE,      -- canonical JSON of the *resolved* task
  name TEXT NOT NULL, version TEXT, kind TEXT NOT NULL
    CHECK (kind IN ('loglikelihood','loglikelihood_rolling','multiple_choice','generate_until')),
  n_shot INTEGER NOT NULL, dataset_sha TEXT NOT NULL, n_docs INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX task_name ON task(name, version);
CREATE TABLE doc (
  task_id INTEGER NOT NULL REFERENCES task(id), ix INTEGER NOT NULL,
  hash BLOB NOT NULL, json TEXT NOT NULL, target TEXT, cluster TEXT,
  PRIMARY KEY (task_id, ix)) WITHOUT ROWID;

-- ---------------------------------------------------------------- runs
CREATE TABLE run (
  id TEXT PRIMARY KEY,                          -- ULID: sorts by time
  name TEXT, status TEXT NOT NULL CHECK (status IN ('running','done','stopped','failed')),
  checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
  build_id INTEGER NOT NULL REFERENCES build(id),
  resume_key TEXT NOT NULL,                     -- same command = same run
  seed INTEGER NOT NULL, fewshot_seed INTEGER NOT NULL, limit_n INTEGER, chat_template INTEGER NOT NULL DEFAULT 0,
  options_json TEXT NOT NULL, argv TEXT NOT NULL, note TEXT,
  started_at TEXT NOT NULL, ended_at TEXT, blessed_at TEXT,
  heartbeat_at TEXT, pid INTEGER, boot_id TEXT, -- who runs it; written every 5 s
  control TEXT NOT NULL DEFAULT 'run' CHECK (control IN ('run','pause','stop')));  -- what others ask of it; read with the heartbeat
CREATE UNIQUE INDEX run_open ON run(resume_key) WHERE status IN ('running','stopped');
CREATE INDEX run_ckpt ON run(checkpoint_id, started_at);

CREATE TABLE run_task (run_id TEXT NOT NULL REFERENCES run(id) ON DELETE CASCADE, task_id INTEGER NOT NULL REFERENCES task(id),
  n_planned INTEGER NOT NULL, PRIMARY KEY (run_id, task_id)) WITHOUT ROWID;

-- an answer of one checkpoint to one request; shared by every run that asks the same thing
CREATE TABLE response (
  id INTEGER PRIMARY KEY,
  cache_key BLOB UNIQUE,                        -- NULL: not to be reused (chat, cancelled)
  request_hash BLOB NOT NULL,                   -- same request on another checkpoint has the same hash
  checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
  build_id INTEGER NOT NULL REFERENCES build(id),
  kind TEXT NOT NULL CHECK (kind IN ('loglikelihood','rolling','generate')),
  prompt_hash BLOB REFERENCES text(hash),
  continuation TEXT,                            -- scored text (loglikelihood)
  logprob REAL, greedy INTEGER,                 -- loglikelihood
  output TEXT, stop TEXT,                       -- generate: text, eos | string | length | context | interrupted
  n_prompt INTEGER NOT NULL, n_out INTEGER NOT NULL, n_reused INTEGER NOT NULL DEFAULT 0,
  prompt_ms REAL, gen_ms REAL, truncated INTEGER NOT NULL DEFAULT 0,
  boundary INTEGER NOT NULL DEFAULT 0,          -- a merge crosses context and continuation
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
CREATE INDEX response_request ON response(request_hash, checkpoint_id);

CREATE TABLE token (                            -- per output/scored token
  response_id INTEGER NOT NULL REFERENCES response(id) ON DELETE CASCADE, pos INTEGER NOT NULL,
  id INTEGER NOT NULL, logprob REAL NOT NULL, rank INTEGER, entropy REAL,
  top_id INTEGER, top_logprob REAL,
  alts BLOB,                                    -- k x (u32 id, f32 logprob), only with --logprobs k
  PRIMARY KEY (response_id, pos)) WITHOUT ROWID;

CREATE TABLE sample (
  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  task_id INTEGER NOT NULL, doc_ix INTEGER NOT NULL, rep INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL DEFAULT 'done' CHECK (status IN ('done','error')), error TEXT, done_at TEXT,
  UNIQUE (run_id, task_id, doc_ix, rep),        -- the resume key of one document
  FOREIGN KEY (task_id, doc_ix) REFERENCES doc(task_id, ix));
CREATE TABLE sample_response (
  sample_id INTEGER NOT NULL REFERENCES sample(id) ON DELETE CASCADE, ix INTEGER NOT NULL,
  response_id INTEGER NOT NULL REFERENCES response(id), cached INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (sample_id, ix)) WITHOUT ROWID;
CREATE INDEX sample_response_r ON sample_response(response_id);
CREATE TABLE score (
  sample_id INTEGER NOT NULL REFERENCES sample(id) ON DELETE CASCADE,
  filter TEXT NOT NULL DEFAULT 'none', metric TEXT NOT NULL,
  value REAL NOT NULL, weight REAL NOT NULL DEFAULT 1, extracted TEXT,
  PRIMARY KEY (sample_id, filter, metric)) WITHOUT ROWID;
CREATE TABLE metric (
  run_id TEXT NOT NULL REFERENCES run(id) ON DELETE CASCADE, task TEXT NOT NULL,   -- task or group name
  filter TEXT NOT NULL DEFAULT 'none', metric TEXT NOT NULL,
  value REAL, stderr REAL, ci_lo REAL, ci_hi REAL, n INTEGER NOT NULL, n_failed INTEGER NOT NULL DEFAULT 0,
  higher_is_better INTEGER NOT NULL, method TEXT NOT NULL,
  PRIMARY KEY (run_id, task, filter, metric)) WITHOUT ROWID;

-- ---------------------------------------------------------------- two checkpoints in lockstep
CREATE TABLE divergence (
  id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES checkpoint(id), b INTEGER NOT NULL REFERENCES checkpoint(id),
  corpus TEXT NOT NULL, corpus_sha TEXT NOT NULL, n_tokens INTEGER NOT NULL,
  kl_mean REAL, kl_stderr REAL, kl_p99 REAL, kl_max REAL, top1 REAL, ppl_a REAL, ppl_b REAL, json TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
CREATE TABLE divergence_token (
  divergence_id INTEGER NOT NULL REFERENCES divergence(id) ON DELETE CASCADE, pos INTEGER NOT NULL,
  id INTEGER NOT NULL, kl REAL NOT NULL, lp_a REAL NOT NULL, lp_b REAL NOT NULL, top_a INTEGER, top_b INTEGER,
  PRIMARY KEY (divergence_id, pos)) WITHOUT ROWID;

-- ---------------------------------------------------------------- conversations (a tree of hashes, like git and llm)
CREATE TABLE message (
  id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,     -- sha256(parent hash, role, tokens)
  parent BLOB REFERENCES message(hash), role TEXT NOT NULL,
  content TEXT NOT NULL, tokens BLOB NOT NULL,           -- u32 ids: the truth; text is derived
  n_tokens INTEGER NOT NULL, created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
CREATE INDEX message_parent ON message(parent);
CREATE TABLE session (
  id TEXT PRIMARY KEY, name TEXT, checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
  head BLOB REFERENCES message(hash), forked_from TEXT REFERENCES session(id),
  created_at TEXT NOT NULL, used_at TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0);
CREATE TABLE branch (session_id TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE, name TEXT NOT NULL,
  message BLOB NOT NULL REFERENCES message(hash), PRIMARY KEY (session_id, name)) WITHOUT ROWID;
CREATE TABLE turn (                             -- provenance of one reply
  id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE,
  message BLOB NOT NULL REFERENCES message(hash), response_id INTEGER NOT NULL REFERENCES response(id),
  options_json TEXT NOT NULL, rating INTEGER, created_at TEXT NOT NULL);
CREATE INDEX turn_session ON turn(session_id, id);
CREATE TABLE state (                            -- index of the state files; the files may be deleted at any time
  prefix_sha BLOB NOT NULL, checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
  numerics TEXT NOT NULL, n_tokens INTEGER NOT NULL, message BLOB REFERENCES message(hash),
  path TEXT NOT NULL,                           -- under the state folder
  n_bytes INTEGER NOT NULL, reason TEXT NOT NULL CHECK (reason IN ('turn','pin','fragment','user')), pinned INTEGER NOT NULL DEFAULT 0,
  hits INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL, used_at TEXT NOT NULL,
  PRIMARY KEY (prefix_sha, checkpoint_id, numerics)) WITHOUT ROWID;
CREATE INDEX state_used ON state(pinned, used_at);
CREATE TABLE fragment (hash BLOB PRIMARY KEY, name TEXT UNIQUE, source TEXT, body TEXT NOT NULL) WITHOUT ROWID;

CREATE VIRTUAL TABLE message_fts USING fts5(content, content='message', content_rowid='id', tokenize='unicode61');
CREATE TRIGGER message_ai AFTER INSERT ON message BEGIN INSERT INTO message_fts(rowid, content) VALUES (new.id, new.content); END;
CREATE TRIGGER message_ad AFTER DELETE ON message BEGIN INSERT INTO message_fts(message_fts, rowid, content) VALUES ('delete', old.id, old.content); END;

-- ---------------------------------------------------------------- speed
CREATE TABLE bench (
  id INTEGER PRIMARY KEY, checkpoint_id INTEGER NOT NULL REFERENCES checkpoint(id),
  build_id INTEGER NOT NULL REFERENCES build(id), test TEXT NOT NULL,        -- pp512, tg128, pp512@d4096, save, restore
  n_prompt INTEGER, n_gen INTEGER, n_depth INTEGER, n_batch INTEGER, threads INTEGER,
  avg_ns REAL NOT NULL, stddev_ns REAL, ts REAL, ts_stddev REAL, samples_ns TEXT NOT NULL,   -- JSON array
  peak_rss INTEGER, state_bytes INTEGER, test_time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
CREATE INDEX bench_by ON bench(checkpoint_id, test, test_time);

-- ---------------------------------------------------------------- views: what people type
CREATE VIEW runs AS
 SELECT r.id, r.name, c.name AS checkpoint, b.backend, b.numerics, r.status, r.started_at,
        (julianday(coalesce(r.ended_at,r.heartbeat_at))-julianday(r.started_at))*86400 AS seconds
 FROM run r JOIN checkpoint c ON c.id=r.checkpoint_id JOIN build b ON b.id=r.build_id;
CREATE VIEW results AS
 SELECT r.id AS run, c.name AS checkpoint, m.task, m.metric, m.filter, m.value, m.stderr, m.ci_lo, m.ci_hi, m.n, r.started_at
 FROM metric m JOIN run r ON r.id=m.run_id JOIN checkpoint c ON c.id=r.checkpoint_id;
CREATE VIEW samples AS
 SELECT s.id AS sample, s.run_id AS run, t.name AS task, s.doc_ix, s.rep, sc.metric, sc.filter, sc.value, sc.extracted, d.target, d.cluster
 FROM sample s JOIN task t ON t.id=s.task_id JOIN doc d ON d.task_id=s.task_id AND d.ix=s.doc_ix JOIN score sc ON sc.sample_id=s.id;
CREATE VIEW pairs AS                                         -- every document answered by two runs
 SELECT a.run_id AS run_a, b.run_id AS run_b, t.name AS task, a.doc_ix, x.metric, x.filter,
        x.value AS a, y.value AS b, y.value-x.value AS d, a.id AS sample_a, b.id AS sample_b
 FROM sample a JOIN sample b ON b.task_id=a.task_id AND b.doc_ix=a.doc_ix AND b.rep=a.rep AND b.run_id<>a.run_id
 JOIN task t ON t.id=a.task_id
 JOIN score x ON x.sample_id=a.id JOIN score y ON y.sample_id=b.id AND y.metric=x.metric AND y.filter=x.filter;
CREATE VIEW message_tree AS
 WITH RECURSIVE t(hash, root, depth, path, role, content, n_tokens) AS (
  SELECT hash, hash, 0, printf('%012d',id), role, content, n_tokens FROM message WHERE parent IS NULL
  UNION ALL
  SELECT m.hash, t.root, t.depth+1, t.path||'/'||printf('%012d',m.id), m.role, m.content, m.n_tokens
  FROM message m JOIN t ON m.parent=t.hash)
 SELECT hex(root) AS root, path, printf('%*s', depth*2, '')||substr(role,1,1)||' '||substr(replace(content,char(10),' '),1,60) AS message,
        n_tokens, hex(hash) AS hash FROM t ORDER BY path;
