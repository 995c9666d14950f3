-- Secrets are kept as SHA-256 in hexadecimal; times in Unix milliseconds.
CREATE TABLE IF NOT EXISTS tokens (
    id text NOT NULL CHECK (length(id) = 26),
    secret_hash text NOT NULL CHECK (length(secret_hash) = 64),
    user_name text NOT NULL,
    note text NOT NULL,
    expires_at INT8,
    revoked_at INT8,
    PRIMARY KEY (id)
);
