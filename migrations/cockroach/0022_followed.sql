-- The beat rises while anybody follows: writers that have nothing to store
-- close ids only then.
CREATE TABLE IF NOT EXISTS followed (
    name text NOT NULL,
    beat INT8 NOT NULL,
    PRIMARY KEY (name)
);
