//! Where the time of a request went: spans, in the sense of OpenTelemetry.
//!
//! The server begins a span for a request that is to be traced. While it is
//! worked on, the span is the *current* one, and whoever does a part of the
//! work asks for a span below it: [`span`] is `None` where nobody traces, which
//! is a look at a variable of the thread. What goes through a queue takes its
//! span along. A span ends when it is dropped, and goes to a [`SpanSink`].
//!
//! Below everything else, like `metrics`; `app` sends what comes out. No text,
//! user name or value of a query is in a span.

mod context;
mod sampler;

pub use context::{SpanContext, SpanId, TraceId, TraceParent};
pub use sampler::{ParentRule, Sampler};

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant, SystemTime};

use sampler::Chosen;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use pin_project_lite::pin_project;

/// Requests a second that are traced because their clients say so. Anybody may
/// say it: with more, the spans of nobody else would find room.
const ASKED: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its trace, and its own id.
    pub context: SpanContext,
    /// The span above it, which another program may have begun.
    pub parent: Option<SpanId>,
    /// What was done, in few words of which there are not many.
    pub name: Cow<'static, str>,
    /// For whom.
    pub kind: SpanKind,
    /// When it began.
    pub start: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Names and values of OpenTelemetry's conventions, where there are any.
    pub attributes: Vec<(&'static str, Value)>,
    /// Spans of other requests that this was done for as well.
    pub links: Vec<SpanContext>,
    /// Whether it failed.
    pub is_error: bool,
}

/// For whom something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// For a client.
    Server,
    /// For the span above.
    Internal,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

/// Where spans go that have ended. Never waits.
pub trait SpanSink: Send + Sync {
    /// Takes one, or drops it.
    fn ended(&self, span: Span);
}

/// Begins the spans of requests that are to be traced.
#[derive(Clone)]
pub struct Tracer {
    chosen: Chosen,
    /// What is left of [`ASKED`].
    asked: Arc<DefaultDirectRateLimiter>,
    sink: Arc<dyn SpanSink>,
}

impl Tracer {
    /// A tracer of what the sampler chooses.
    pub fn new(sampler: Sampler, sink: Arc<dyn SpanSink>) -> Tracer {
        Tracer {
            chosen: sampler.chosen(),
            asked: Arc::new(RateLimiter::direct(Quota::per_second(ASKED))),
            sink,
        }
    }

    /// The span of a request, below that of its client; `None` where it is not
    /// to be traced.
    pub fn request(&self, parent: Option<TraceParent>) -> Option<OpenSpan> {
        // For most nothing more is made than what chooses.
        let lower = parent.map_or_else(context::random, |parent| parent.context.trace.0 as u64);
        let mut is_sampled = parent.map(|parent| parent.is_sampled);
        let is_bounded = self.chosen.parent == ParentRule::BelievedIfSampled;
        if is_bounded && is_sampled == Some(true) && self.asked.check().is_err() {
            is_sampled = Some(false);
        }
        if !self.chosen.has(lower, is_sampled) {
            return None;
        }
        let trace =
            parent.map_or_else(|| TraceId::with_lower(lower), |parent| parent.context.trace);
        let sink = Arc::clone(&self.sink);
        let above = parent.map(|parent| parent.context.span);
        let mut span = OpenSpan::begin(trace, above, "", sink);
        span.kind = SpanKind::Server;
        Some(span)
    }
}

/// A span that others can be below of.
#[derive(Clone)]
pub struct Active {
    context: SpanContext,
    sink: Arc<dyn SpanSink>,
}

impl Active {
    /// Begins a span below this one.
    pub fn child(&self, name: &'static str) -> OpenSpan {
        let SpanContext { trace, span } = self.context;
        OpenSpan::begin(trace, Some(span), name, Arc::clone(&self.sink))
    }
}

/// A span under way, which ends when it is dropped.
pub struct OpenSpan {
    context: SpanContext,
    parent: Option<SpanId>,
    name: Cow<'static, str>,
    kind: SpanKind,
    start: SystemTime,
    begun: Instant,
    attributes: Vec<(&'static str, Value)>,
    links: Vec<SpanContext>,
    is_error: bool,
    sink: Arc<dyn SpanSink>,
}

impl OpenSpan {
    fn begin(
        trace: TraceId,
        parent: Option<SpanId>,
        name: &'static str,
        sink: Arc<dyn SpanSink>,
    ) -> OpenSpan {
        OpenSpan {
            context: SpanContext {
                trace,
                span: SpanId::random(),
            },
            parent,
            name: name.into(),
            kind: SpanKind::Internal,
            start: SystemTime::now(),
            begun: Instant::now(),
            attributes: Vec::new(),
            links: Vec::new(),
            is_error: false,
            sink,
        }
    }

