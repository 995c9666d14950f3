-- Those who follow read deletions in the order of positions.
CREATE UNIQUE INDEX IF NOT EXISTS tombstones_by_position ON tombstones (position);
