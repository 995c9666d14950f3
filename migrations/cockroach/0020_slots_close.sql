-- What follows reads no further than every writer has closed: below `closed`
-- the owner of a slot stores nothing more, and `posted` is the last id it
-- stored. `closer` is the owner that says so; where another one stands, the
-- owner is a server of a release before this one.
ALTER TABLE slots
    ADD COLUMN IF NOT EXISTS closer text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS closed text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS posted text NOT NULL DEFAULT '';