    /// For spans below it.
    pub fn active(&self) -> Active {
        Active {
            context: self.context,
            sink: Arc::clone(&self.sink),
        }
    }

    /// The span above it, for others below that one.
    pub fn above(&self) -> Option<Active> {
        let (trace, sink) = (self.context.trace, Arc::clone(&self.sink));
        self.parent.map(|span| Active {
            context: SpanContext { trace, span },
            sink,
        })
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: String) {
        self.name = name.into();
    }

    /// Says more of it.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, value.into()));
    }

    /// Says that it is done for another one as well.
    pub fn link(&mut self, other: &Active) {
        self.links.push(other.context);
    }

    /// Says that it failed.
    pub fn fail(&mut self) {
        self.is_error = true;
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        self.sink.ended(Span {
            context: self.context,
            parent: self.parent,
            name: std::mem::take(&mut self.name),
            kind: self.kind,
            start: self.start,
            took: self.begun.elapsed(),
            attributes: std::mem::take(&mut self.attributes),
            links: std::mem::take(&mut self.links),
            is_error: self.is_error,
        });
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Value {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(number)
    }
}

tokio::task_local! {
    static CURRENT: Active;
}

/// The span of what this task, or this thread, is at.
pub fn current() -> Option<Active> {
    CURRENT.try_with(Active::clone).ok()
}

/// Begins a span below the current one; ends when it is dropped.
pub fn span(name: &'static str) -> Option<OpenSpan> {
    CURRENT.try_with(|active| active.child(name)).ok()
}

/// Ends a span, and says whether what it stood for failed.
pub fn end(span: Option<OpenSpan>, is_error: bool) {
    if let Some(mut span) = span {
        span.is_error = is_error;
    }
}

/// Does something with a span as the current one.
pub fn within<T>(active: Option<Active>, work: impl FnOnce() -> T) -> T {
    match active {
        Some(active) => CURRENT.sync_scope(active, work),
        None => work(),
    }
}

pin_project! {
    /// A future that is polled with a span as the current one.
    pub struct Within<F> {
        active: Option<Active>,
        #[pin]
        inner: F,
    }
}

impl<F> Within<F> {
    /// A future, and the span that is current while it runs.
    pub fn new(active: Option<Active>, inner: F) -> Within<F> {
        Within { active, inner }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        let this = self.project();
        within(this.active.clone(), || this.inner.poll(task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Kept(Mutex<Vec<Span>>);

    impl SpanSink for Kept {
        fn ended(&self, span: Span) {
            self.0.lock().unwrap().push(span);
        }
    }

    #[test]
    fn spans_are_below_the_current_one_and_end_when_they_are_dropped() {
        let kept = Arc::new(Kept::default());
        let tracer = Tracer::new(Sampler::of_ratio(1.0), Arc::clone(&kept) as _);
        assert!(span("nobody traces").is_none());
        let request = tracer.request(None).unwrap();
        within(Some(request.active()), || {
            let outer = span("outer").unwrap();
            within(Some(outer.active()), || drop(span("inner")));
        });
        drop(request);
        let kept = kept.0.lock().unwrap();
        let names: Vec<&str> = kept.iter().map(|span| &*span.name).collect();
        assert_eq!(names, ["inner", "outer", ""]);
        assert_eq!(kept[0].parent, Some(kept[1].context.span));
        assert_eq!(kept[1].parent, Some(kept[2].context.span));
        assert_eq!((kept[2].parent, kept[2].kind), (None, SpanKind::Server));
        let traces = kept.iter().map(|span| span.context.trace);
        assert!(traces.clone().eq([kept[0].context.trace; 3]));
        assert!(span("nobody traces any more").is_none());
    }

    #[test]
    fn the_trace_of_a_client_goes_on() {
        let kept = Arc::new(Kept::default());
        let tracer = Tracer::new(Sampler::of_ratio(0.0), Arc::clone(&kept) as _);
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        drop(tracer.request(parent.parse().ok()));
        assert!(tracer.request(None).is_none());
        let kept = kept.0.lock().unwrap();
        assert_eq!(
            kept[0].context.trace.0,
            0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c
        );
        assert_eq!(kept[0].parent, Some(SpanId(0xb7ad_6b71_6920_3331)));
    }

    #[test]
    fn what_clients_ask_for_is_bounded_and_what_is_chosen_anyway_is_not() {
        let traced = |ratio, is_sampled| {
            let tracer = Tracer::new(Sampler::of_ratio(ratio), Arc::new(Kept::default()));
            let client = || TraceParent {
                is_sampled,
                ..TraceParent::new()
            };
            let asked = (0..10_000).map(|_| tracer.request(Some(client())));
            asked.flatten().count()
        };
        let asked = traced(0.0, true);
        assert!((50..5_000).contains(&asked), "{asked}");
        assert_eq!((traced(0.0, false), traced(1.0, true)), (0, 10_000));
    }
}
