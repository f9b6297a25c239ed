-- ask words n=20: what did I ask about ... and in which sessions it lives
WITH hit AS (SELECT m.hash, m.role, snippet(message_fts,0,'[',']','…',12) AS text, rank FROM message_fts
             JOIN message m ON m.id=message_fts.rowid WHERE message_fts MATCH :words ORDER BY rank LIMIT :n)
SELECT s.id, s.name, h.role, h.text FROM hit h LEFT JOIN session s ON s.id IN (
 WITH RECURSIVE down(hash) AS (SELECT h.hash UNION SELECT c.hash FROM message c JOIN down ON c.parent=down.hash)
 SELECT x.id FROM session x WHERE x.head IN down UNION SELECT b.session_id FROM branch b WHERE b.message IN down) ORDER BY h.rank;
