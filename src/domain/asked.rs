//! What was asked for lately. Most of what is asked is asked once, and keeping
//! an answer can cost as much as making it: it is worth that from the second
//! time on.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU32, Ordering};

use quick_cache::DefaultHashBuilder;

/// Marks of the latest of some tens of thousands of questions, in 256 KiB. Two
/// questions may share a mark, which only has one of them kept too early.
pub struct Asked {
    /// A fast one: who finds two that share a mark gains nothing.
    hasher: DefaultHashBuilder,
    marks: Box<[AtomicU32]>,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked {
            hasher: DefaultHashBuilder::default(),
            marks: (0..Asked::PLACES).map(|_| AtomicU32::new(0)).collect(),
        }
    }
}

impl Asked {
    const PLACES: usize = 64 * 1024;

    /// Whether this was asked before and not forgotten since; from now on it
    /// was.
    pub fn again(&self, question: &impl Hash) -> bool {
        let hash = self.hasher.hash_one(question);
        let place = &self.marks[(hash >> 32) as usize % Asked::PLACES];
        // Never the mark of a place that was not used.
        let mark = hash as u32 | 1;
        place.swap(mark, Ordering::Relaxed) == mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_time_is_told_from_the_first() {
        let asked = Asked::default();
        let first = (0..1_000).filter(|question| asked.again(question));
        assert!(first.count() < 10);
        let second = (0..1_000).filter(|question| asked.again(question));
        assert!(second.count() > 950);
    }
}
