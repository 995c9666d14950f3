//! Message ids: ULIDs whose time is the message's `created_at`, and the clock
//! that gives them out in order.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use ulid::Ulid;

use super::shown;

/// The id of a message: a [ULID](https://github.com/ulid/spec), 26 characters
/// of Crockford's base32 on the wire, 48 bits of Unix milliseconds and 80
/// random bits. The order of ids is the order of times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u128);

/// Not a ULID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a ULID; write 26 characters such as 01ARZ3NDEKTSV4RRFFQ69G5FAV", shown(.0))]
pub struct IdError(String);

const RANDOM_BITS: u32 = 80;
/// An id further ahead of the clock than this, in milliseconds, was given by
/// a clock that was wrong: later ids do not follow it.
const MAX_AHEAD_MILLIS: i64 = 10 * 60 * 1000;
const MAX_MILLIS: i64 = (1 << 48) - 1;

impl MessageId {
    /// The smallest id there can be.
    pub const MIN: MessageId = MessageId(0);
    /// The largest id there can be.
    pub const MAX: MessageId = MessageId(u128::MAX);
    /// Characters of an id on the wire.
    pub const CHARS: usize = ulid::ULID_LEN;

    /// The id with this time and these 80 low bits. Times outside what a ULID
    /// holds (1970 to 10889) are moved to its nearest end.
    pub fn from_parts(millis: i64, random: u128) -> MessageId {
        let millis = millis.clamp(0, MAX_MILLIS) as u128;
        MessageId(millis << RANDOM_BITS | (random & ((1 << RANDOM_BITS) - 1)))
    }

    /// The smallest id at or after a moment, so that a range of times is a
    /// range of ids. A moment between two milliseconds rounds up.
    pub fn first_at(moment: DateTime<Utc>) -> MessageId {
        let millis = moment.timestamp_millis();
        let between = !moment.timestamp_subsec_nanos().is_multiple_of(1_000_000);
        let millis = millis + i64::from(between);
        if millis > MAX_MILLIS {
            return MessageId::MAX;
        }
        MessageId::from_parts(millis, 0)
    }

    /// Unix milliseconds of this id.
    pub fn millis(self) -> i64 {
        // 48 bits always fit.
        (self.0 >> RANDOM_BITS) as i64
    }

    /// The time of this id, which is the message's `created_at`.
    pub fn created_at(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.millis()).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The 16 bytes, in the order of ids.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id of 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> MessageId {
        MessageId(u128::from_be_bytes(bytes))
    }

    /// The 26 characters, without an allocation.
    pub fn text(self, buffer: &mut [u8; MessageId::CHARS]) -> &str {
        Ulid::from(self.0).array_to_str(buffer)
    }

    /// Whether the id is so far ahead of the clock (`now` in Unix milliseconds)
    /// that one of the two is wrong: by more than ten minutes.
    pub fn is_ahead_of(self, now: i64) -> bool {
        self.millis().saturating_sub(now) > MAX_AHEAD_MILLIS
    }

    /// The first id that later ones may follow although the clock (`now` in
    /// Unix milliseconds) is behind it, should it step back from now on.
    pub fn first_near(now: i64) -> MessageId {
        MessageId::from_parts(now.saturating_sub(MAX_AHEAD_MILLIS), 0)
    }

    /// The first id that none follows while the clock says `now`.
    pub fn first_beyond(now: i64) -> MessageId {
        MessageId::from_parts(now.saturating_add(MAX_AHEAD_MILLIS + 1), 0)
    }

    /// The next smaller id, or this one at the very beginning.
    pub fn predecessor(self) -> MessageId {
        MessageId(self.0.saturating_sub(1))
    }

    /// The next larger id, or this one at the very end.
    pub fn successor(self) -> MessageId {
        MessageId(self.0.saturating_add(1))
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let refused = || IdError(text.to_owned());
        // The 26 characters hold 130 bits: a first character above 7 overflows.
        if text.len() != 26 || !matches!(text.as_bytes()[0], b'0'..=b'7') {
            return Err(refused());
        }
        let ulid = Ulid::from_string(&text.to_ascii_uppercase()).map_err(|_| refused())?;
        Ok(MessageId(u128::from(ulid)))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; MessageId::CHARS]))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

