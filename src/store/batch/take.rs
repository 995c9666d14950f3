//! Batches for one writer on a thread of its own.

use super::{Item, Pending, Waiting};

/// Posts that are written together at once.
const FEW: usize = 16;

/// What the writer does next.
pub(crate) struct Taken<W> {
    /// Committed together.
    pub(crate) posts: Vec<Pending>,
    /// Done after them, one by one.
    pub(crate) works: Vec<W>,
}

impl<W> Waiting<W> {
    /// Waits for something and takes what is best written together, at most
    /// `most` items; `answered` says how many posts were just answered. None
    /// once the queue is closed and empty. Blocks the thread.
    pub(crate) fn take(&mut self, answered: usize, most: usize) -> Option<Taken<W>> {
        let wanted = half(self.items.len() + answered).min(most.max(1));
        let mut items = Vec::with_capacity(wanted);
        if self.items.blocking_recv_many(&mut items, wanted) == 0 {
            return None;
        }
        let (mut posts, mut works) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            match item {
                Item::Post(pending) => posts.push(pending),
                Item::Work(work) => works.push(work),
            }
        }
        Some(Taken { posts, works })
    }
}

/// How many of those who post are best written together, of whom some wait and
/// others were just answered and may be back soon: one half is written while
/// the other half's requests are read and answered. A few are not worth a
/// commit of their own.
fn half(posters: usize) -> usize {
    posters.div_ceil(2).max(FEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_posters_are_written_together_and_many_in_halves() {
        assert_eq!([0, 1, FEW, 2 * FEW].map(half), [FEW; 4]);
        assert_eq!([64, 255, 256].map(half), [32, 128, 128]);
    }

    #[test]
    fn posts_and_other_work_are_taken_apart_until_the_queue_is_closed_and_empty() {
        let (queue, mut waiting) = super::super::queue::<u32>(64);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let posts = (0..40).map(|n| {
            let text = format!("{n}");
            crate::domain::Draft::new("ann".parse().unwrap(), text, &[""; 0]).unwrap()
        });
        runtime.block_on(async {
            for draft in posts {
                // Admitted at the first poll.
                let _ = tokio::time::timeout(std::time::Duration::ZERO, queue.post(draft)).await;
            }
            queue.hand(7).await.unwrap();
        });
        let mut taken = Vec::new();
        drop(queue);
        while let Some(Taken { posts, works }) = waiting.take(0, 100) {
            taken.push((posts.len(), works));
        }
        // Half of 41, then what is left: a few go together.
        let posts: Vec<usize> = taken.iter().map(|(posts, _)| *posts).collect();
        assert_eq!(posts, [21, 16, 3]);
        assert_eq!(taken[2].1, [7]);
    }
}
