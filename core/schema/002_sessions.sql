-- Finding the conversations a message belongs to, and deleting a message, asks who points at it;
-- without these indexes each question reads a whole table.
CREATE INDEX session_used ON session(used_at);
CREATE INDEX session_head ON session(head);
CREATE INDEX session_forked ON session(forked_from);
CREATE INDEX branch_message ON branch(message);
CREATE INDEX turn_message ON turn(message);
CREATE INDEX turn_response ON turn(response_id);
CREATE INDEX state_message ON state(message);
-- Of a conversation that was imported: from where.
ALTER TABLE session ADD COLUMN origin TEXT;