/// Gives out ids in strictly rising order, also when the clock steps back by
/// up to ten minutes. When it steps back by more, it was wrong before, and ids
/// follow it: one wrong clock does not date all later messages wrong.
#[derive(Debug)]
pub struct IdClock {
    last: MessageId,
    /// Whether others may go on from the last id too.
    is_shared: bool,
    /// The number of a region, which ids have behind their time.
    region: Option<u8>,
    entropy: Entropy,
}

impl IdClock {
    /// A clock whose first id is larger than `last`, the last id posted,
    /// unless a clock that was wrong gave that.
    pub fn after(last: Option<MessageId>) -> IdClock {
        IdClock {
            last: last.unwrap_or(MessageId::MIN),
            is_shared: true,
            region: None,
            entropy: Entropy::default(),
        }
    }

    /// The same for a server in a region with a number, below 16: the first
    /// character behind the time of its ids is this number, in hexadecimal.
    #[must_use]
    pub fn in_region(self, number: u8) -> IdClock {
        IdClock {
            region: Some(number % 16),
            ..self
        }
    }

    /// Keeps later ids above one that was posted by somebody else, unless a
    /// clock that was wrong gave that.
    pub fn raise(&mut self, posted: MessageId, now: i64) {
        if !posted.is_ahead_of(now) && posted > self.last {
            self.last = posted;
            self.is_shared = true;
        }
    }

    /// The last id given out, or posted by somebody else.
    pub fn last(&self) -> MessageId {
        self.last
    }

    /// Whether the next ids, at `now`, are all larger than this one.
    pub fn is_past(&self, id: MessageId, now: i64) -> bool {
        match self.follows_clock(now) {
            true => now > id.millis(),
            false => self.last >= id,
        }
    }

    fn follows_clock(&self, now: i64) -> bool {
        now > self.last.millis() || self.last.is_ahead_of(now)
    }

    /// An id that none is given out below from here on, at `now`: the clock's
    /// own, or the last one where the clock is not past it.
    pub fn pass(&mut self, now: i64) -> MessageId {
        if self.follows_clock(now) {
            self.last = MessageId::from_parts(now, 0);
            self.is_shared = true;
        }
        self.last
    }

    /// The next id: at `now` (Unix milliseconds), or above the last one when
    /// the clock has not moved on since, or has stepped back a little: just
    /// above, unless another server may do the same.
    pub fn next(&mut self, now: i64) -> MessageId {
        self.last = if self.follows_clock(now) {
            self.first_at(now)
        } else if self.is_shared {
            self.beside_others()
        } else {
            self.last.successor()
        };
        self.is_shared = false;
        self.last
    }

    /// The top bit stays clear so that an id always has room above it within
    /// its millisecond.
    fn first_at(&mut self, millis: i64) -> MessageId {
        let random = self.entropy.draw();
        let bits = match self.region {
            Some(number) => (u128::from(number) << 75) | (random >> 53),
            None => random >> 49,
        };
        MessageId::from_parts(millis, bits)
    }

    /// One above the last, where another server may do the same. That of
    /// another region is not gone on from, but passed.
    fn beside_others(&mut self) -> MessageId {
        if self.region.is_none() {
            return MessageId(self.last.0.saturating_add(1 + (self.entropy.draw() >> 64)));
        }
        let millis = self.last.millis();
        let id = self.first_at(millis);
        match id > self.last {
            true => id,
            false => self.first_at(millis.saturating_add(1)),
        }
    }
}

/// Random bits, drawn from the system in blocks: one call serves a batch.
#[derive(Debug)]
struct Entropy {
    block: [u8; 1024],
    used: usize,
}

impl Default for Entropy {
    fn default() -> Self {
        Entropy {
            block: [0; 1024],
            used: 1024,
        }
    }
}

