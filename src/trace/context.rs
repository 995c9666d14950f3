//! Ids of traces and spans, and how they go from one program to another
//! (<https://www.w3.org/TR/trace-context/>).

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The id of a trace, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub u128);

/// The id of a span, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub u64);

/// A span, and the trace it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
}

/// What a `traceparent` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The caller's span.
    pub context: SpanContext,
    /// Whether the caller may have recorded it.
    pub is_sampled: bool,
}

/// Not a `traceparent`; a request that has such a one is taken as if it had
/// none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent, which is written 00-TRACE-SPAN-FLAGS in hexadecimal")]
pub struct TraceParentError;

impl TraceId {
    /// One that nobody else has.
    pub fn random() -> TraceId {
        TraceId::with_lower(random())
    }

    /// The same with a lower half that is random already.
    pub(super) fn with_lower(lower: u64) -> TraceId {
        TraceId(u128::from(random()) << 64 | u128::from(lower))
    }
}

impl SpanId {
    /// One that nobody else has.
    pub fn random() -> SpanId {
        SpanId(random())
    }
}

impl TraceParent {
    /// A new trace, which the caller does not record itself.
    pub fn new() -> TraceParent {
        TraceParent {
            context: SpanContext {
                trace: TraceId::random(),
                span: SpanId::random(),
            },
            is_sampled: false,
        }
    }
}

impl Default for TraceParent {
    fn default() -> TraceParent {
        TraceParent::new()
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<TraceParent, TraceParentError> {
        let hex = |part: &str| {
            let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let number = part.bytes().all(is_hex).then_some(part);
            number.and_then(|part| u128::from_str_radix(part, 16).ok())
        };
        let read = || {
            let parts: Vec<&str> = text.split('-').collect();
            let [version, trace, span, flags, more @ ..] = parts.as_slice() else {
                return None;
            };
            // A later version may say more behind these four; 255 is none.
            let lengths = [version.len(), trace.len(), span.len(), flags.len()];
            let version = hex(version)?;
            let is_known = version != 255 && (version > 0 || more.is_empty());
            if lengths != [2, 32, 16, 2] || !is_known {
                return None;
            }
            let (trace, span) = (hex(trace)?, u64::try_from(hex(span)?).ok()?);
            (trace != 0 && span != 0).then_some(TraceParent {
                context: SpanContext {
                    trace: TraceId(trace),
                    span: SpanId(span),
                },
                is_sampled: hex(flags)? & 1 == 1,
            })
        };
        read().ok_or(TraceParentError)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SpanContext { trace, span } = self.context;
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", trace.0, span.0)
    }
}

/// A number that no other call gets, here or in another process, as far as
/// chance can see to it: a sequence that begins anywhere, stirred by the last
/// steps of SplitMix64 (<https://doi.org/10.1145/2714064.2660195>). What every
/// request asks for must not cost a system call, nor what threads share.
pub(super) fn random() -> u64 {
    thread_local! {
        static NEXT: Cell<u64> = Cell::new(seed());
    }
    // A thread at its end has none any more.
    let number = NEXT.try_with(|next| next.replace(next.get().wrapping_add(0x9e37_79b9_7f4a_7c15)));
    let mut number = number.unwrap_or_else(|_| seed());
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (number ^ (number >> 31)).max(1)
}

fn seed() -> u64 {
    // Where the system has nothing random, at least no two threads are alike.
    static THREADS: AtomicU64 = AtomicU64::new(1);
    getrandom::u64().unwrap_or_else(|_| THREADS.fetch_add(1 << 32, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_traceparent_is_read_as_w3c_has_it() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let read: TraceParent = good.parse().unwrap();
        assert!(read.is_sampled);
        assert_eq!(read.to_string(), good);
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more";
        assert!(!later.parse::<TraceParent>().unwrap().is_sampled);
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b71692033311-01",
        ] {
            assert_eq!(bad.parse::<TraceParent>(), Err(TraceParentError), "{bad}");
        }
    }

    #[test]
    fn ids_differ() {
        let mut seen = std::collections::HashSet::new();
        assert!((0..100_000).all(|_| seen.insert(random())));
        let others = std::thread::spawn(|| (0..100_000).map(|_| random()).collect::<Vec<_>>());
        assert!(others.join().unwrap().into_iter().all(|id| seen.insert(id)));
    }

    proptest! {
        #[test]
        fn any_text_is_a_traceparent_or_a_refusal(text: String) {
            let _ = text.parse::<TraceParent>();
        }
    }
}
