//! What every store counts of its batches.

use std::time::{Duration, Instant};

use crate::metrics::{Counter, Histogram, Page};

/// Numbers of one queue and its writers.
pub(crate) struct BatchMetrics {
    /// Whether somebody may ask for times: each post looks at the clock then.
    is_timed: bool,
    refused: Counter,
    stored: Counter,
    batches: Counter,
    sizes: Histogram,
    waits: Histogram,
    commits: Histogram,
}

impl BatchMetrics {
    pub(crate) fn new(is_timed: bool) -> BatchMetrics {
        BatchMetrics {
            is_timed,
            refused: Counter::default(),
            stored: Counter::default(),
            batches: Counter::default(),
            sizes: Histogram::of_sizes(),
            waits: Histogram::of_times(),
            commits: Histogram::of_times(),
        }
    }

    /// This moment, for a post that begins to wait or a batch that begins.
    pub(crate) fn now(&self) -> Option<Instant> {
        self.is_timed.then(Instant::now)
    }

    /// A post found the queue full.
    pub(crate) fn refuse(&self) {
        self.refused.increment();
    }

    /// A batch is taken out of the queue, whose first post has waited since.
    pub(crate) fn begin(&self, first: Option<Instant>) {
        if let Some(since) = first {
            self.waits.observe(since.elapsed());
        }
    }

    /// A batch of so many posts was committed, which began at this moment.
    pub(crate) fn commit(&self, posts: usize, begun: Option<Instant>) {
        self.stored.add(posts as u64);
        self.batches.increment();
        self.sizes.observe_size(posts);
        let time: Option<Duration> = begun.map(|begun| begun.elapsed());
        time.iter().for_each(|time| self.commits.observe(*time));
    }

    /// Writes all of it; `waiting` posts are in the queue, which has room for
    /// `room`.
    pub(crate) fn measure(&self, page: &mut Page, (waiting, room): (usize, usize)) {
        let posts = "Posts acknowledged, those sent again under their key included.";
        page.counter("dunder_posts_stored_total", posts, &[], self.stored.count());
        let batches = "Batches of posts committed.";
        page.counter("dunder_batches_total", batches, &[], self.batches.count());
        let sizes = "Posts of a batch.";
        page.histogram("dunder_batch_messages", sizes, &[], &self.sizes);
        let waits = "Time that the first post of a batch waited for its turn.";
        page.histogram("dunder_batch_wait_seconds", waits, &[], &self.waits);
        let commits = "Time of a batch from its turn to its commit, retries included.";
        page.histogram("dunder_batch_commit_seconds", commits, &[], &self.commits);
        let queue = "Posts that wait for the store.";
        page.gauge("dunder_writer_queue_messages", queue, &[], waiting as f64);
        let limit = [("limit", "writer_queue")];
        let used = "What of a limit (limits.NAME) is used.";
        page.gauge("dunder_limit_used", used, &limit, waiting as f64);
        page.gauge(
            "dunder_limit_max",
            "A limit (limits.NAME).",
            &limit,
            room as f64,
        );
        page.counter(
            "dunder_http_requests_shed_total",
            "Requests refused or given up for a limit (limits.NAME).",
            &[("reason", "writer_queue")],
            self.refused.count(),
        );
    }
}
