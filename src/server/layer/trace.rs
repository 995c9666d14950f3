//! A span for every request that is traced, until the head of its answer, with
//! the names of OpenTelemetry's conventions for HTTP
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use hyper::header::{HeaderMap, HeaderName};
use hyper::{Method, Request, Version};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::server::layer::named;
use crate::server::layer::request_log::shown_path;
use crate::server::response::{Answer, X_REQUEST_ID};
use crate::trace::{self, OpenSpan, TraceParent, Tracer};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The layer.
#[derive(Clone, Copy)]
pub(crate) struct TraceLayer<'c> {
    /// Who traces, if anybody.
    pub(crate) tracer: Option<&'c Tracer>,
    /// The path of the request's line in the table of routes.
    pub(crate) route: Option<&'static str>,
}

impl<'c, S> Layer<S> for TraceLayer<'c> {
    type Service = Trace<'c, S>;

    fn layer(&self, inner: S) -> Trace<'c, S> {
        let layer = *self;
        Trace { layer, inner }
    }
}

/// The service.
#[derive(Clone, Copy)]
pub(crate) struct Trace<'c, S> {
    layer: TraceLayer<'c>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Trace<'_, S>
where
    S: Service<Request<B>, Response = Answer, Error = Infallible>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Traced<S::Future>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Traced<S::Future> {
        let TraceLayer { tracer, route } = self.layer;
        let span = tracer.and_then(|tracer| begin(tracer, route, &request));
        Traced {
            span: span.map(Box::new),
            inner: self.inner.call(request),
        }
    }
}

fn begin<B>(
    tracer: &Tracer,
    route: Option<&'static str>,
    request: &Request<B>,
) -> Option<OpenSpan> {
    let mut span = tracer.request(parent(request.headers()))?;
    let method = known(request.method());
    let route = route.map(|route| route.replace('*', "{ulid}"));
    span.rename(match &route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    });
    span.set("http.request.method", method);
    if let Some(route) = route {
        span.set("http.route", route);
    }
    span.set("url.path", shown_path(request.uri().path()).into_owned());
    span.set("network.protocol.version", version(request.version()));
    Some(span)
}

/// Of two that differ nobody knows which is meant.
fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = named(headers, TRACEPARENT);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.parse().ok())?
}

/// Whatever else a client wrote would be one more value each time.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

pin_project! {
    /// Its future.
    pub(crate) struct Traced<F> {
        span: Option<Box<OpenSpan>>,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Answer, Infallible>>> Future for Traced<F> {
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(span) = this.span else {
            return this.inner.poll(task);
        };
        let Ok(answer) = ready!(trace::within(Some(span.active()), || this.inner.poll(task)));
        if let Some(span) = this.span.take() {
            end(*span, &answer);
        }
        Poll::Ready(Ok(answer))
    }
}

fn end(mut span: OpenSpan, answer: &Answer) {
    let status = answer.status();
    span.set("http.response.status_code", i64::from(status.as_u16()));
    // With it, the log's lines about the request are found.
    let id = answer.headers().get(X_REQUEST_ID);
    if let Some(id) = id.and_then(|id| id.to_str().ok()) {
        span.set("dunder.request_id", id.to_owned());
    }
    if status.is_server_error() {
        span.set("error.type", status.as_str().to_owned());
        span.fail();
    }
}
