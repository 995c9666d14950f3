//! The limits in force. A reload changes them while the server runs: every
//! request looks at them as it needs them, a connection when it begins.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::layer::in_flight::LoadShed;
use super::layer::limits::Limiters;
use crate::config::Limits;

/// Limits, and what counts by them.
#[derive(Clone)]
pub struct LiveLimits {
    pub(super) values: Arc<ArcSwap<Limits>>,
    pub(super) load: Arc<LoadShed>,
    pub(super) rates: Arc<Limiters>,
}

impl LiveLimits {
    pub(super) fn new(limits: &Limits) -> LiveLimits {
        LiveLimits {
            values: Arc::new(ArcSwap::from_pointee(limits.clone())),
            load: Arc::new(LoadShed::new(limits)),
            rates: Arc::new(Limiters::new(limits)),
        }
    }

    /// Keys of limits that only a restart changes: the store was opened with
    /// them, or memory was shared out by them.
    pub const FIXED: [&'static str; 3] = [
        "limits.writer_queue",
        "limits.query_timeout",
        "limits.answer_memory",
    ];

    /// Goes on with other limits, but for those that are fixed. What is over a
    /// lower one stays until it ends.
    pub fn change(&self, limits: &Limits) {
        let before = self.values.load_full();
        let limits = Limits {
            query_timeout: before.query_timeout,
            answer_memory: before.answer_memory,
            ..limits.clone()
        };
        self.load.change(&limits);
        self.rates.change(&before, &limits);
        self.values.store(Arc::new(limits));
    }
}
