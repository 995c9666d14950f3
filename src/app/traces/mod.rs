//! Spans on their way to a collector, by OTLP over HTTP. They wait in a bounded
//! queue; what finds no room, or no collector, is dropped and counted. Nothing
//! that is traced ever waits for this.

mod otlp;
mod tls;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::config::TracesConfig;
use crate::domain::Job;
use crate::metrics::{Counter, Page};
use crate::trace::{Span, SpanSink, Tracer};

/// Spans that wait at most.
const QUEUE: usize = 4_096;
/// Spans sent at once at most.
const BATCH: usize = 512;
/// How long spans wait for others to be sent with.
const LINGER: Duration = Duration::from_secs(2);
/// How long a stop waits for the last spans at most, after everything else.
const AT_STOP: Duration = Duration::from_secs(1);
/// Between two lines of the log about a collector that is away.
const QUIET: Duration = Duration::from_secs(60);

/// Why spans cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// TLS, or HTTP.
    #[error("spans cannot be sent to {collector}: {reason}")]
    Client {
        /// Its scheme, host and port.
        collector: String,
        /// What is wrong.
        reason: String,
    },
}

/// What takes spans to the collector.
pub(crate) struct Traces {
    tracer: Tracer,
    worker: Arc<Worker>,
    stop: watch::Sender<bool>,
}

/// What is counted of it.
#[derive(Default)]
pub(crate) struct TracesMetrics {
    /// Spans that a collector took.
    pub(crate) sent: Counter,
    /// Spans that found no room, or no collector.
    pub(crate) dropped: Counter,
}

impl TracesMetrics {
    pub(crate) fn measure(&self, page: &mut Page) {
        let spans = [("sent", &self.sent), ("dropped", &self.dropped)];
        for (result, count) in spans {
            page.counter(
                "dunder_spans_total",
                "Spans that the collector of otel.endpoint took, and those that found no room or no collector.",
                &[("result", result)],
                count.count(),
            );
        }
    }
}

impl Traces {
    /// Takes spans from now on; they are sent by [`Traces::job`].
    ///
    /// # Errors
    /// [`TracesError`].
    pub(crate) fn new(settings: &TracesConfig) -> Result<Traces, TracesError> {
        let client = client(settings).map_err(|reason| TracesError::Client {
            collector: settings.collector(),
            reason,
        })?;
        let (sender, spans) = mpsc::channel(QUEUE);
        let (stop, stopping) = watch::channel(false);
        let metrics = Arc::<TracesMetrics>::default();
        let queue = Queue {
            sender,
            metrics: Arc::clone(&metrics),
        };
        let worker = Worker {
            spans: Mutex::new(spans),
            client: RwLock::new(client),
            settings: settings.clone(),
            stopping,
            ended: watch::channel(false).0,
            metrics,
            said: std::sync::Mutex::default(),
        };
        Ok(Traces {
            tracer: Tracer::new(settings.sampler, Arc::new(queue)),
            worker: Arc::new(worker),
            stop,
        })
    }

    /// For those who trace.
    pub(crate) fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> Arc<TracesMetrics> {
        Arc::clone(&self.worker.metrics)
    }

    /// Sends, until [`Traces::finish`].
    pub(crate) fn job(&self) -> Job {
        let worker = Arc::clone(&self.worker);
        Job::new("traces", move || {
            let worker = Arc::clone(&worker);
            async move { worker.run().await }
        })
    }

    /// Sends what waits, for a second at most.
    pub(crate) async fn finish(&self) {
        self.stop.send_replace(true);
        let mut ended = self.worker.ended.subscribe();
        if timeout(AT_STOP, ended.wait_for(|ended| *ended))
            .await
            .is_err()
        {
            tracing::warn!("the last spans were not sent: the collector took too long");
        }
    }
}

/// The end of the queue where spans come in.
struct Queue {
    sender: mpsc::Sender<Span>,
    metrics: Arc<TracesMetrics>,
}

impl SpanSink for Queue {
    fn ended(&self, span: Span) {
        if self.sender.try_send(span).is_err() {
            self.metrics.dropped.increment();
        }
    }
}

struct Worker {
    spans: Mutex<mpsc::Receiver<Span>>,
    client: RwLock<reqwest::Client>,
    settings: TracesConfig,
    stopping: watch::Receiver<bool>,
    ended: watch::Sender<bool>,
    metrics: Arc<TracesMetrics>,
    /// When the log last said that the collector was away.
    said: std::sync::Mutex<Option<Instant>>,
}

impl Worker {
    async fn run(&self) {
        let mut spans = self.spans.lock().await;
        let mut stopping = self.stopping.clone();
        loop {
            let mut batch = Vec::new();
            let stop = async { drop(stopping.wait_for(|stop| *stop).await) };
            tokio::select! {
                () = gather(&mut spans, &mut batch) => {}
                () = stop => {}
            }
            // What has come meanwhile goes along.
            while batch.len() < BATCH
                && let Ok(span) = spans.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                break;
            }
            self.send(batch).await;
        }
        self.ended.send_replace(true);
    }

    async fn send(&self, batch: Vec<Span>) {
        let count = batch.len() as u64;
        let body = otlp::encode(&self.settings.resource, batch);
        let client = self.client();
        let request = client.post(&self.settings.endpoint).body(body);
        let why = match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                self.metrics.sent.add(count);
                return;
            }
            Ok(answer) => format!("it answered {}", answer.status()),
            Err(error) => match self.read_files().await {
                Ok(()) => reason(&error),
                Err(why) => format!("{}; {why}", reason(&error)),
            },
        };
        self.metrics.dropped.add(count);
        self.say(count, &why);
    }

    fn client(&self) -> reqwest::Client {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        client.clone()
    }

    /// Certificates expire and are renewed: what could not be sent may have
    /// been refused for those that were read before. Until the new ones are
    /// whole the old ones stay.
    async fn read_files(&self) -> Result<(), String> {
        if self.settings.tls.is_any() {
            let settings = self.settings.clone();
            let read = tokio::task::spawn_blocking(move || client(&settings)).await;
            let client = read.map_err(|error| error.to_string())??;
            *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        }
        Ok(())
    }

    /// Once a minute: spans are no reason to fill the log.
    fn say(&self, count: u64, why: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() >= QUIET) {
            *said = Some(Instant::now());
            tracing::warn!(
                spans = count,
                "the collector of otel.endpoint took no spans: {why}"
            );
        }
    }
}

/// Waits for a span, and for those that come soon after it.
async fn gather(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    // Its sender lives as long as the server.
    if spans.recv_many(batch, BATCH).await == 0 {
        return std::future::pending().await;
    }
    let more = async {
        while batch.len() < BATCH {
            spans.recv_many(batch, BATCH - batch.len()).await;
        }
    };
    tokio::select! {
        () = more => {}
        () = sleep(LINGER) => {}
    }
}

/// The innermost cause, without the address, which may hold what is secret.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        cause.to_string()
    }
}

fn client(settings: &TracesConfig) -> Result<reqwest::Client, String> {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    );
    for (name, value) in &settings.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("{name} is no header"))?;
        let value = HeaderValue::from_str(value.reveal());
        let mut value = value.map_err(|_| format!("the value of the header {name} is none"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let tls = tls::config(&settings.tls, settings.endpoint.starts_with("https:"))?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("dunder/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .timeout(settings.timeout)
        .build()
        .map_err(|error| reason(&error))
}
