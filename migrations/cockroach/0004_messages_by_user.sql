-- A page of one user, newest first, whatever the dates.
CREATE INDEX IF NOT EXISTS messages_by_user ON messages (user_name, id);
