//! What the server counts: requests by route, method and status, reads of the
//! store by kind, and connections. What is bounded counts itself
//! (`layer/in_flight`, `layer/limits`, `layer/auth`, `follow`); [`measure`]
//! puts all of it on a page.
//!
//! Requests and reads are counted only where somebody may ask for it, which is
//! known at the start; numbers that are touched seldom always are.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};

use crate::metrics::{Counter, Histogram, Moment, Page, Stripe, Striped};
use crate::server::Context;
use crate::server::routes;

/// Methods by which requests are told apart; any other is the last.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "DELETE", "other"];
/// Statuses likewise: all that the server answers with.
const STATUSES: [u16; 20] = [
    200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 410, 413, 414, 421, 429, 431, 500, 501, 503,
    304,
];

/// All of the server's own numbers.
#[derive(Default)]
pub(crate) struct ServerMetrics {
    /// Where requests are counted.
    pub(crate) requests: Option<RequestMetrics>,
    pub(crate) reads: Reads,
    pub(crate) connections: ConnectionMetrics,
}

impl ServerMetrics {
    /// Counts requests and reads, too.
    pub(crate) fn whole() -> ServerMetrics {
        ServerMetrics {
            requests: Some(RequestMetrics::new(routes::paths())),
            reads: Reads(Some(Arc::new(Striped::new(Default::default)))),
            connections: ConnectionMetrics::default(),
        }
    }
}

/// What became of connections.
#[derive(Default)]
pub(crate) struct ConnectionMetrics {
    /// Requests were waited for.
    pub(crate) served: Counter,
    /// TLS was not agreed on.
    pub(crate) tls_failed: Counter,
    /// Nor in time.
    pub(crate) tls_timed_out: Counter,
    /// The system gave none.
    pub(crate) not_accepted: Counter,
}

/// Requests, by what they were and what became of them.
pub(crate) struct RequestMetrics {
    paths: Box<[&'static str]>,
    counted: Striped<Requests>,
}

/// The numbers, in tables: to find one is to index.
pub(crate) struct Requests {
    /// A line of the table of routes each, and one for requests that have
    /// none.
    routes: Box<[[Answered; METHODS.len()]]>,
    begun: Counter,
    /// Given up before they had an answer.
    abandoned: Counter,
}

/// Answers to one method of one route.
struct Answered {
    statuses: [Counter; STATUSES.len() + 1],
    times: Histogram,
}

impl Default for Answered {
    fn default() -> Answered {
        Answered {
            statuses: Default::default(),
            times: Histogram::of_times(),
        }
    }
}

impl Answered {
    fn add(&self, other: &Answered) {
        for (count, more) in self.statuses.iter().zip(&other.statuses) {
            count.add(more.count());
        }
        self.times.add(&other.times);
    }
}

impl Requests {
    /// None yet, of so many routes.
    fn of(routes: usize) -> Requests {
        Requests {
            routes: (0..routes).map(|_| Default::default()).collect(),
            begun: Counter::default(),
            abandoned: Counter::default(),
        }
    }

    fn answered(&self, route: Option<usize>, method: usize, status: StatusCode, time: Duration) {
        let none = self.routes.len() - 1;
        let Some(answered) = self
            .routes
            .get(route.unwrap_or(none))
            .and_then(|route| route.get(method))
        else {
            return;
        };
        let same = |known: &u16| *known == status.as_u16();
        let status = STATUSES.iter().position(same).unwrap_or(STATUSES.len());
        answered.statuses[status].increment();
        answered.times.observe(time);
    }

    fn add(&self, other: &Requests) {
        let (ours, theirs) = (self.routes.iter(), other.routes.iter());
        for (answered, more) in ours.flatten().zip(theirs.flatten()) {
            answered.add(more);
        }
        self.abandoned.add(other.abandoned.count());
        // Last: what has ended meanwhile had begun.
        self.begun.add(other.begun.count());
    }
}

impl RequestMetrics {
    fn new(paths: impl Iterator<Item = &'static str>) -> RequestMetrics {
        let paths: Box<[_]> = paths.chain(["other"]).collect();
        RequestMetrics {
            counted: Striped::new(|| Requests::of(paths.len())),
            paths,
        }
    }

    fn measure(&self, page: &mut Page) {
        let requests = Requests::of(self.paths.len());
        self.counted
            .iter()
            .for_each(|counted| requests.add(counted));
        let mut answered_in_all = 0;
        for (path, methods) in self.paths.iter().zip(&requests.routes) {
            let route = path.replace('*', "{id}");
            for (method, answered) in METHODS.iter().zip(methods) {
                if answered.times.is_empty() {
                    continue;
                }
                let labels = [("route", route.as_str()), ("method", *method)];
                page.histogram(
                    "dunder_http_request_duration_seconds",
                    "Time from a request's head to the head of its answer.",
                    &labels,
                    &answered.times,
                );
                for (status, count) in answered.statuses.iter().enumerate() {
                    if count.count() == 0 {
                        continue;
                    }
                    answered_in_all += count.count();
                    let status = STATUSES.get(status).map(u16::to_string);
                    let status = status.unwrap_or_else(|| "other".to_owned());
                    page.counter(
                        "dunder_http_requests_total",
                        "Requests answered.",
                        &[labels[0], labels[1], ("status", &status)],
                        count.count(),
                    );
                }
            }
        }
        let abandoned = requests.abandoned.count();
        let ended = answered_in_all + abandoned;
        page.counter(
            "dunder_http_requests_abandoned_total",
            "Requests whose clients left before the answer.",
            &[],
            abandoned,
        );
        page.gauge(
            "dunder_http_requests_in_flight",
            "Requests that have no answer yet.",
            &[],
            requests.begun.count().saturating_sub(ended) as f64,
        );
    }
}

/// One request, from its head on.
pub(crate) struct Observation {
    requests: Arc<Stripe<Requests>>,
    begun: Moment,
    route: Option<usize>,
    method: usize,
    has_ended: bool,
}

impl Observation {
    pub(crate) fn begin(
        metrics: &RequestMetrics,
        route: Option<usize>,
        method: &Method,
        begun: Moment,
    ) -> Observation {
        let requests = Arc::clone(metrics.counted.here());
        requests.begun.increment();
        Observation {
            requests,
            begun,
            route,
            method: match *method {
                Method::GET => 0,
                Method::HEAD => 1,
                Method::POST => 2,
                Method::DELETE => 3,
                _ => METHODS.len() - 1,
            },
            has_ended: false,
        }
    }

