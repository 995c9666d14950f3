//! The synthetic messages: two years of them, by 10,000 users under 10,000
//! hashtags, the n-th as busy as 1/n. The same number gives the same messages.

use std::io::Write;

/// 2024-01-01, in Unix milliseconds.
pub const START: u64 = 1_704_067_200_000;
pub const DAYS: u64 = 731;
pub const DAY: u64 = 86_400_000;
/// Hashtags, and users.
pub const NAMES: u64 = 10_000;
/// Changes whenever the messages do: stores that are kept are made anew.
pub const VERSION: u32 = 1;

pub struct Synthetic {
    pub number: u64,
    pub millis: u64,
    pub user: u64,
    pub tags: [u64; 2],
    node: u64,
}

impl Synthetic {
    pub fn text(&self) -> String {
        let (number, node) = (self.number, self.node);
        format!("message {number}: compact the ranges before the split of node {node}")
    }

    /// As `dunder import` reads it.
    pub fn write_line(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(
            out,
            r#"{{"user_name":"user{}","text":"{}","hashtags":["tag{}","tag{}"],"created_at":{}}}"#,
            self.user,
            self.text(),
            self.tags[0],
            self.tags[1],
            self.millis
        )
    }
}

/// All of them, oldest first.
pub struct Messages {
    random: Random,
    next: u64,
    count: u64,
    days: u64,
    apart: bool,
}

/// Which messages a small store has.
#[derive(Clone, Copy)]
pub enum Which {
    /// Those of the first so many days.
    Days(u64),
    /// Of two lists that never meet: every other message has hashtag 1, those
    /// between are user 1's and have hashtag 2.
    Apart,
}

impl Messages {
    pub fn new(count: u64) -> Messages {
        Messages {
            random: Random::new(),
            next: 0,
            count,
            days: DAYS,
            apart: false,
        }
    }

    /// Of a small store.
    pub fn of(count: u64, which: Which) -> Messages {
        let (days, apart) = match which {
            Which::Days(days) => (days, false),
            Which::Apart => (DAYS, true),
        };
        Messages {
            days,
            apart,
            ..Messages::new(count)
        }
    }
}

impl Iterator for Messages {
    type Item = Synthetic;

    fn next(&mut self) -> Option<Synthetic> {
        let number = self.next;
        if number == self.count {
            return None;
        }
        self.next += 1;
        let mut drawn = || self.random.draw();
        let mut message = Synthetic {
            number,
            millis: START + self.days * DAY / self.count * number,
            user: zipf(drawn()),
            tags: [zipf(drawn()), zipf(drawn())],
            node: drawn() % 1000,
        };
        if self.apart {
            let turn = number % 2;
            (message.user, message.tags) = (2 - turn, [1 + turn; 2]);
        }
        Some(message)
    }
}

/// Numbers that look random and are the same in every run.
pub struct Random(u64);

impl Random {
    pub fn new() -> Random {
        Random(0x9e37_79b9_7f4a_7c15)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 1 to `most`.
    pub fn upto(&mut self, most: u64) -> u64 {
        self.draw() % most + 1
    }

    /// A moment of the two years, in Unix milliseconds.
    pub fn moment(&mut self) -> u64 {
        START + self.draw() % (DAYS * DAY)
    }
}

/// 1 to 10,000, so that P(n) falls as 1/n.
pub fn zipf(random: u64) -> u64 {
    let share = (random >> 11) as f64 / (1u64 << 53) as f64;
    ((NAMES + 1) as f64).powf(share) as u64
}
