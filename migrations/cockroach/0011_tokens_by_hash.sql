-- Every request in token mode looks a hash up.
CREATE UNIQUE INDEX IF NOT EXISTS tokens_by_hash ON tokens (secret_hash);
