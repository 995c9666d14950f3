//! Up to where nothing more is stored: what the rows of all slots say together.
//!
//! In a snapshot of the slots the closed id is the lowest that an owner of one
//! has closed. An owner that has yet to start closes nothing, and it starts at
//! the closed id, or above: so the closed id of a later snapshot is never lower
//! (but for a clock that was wrong by more than ten minutes). Whatever is
//! stored up to there is in that snapshot and in all later ones.

use tokio_postgres::Row as Read;

use super::conn::column;
use super::retry::Failure;
use crate::domain::MessageId;

/// The row of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) slot: i64,
    pub(super) owner: String,
    pub(super) expires_at: i64,
    pub(super) closer: String,
    /// As it is stored: empty for none.
    pub(super) closed: String,
    pub(super) posted: String,
}

/// Whose a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody's.
    Free,
    /// Somebody's who has yet to start.
    Starting,
    /// Somebody's who closes ids.
    Live,
    /// A server's of a release that closes nothing.
    Old,
}

/// What all slots say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// Nothing more is stored up to there; `None` where nothing ever was.
    At(Option<MessageId>),
    /// Not known until somebody has started, or is given up.
    Starting,
    /// Not known while a server of an older release stores messages.
    Old,
}

/// What stands for an owner that has yet to start.
pub(super) fn starting(owner: &str) -> String {
    format!("?{owner}")
}

impl Row {
    pub(super) fn standing(&self) -> Standing {
        // An older release leaves its name to a slot that it gives back.
        if self.owner.is_empty() || self.expires_at == 0 {
            Standing::Free
        } else if self.closer == self.owner {
            Standing::Live
        } else if self.closer.strip_prefix('?') == Some(&self.owner) {
            Standing::Starting
        } else {
            Standing::Old
        }
    }

    pub(super) fn closed(&self) -> Option<MessageId> {
        self.closed.parse().ok()
    }

    pub(super) fn posted(&self) -> Option<MessageId> {
        self.posted.parse().ok()
    }
}

/// The slots, and how often somebody said that it follows.
pub(super) fn read(rows: &[Read]) -> Result<(Vec<Row>, i64), Failure> {
    let (mut slots, mut beat) = (Vec::with_capacity(rows.len()), 0);
    for row in rows {
        let slot = Row {
            slot: column(row, 0)?,
            owner: column(row, 1)?,
            expires_at: column(row, 2)?,
            closer: column(row, 3)?,
            closed: column(row, 4)?,
            posted: column(row, 5)?,
        };
        match slot.slot {
            ..0 => beat = slot.expires_at,
            _ => slots.push(slot),
        }
    }
    slots.sort_unstable_by_key(|slot| slot.slot);
    Ok((slots, beat))
}

/// The closed id of a snapshot, as a clock that says `now` takes it.
pub(super) fn closed(rows: &[Row], now: i64) -> Closed {
    let has = |standing| rows.iter().any(|row| row.standing() == standing);
    if has(Standing::Old) {
        return Closed::Old;
    }
    if has(Standing::Starting) {
        return Closed::Starting;
    }
    Closed::At(lowest(rows.iter()).map(|id| match id.is_ahead_of(now) {
        // A clock was wrong, and messages of the right ones are still to come.
        true => MessageId::from_parts(now, 0),
        false => id,
    }))
}

/// What all that have started have closed, or what was closed while there were
/// any.
fn lowest<'r>(rows: impl Iterator<Item = &'r Row> + Clone) -> Option<MessageId> {
    let is_live = |row: &&Row| row.standing() == Standing::Live;
    let lowest = rows.clone().filter(is_live).filter_map(Row::closed).min();
    lowest.or_else(|| rows.filter_map(Row::closed).max())
}

/// The id that somebody who has taken a slot starts above, those of clocks
/// aside that are wrong if the own one, which says `now`, is right.
pub(super) fn start(rows: &[Row], now: i64) -> Option<MessageId> {
    let is_near = |row: &&Row| row.closed().is_none_or(|id| !id.is_ahead_of(now));
    lowest(rows.iter().filter(is_near))
}