impl Entropy {
    fn draw(&mut self) -> u128 {
        if self.used + 16 > self.block.len() {
            // A system without randomness at this point has failed in a way
            // that nothing above could mend; the standard library aborts too.
            getrandom::fill(&mut self.block).expect("the system gives random bytes");
            self.used = 0;
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.block[self.used..self.used + 16]);
        self.used += 16;
        u128::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_reads_back_in_either_case() {
        let id: MessageId = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        assert_eq!(id.to_string(), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert_eq!("01arz3ndektsv4rrffq69g5fav".parse(), Ok(id));
        assert_eq!(
            id.created_at().to_rfc3339(),
            "2016-07-30T23:54:10.259+00:00"
        );
    }

    #[test]
    fn what_is_not_a_ulid_is_refused_by_value() {
        for text in [
            "",
            "1",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01ARZ3NDEKTSV4RRFFQ69G5FAU",
            "01ARZ3NDEKTSV4RRFFQ69G5FAé",
        ] {
            let error = text.parse::<MessageId>().unwrap_err();
            assert!(error.to_string().contains("is not a ULID"), "{error}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_never_yields_an_older_id() {
        let mut clock = IdClock::after(Some(MessageId::from_parts(5_000, 7)));
        let mut last = MessageId::from_parts(5_000, 7);
        for now in [4_000, 5_000, 5_001, 5_001, 3, 5_002] {
            let id = clock.next(now);
            assert!(id > last, "{id} after {last}");
            last = id;
        }
        assert_eq!(last.millis(), 5_002);
    }

    #[test]
    fn two_servers_never_give_out_one_id_wherever_they_go_on() {
        let last = MessageId::from_parts(5_000, 7);
        let mut clocks = [0, 1].map(|_| IdClock::after(Some(last)));
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..9 {
            let ids = clocks.each_mut().map(|clock| {
                let ids = [clock.next(4_000), clock.next(4_000)];
                assert!(ids[0] < ids[1] && ids[0] > last);
                ids
            });
            seen.extend(ids.into_iter().flatten());
            let posted = *seen.last().unwrap();
            for clock in &mut clocks {
                match round % 2 {
                    0 => clock.raise(posted, 4_000),
                    _ => drop(clock.pass(6_000 + round)),
                }
            }
        }
        assert_eq!(seen.len(), 36);
    }

    #[test]
    fn ids_follow_a_clock_that_was_wrong_and_is_right_again() {
        const YEAR: i64 = 365 * 86_400_000;
        let now = 1_500_000_000_000;
        let mut clock = IdClock::after(None);
        let wrong = clock.next(now + YEAR);
        assert!(wrong.is_ahead_of(now) && !clock.is_past(wrong, now));
        assert_eq!(clock.next(now).millis(), now);
        // Nor does what others posted then, or what is found at a start.
        clock.raise(wrong, now);
        assert_eq!(clock.next(now + 1).millis(), now + 1);
        assert_eq!(IdClock::after(Some(wrong)).next(now).millis(), now);
    }

    #[test]
    fn ids_of_a_region_have_its_number_behind_their_time_whatever_others_posted() {
        let mut clock = IdClock::after(None).in_region(11);
        let region = |id: MessageId| id.to_string().as_bytes()[10];
        let mut last = MessageId::MIN;
        for turn in 0..400 {
            let now = 1_000 + turn / 20;
            if turn % 3 == 0 {
                // Of the same moment, elsewhere, on either side.
                let number = [3, 14][turn as usize / 3 % 2];
                clock.raise(MessageId::from_parts(now, (number << 75) | 7), now);
            }
            if turn % 7 == 0 {
                clock.pass(now);
            }
            let id = clock.next(now);
            assert!(id > last, "{id} after {last}");
            assert_eq!(region(id), b'B', "{id}");
            last = id;
        }
        // As far ahead as others were met at one moment, and no further.
        assert!(last.millis() < 1_100, "{last}");
    }

    proptest! {
        #[test]
        fn the_next_ids_are_past_whatever_the_clock_says_they_are(
            last in 0i64..2_000_000, id in 0i64..2_000_000, now in 0i64..2_000_000, low: u64,
        ) {
            let mut clock = IdClock::after(Some(MessageId::from_parts(last, 7)));
            let id = MessageId::from_parts(id, low.into());
            let is_past = clock.is_past(id, now);
            let next = clock.next(now);
            prop_assert!(!is_past || next > id);
            prop_assert!(next.millis() <= now.max(now + MAX_AHEAD_MILLIS));
            prop_assert_eq!(last > now + MAX_AHEAD_MILLIS, next < MessageId::from_parts(last, 7) && now < last);
        }
    }

    proptest! {
        #[test]
        fn every_id_survives_text_and_bytes(value: u128) {
            let id = MessageId(value);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(MessageId::from_bytes(id.to_bytes()), id);
        }

        #[test]
        fn any_text_is_an_id_or_a_refusal(text: String) {
            let _ = text.parse::<MessageId>();
        }

        #[test]
        fn the_order_of_texts_is_the_order_of_ids(a: u128, b: u128) {
            let (a, b) = (MessageId(a), MessageId(b));
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }
    }
}
