//! The start of an id that tells it from others, as git and jj show it.
//!
//! The first ten characters of a ULID are its time: seven of them half a
//! minute, eight a second, ten a millisecond. So the starts that tell the
//! messages of a listing apart are as short as git's for what people post,
//! and where a listing has no gaps they tell them from all other messages.
//! Who names a message by a start that two messages share is told both.

use crate::output::row::{Record, Value};

/// The shortest start that is shown: a second.
const LEAST: usize = 8;

/// The shortest where more messages come, at any moment: a millisecond.
const LEAST_LIVE: usize = 10;

/// The characters that tell apart the ids of these records: one more than any
/// two share, and at least a second, or a millisecond where more come.
pub(crate) fn length(records: &[&dyn Record], is_live: bool) -> usize {
    let least = if is_live { LEAST_LIVE } else { LEAST };
    let mut ids: Vec<String> = records.iter().filter_map(|record| id_of(*record)).collect();
    // What shares most stands side by side.
    ids.sort_unstable();
    let shared = ids.windows(2).map(|two| shared(&two[0], &two[1]));
    shared.max().map_or(least, |shared| least.max(shared + 1))
}

fn id_of(record: &dyn Record) -> Option<String> {
    record.values().into_iter().find_map(|value| match value {
        Value::Id(id) => Some(id.into_owned()),
        _ => None,
    })
}

fn shared(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Message;
    use crate::output::tests::message;

    fn length_of(ids: &[&str]) -> usize {
        let messages: Vec<Message> = ids
            .iter()
            .map(|id| Message {
                id: (*id).to_owned(),
                ..message("ann", "x", &[])
            })
            .collect();
        let records: Vec<&dyn Record> = messages.iter().map(|m| m as &dyn Record).collect();
        length(&records, false)
    }

    #[test]
    fn starts_are_a_second_long_or_as_long_as_it_takes() {
        assert_eq!(length_of(&[]), 8);
        assert_eq!(length_of(&["01JDEN0W00000000000000000A"]), 8);
        assert_eq!(
            length_of(&[
                "01JDEN0W00000000000000000A",
                "01JDEP0W00000000000000000A",
                "01JDEN0X00000000000000000A",
            ]),
            8
        );
        assert_eq!(
            length_of(&[
                "01JDEN0W0ZZ000000000000000",
                "01JDEP0W00000000000000000A",
                "01JDEN0W0ZA000000000000000",
            ]),
            11
        );
    }
}