/// The last id that was posted, those of wrong clocks aside.
pub(super) fn posted(rows: &[Row], now: i64) -> Option<MessageId> {
    let ids = rows.iter().filter_map(Row::posted);
    ids.filter(|id| !id.is_ahead_of(now)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(slot: i64, owner: &str, closer: &str, closed: Option<u64>) -> Row {
        let id = |n: u64| MessageId::from_parts(1_000, n.into()).to_string();
        Row {
            slot,
            owner: owner.to_owned(),
            expires_at: i64::from(!owner.is_empty()),
            closer: closer.to_owned(),
            closed: closed.map_or(String::new(), id),
            posted: String::new(),
        }
    }

    fn at(n: u64) -> Closed {
        Closed::At(Some(MessageId::from_parts(1_000, n.into())))
    }

    #[test]
    fn the_closed_id_is_the_lowest_of_all_that_are_live() {
        let (a, b) = (row(0, "a", "a", Some(7)), row(1, "b", "b", Some(5)));
        let free = row(2, "", "c", Some(3));
        let closed = |rows: &[&Row]| {
            let rows: Vec<Row> = rows.iter().copied().cloned().collect();
            closed(&rows, 1_000)
        };
        assert_eq!(closed(&[]), Closed::At(None));
        assert_eq!(closed(&[&a, &b, &free]), at(5));
        assert_eq!(closed(&[&a, &free]), at(7));
        assert_eq!(closed(&[&free, &row(3, "", "d", Some(4))]), at(4));
        assert_eq!(closed(&[&a, &row(3, "d", "?d", Some(9))]), Closed::Starting);
        for closer in ["", "a", "?a", "d"] {
            let old = row(3, "old", closer, Some(9));
            assert_eq!(closed(&[&a, &old]), Closed::Old, "{closer}");
            let left = Row {
                expires_at: 0,
                ..old
            };
            assert_eq!(closed(&[&a, &left]), at(7), "{closer}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_closes_nothing_ahead_of_the_right_ones() {
        let now = 5_000_000_000;
        let mut ahead = row(0, "a", "a", None);
        ahead.closed = MessageId::from_parts(now + 3_600_000, 7).to_string();
        ahead.posted = ahead.closed.clone();
        let rows = [ahead];
        let right = Closed::At(Some(MessageId::from_parts(now, 0)));
        assert_eq!(closed(&rows, now), right);
        assert_eq!(posted(&rows, now), None);
        assert_eq!(start(&rows, now), None);
        assert!(posted(&rows, now + 3_600_000).is_some());
    }

    /// What can happen to slots, each a step of its own in the database.
    #[derive(Debug, Clone)]
    enum Step {
        Take(usize),
        /// A new owner reads what is closed, to start there.
        Read(usize),
        Start(usize),
        Close(usize, u64),
        Leave(usize),
        /// A snapshot that is used only later.
        Look,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0usize..4, 0u64..6, 0usize..7).prop_map(|(slot, by, what)| match what {
            0 => Step::Take(slot),
            1 => Step::Read(slot),
            2 => Step::Start(slot),
            3 | 4 => Step::Close(slot, by),
            5 => Step::Leave(slot),
            _ => Step::Look,
        });
        proptest::collection::vec(step, 1..80)
    }

    proptest! {
        /// A reader never gets ahead of what a writer may still store, whoever
        /// comes and goes in whichever order.
        #[test]
        fn nobody_may_store_below_what_was_ever_closed(steps in steps()) {
            let mut rows: Vec<Row> = (0..4).map(|slot| row(slot, "", "", None)).collect();
            let mut reads = [None; 4];
            let (mut seen, mut owners) = (None, 0);
            for step in steps {
                match step {
                    Step::Take(n) => if rows[n].standing() == Standing::Free {
                        owners += 1;
                        rows[n].owner = format!("o{owners}");
                        rows[n].closer = starting(&rows[n].owner);
                        rows[n].expires_at = 1;
                        reads[n] = None;
                    },
                    Step::Read(n) => if rows[n].standing() == Standing::Starting {
                        let first = MessageId::from_parts(1_000, 1);
                        reads[n] = Some(start(&rows, 1_000).unwrap_or(first));
                    },
                    Step::Start(n) => if let Some(id) = reads[n].take()
                        && rows[n].standing() == Standing::Starting
                    {
                        rows[n].closer = rows[n].owner.clone();
                        rows[n].closed = id.to_string();
                        prop_assert!(Some(id) >= seen, "{id:?} below {seen:?}");
                    },
                    Step::Close(n, by) => if rows[n].standing() == Standing::Live {
                        let id = rows[n].closed().map_or(MessageId::MIN, |id| {
                            (0..by).fold(id, |id, _| id.successor())
                        });
                        rows[n].closed = id.to_string();
                    },
                    Step::Leave(n) => {
                        rows[n].owner.clear();
                        rows[n].expires_at = 0;
                    }
                    Step::Look => if let Closed::At(id) = closed(&rows, 1_000) {
                        prop_assert!(id >= seen, "{id:?} after {seen:?}");
                        seen = id;
                    },
                }
                for row in rows.iter().filter(|row| row.standing() == Standing::Live) {
                    prop_assert!(row.closed() >= seen);
                }
            }
        }
    }
}
