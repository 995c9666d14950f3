-- Work that one server at a time does, and until when (Unix milliseconds) it
-- is its owner's.
CREATE TABLE IF NOT EXISTS leases (
    work text NOT NULL,
    owner text NOT NULL,
    expires_at INT8 NOT NULL,
    PRIMARY KEY (work)
);
