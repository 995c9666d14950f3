-- Who adds to which slot of the counters, until when (Unix milliseconds). An
-- expired slot is taken over, so crashes do not grow the number of slots.
CREATE TABLE IF NOT EXISTS slots (
    slot INT8 NOT NULL,
    owner text NOT NULL,
    expires_at INT8 NOT NULL,
    PRIMARY KEY (slot)
);