    /// It is answered.
    pub(crate) fn end(&mut self, status: StatusCode) {
        let (route, method, time) = (self.route, self.method, self.begun.elapsed());
        self.requests.answered(route, method, status, time);
        self.has_ended = true;
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if !self.has_ended {
            self.requests.abandoned.increment();
        }
    }
}

/// What is read from the store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read {
    Page,
    Message,
    Trend,
    Hashtags,
    After,
    Users,
}

impl Read {
    const NAMES: [&str; 6] = ["page", "message", "trend", "hashtags", "after", "users"];
}

/// Times of reads, where they are counted.
#[derive(Clone, Default)]
pub(crate) struct Reads(Option<Arc<Striped<ReadKinds>>>);

type ReadKinds = [ReadTimes; Read::NAMES.len()];

struct ReadTimes {
    failed: Counter,
    times: Histogram,
}

impl Default for ReadTimes {
    fn default() -> ReadTimes {
        ReadTimes {
            failed: Counter::default(),
            times: Histogram::of_times(),
        }
    }
}

impl Reads {
    /// Takes note of how long a read takes, the wait for its turn included.
    pub(crate) async fn time<T, E>(
        &self,
        kind: Read,
        read: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(kinds) = &self.0 else {
            return read.await;
        };
        let begun = Moment::now();
        let done = read.await;
        let kind = &kinds.here()[kind as usize];
        kind.times.observe(begun.elapsed());
        if done.is_err() {
            kind.failed.increment();
        }
        done
    }

    /// Takes note of what was at hand.
    pub(crate) fn at_hand(&self, kind: Read) {
        if let Some(kinds) = &self.0 {
            kinds.here()[kind as usize].times.observe_none();
        }
    }

    fn measure(&self, page: &mut Page) {
        let Some(counted) = &self.0 else { return };
        let kinds = ReadKinds::default();
        for (kind, more) in counted.iter().flat_map(|counted| kinds.iter().zip(counted)) {
            kind.failed.add(more.failed.count());
            kind.times.add(&more.times);
        }
        for (name, kind) in Read::NAMES.iter().zip(&kinds) {
            let failed = kind.failed.count();
            let ended = kind.times.count();
            for (result, count) in [("ok", ended.saturating_sub(failed)), ("error", failed)] {
                page.counter(
                    "dunder_reads_total",
                    "Reads of the store, by what they are for.",
                    &[("kind", name), ("result", result)],
                    count,
                );
            }
            page.histogram(
                "dunder_read_duration_seconds",
                "Time of a read of the store, the wait for its turn included.",
                &[("kind", name)],
                &kind.times,
            );
        }
    }
}

/// Writes all that the server knows of itself.
pub(crate) fn measure(context: &Context, page: &mut Page) {
    let metrics = &context.metrics;
    if let Some(requests) = &metrics.requests {
        requests.measure(page);
    }
    metrics.reads.measure(page);
    let connections = &metrics.connections;
    for (result, count) in [
        ("served", &connections.served),
        ("tls_failed", &connections.tls_failed),
        ("tls_timed_out", &connections.tls_timed_out),
        ("not_accepted", &connections.not_accepted),
    ] {
        page.counter(
            "dunder_http_connections_total",
            "Connections, by what became of them.",
            &[("result", result)],
            count.count(),
        );
    }
    context.load.measure(page);
    context.limits.measure(page);
    context.auth.measure(page);
    context.followers.measure(page);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Format;

    #[test]
    fn a_request_is_in_flight_until_it_is_answered_or_given_up() {
        let metrics = RequestMetrics::new(["/a/*", "/b"].into_iter());
        let text = || {
            let mut page = Page::default();
            metrics.measure(&mut page);
            page.write(Format::Prometheus).unwrap()
        };
        let begin = |route, method| Observation::begin(&metrics, route, &method, Moment::now());
        let mut first = begin(Some(0), Method::HEAD);
        let second = begin(None, Method::PATCH);
        assert!(text().contains("\ndunder_http_requests_in_flight 2.0\n"));
        first.end(StatusCode::GONE);
        drop(first);
        drop(second);
        let mut third = begin(None, Method::PATCH);
        third.end(StatusCode::IM_A_TEAPOT);
        let text = text();
        for line in [
            "dunder_http_requests_total{route=\"/a/{id}\",method=\"HEAD\",status=\"410\"} 1",
            "dunder_http_requests_total{route=\"other\",method=\"other\",status=\"other\"} 1",
            "dunder_http_request_duration_seconds_count{route=\"/a/{id}\",method=\"HEAD\"} 1",
            "dunder_http_requests_abandoned_total 1",
            "dunder_http_requests_in_flight 0",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("\"/b\""), "{text}");
    }
}
