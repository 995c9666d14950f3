//! An id for every request, one line in the log about it,
//! and the headers that every answer carries.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Task, Poll, ready};

use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::metrics::Moment;
use crate::server::layer::named;
use crate::server::response;
use crate::server::response::{Answer, Failed, X_REQUEST_ID};

/// The longest id that a request may bring, in bytes.
const GIVEN_ID: usize = 128;
/// Bytes of a path, and of a method, that a log line or an error shows.
const PATH: usize = 100;
const METHOD: usize = 20;

/// The layer.
#[derive(Clone, Copy)]
pub(crate) struct RequestLogLayer {
    /// Programs ask again and again: their requests are logged at `debug`.
    pub(crate) is_quiet: bool,
    /// When the request began, where somebody has looked at the clock.
    pub(crate) begun: Option<Moment>,
}

impl<S> Layer<S> for RequestLogLayer {
    type Service = RequestLog<S>;

    fn layer(&self, inner: S) -> RequestLog<S> {
        let layer = *self;
        RequestLog { layer, inner }
    }
}

/// The service.
#[derive(Clone, Copy)]
pub(crate) struct RequestLog<S> {
    layer: RequestLogLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for RequestLog<S>
where
    S: Service<Request<B>, Response = Answer, Error = Infallible>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Logged<S::Future>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Logged<S::Future> {
        let is_logged = match self.layer.is_quiet {
            false => tracing::enabled!(target: "dunder::request", tracing::Level::INFO),
            true => tracing::enabled!(target: "dunder::request", tracing::Level::DEBUG),
        };
        Logged {
            line: is_logged.then(|| Line::begin(&request, self.layer)),
            given_id: given_id(request.headers()),
            inner: self.inner.call(request),
        }
    }
}

/// What the log says of a request that is not known from its answer.
struct Line {
    is_quiet: bool,
    start: Moment,
    method: Method,
    uri: Uri,
}

impl Line {
    fn begin<B>(request: &Request<B>, layer: RequestLogLayer) -> Line {
        Line {
            is_quiet: layer.is_quiet,
            start: layer.begun.unwrap_or_else(Moment::now),
            method: request.method().clone(),
            uri: request.uri().clone(),
        }
    }

    fn write(&self, status: StatusCode, request_id: &str) {
        let (method, path) = (shown_method(&self.method), shown_path(self.uri.path()));
        let (method, path, status) = (&*method, &*path, status.as_u16());
        let duration_us = self.start.elapsed().as_micros() as u64;
        // An event's level is known when it is compiled.
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(
                    target: "dunder::request",
                    method, path, status, duration_us, request_id
                )
            };
        }
        match self.is_quiet {
            false => write!(info),
            true => write!(debug),
        }
    }
}

pin_project! {
    /// Its future.
    pub(crate) struct Logged<F> {
        // Only where the log has it.
        line: Option<Line>,
        given_id: Option<String>,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Answer, Infallible>>> Future for Logged<F> {
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut answer) = ready!(this.inner.poll(task));
        let request_id = this.given_id.take().unwrap_or_else(request_id);
        if let Some(failed) = answer.extensions_mut().remove::<Failed>() {
            log_failure(&failed, &request_id);
        }
        answer.body_mut().set_request_id(&request_id);
        if let Some(line) = this.line {
            line.write(answer.status(), &request_id);
        }
        response::finish(answer.headers_mut(), request_id);
        Poll::Ready(Ok(answer))
    }
}

/// Internal reasons reach the log and nothing else.
fn log_failure(Failed(error): &Failed, request_id: &str) {
    match error.status() {
        StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(request_id, %error, "request failed"),
        _ => tracing::warn!(request_id, %error, "request refused"),
    }
}

/// As much of a path as a log line or an error needs, in visible ASCII: what
/// else a client wrote is percent-encoded, as it ought to have been.
pub(crate) fn shown_path(path: &str) -> Cow<'_, str> {
    // What is encoded is no shorter than before: enough of the path is looked
    // at, however long it is.
    let mut end = path.len().min(PATH + 1);
    while !path.is_char_boundary(end) {
        end += 1;
    }
    cut(Cow::from(utf8_percent_encode(&path[..end], CONTROLS)), PATH)
}

/// The same of a method, which is ASCII and may be of any length.
pub(crate) fn shown_method(method: &Method) -> Cow<'_, str> {
    cut(Cow::Borrowed(method.as_str()), METHOD)
}

fn cut(text: Cow<'_, str>, length: usize) -> Cow<'_, str> {
    match text.get(..length) {
        Some(start) if start.len() < text.len() => Cow::Owned(format!("{start}…")),
        _ => text,
    }
}

/// The id that a proxy or a client gave the request, so that its log and ours
/// can be laid side by side; only what a log line and a header can have as it
/// is.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = named(headers, X_REQUEST_ID).next()?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:+/=@".contains(&byte);
    let is_id = (1..=GIVEN_ID).contains(&id.len()) && id.bytes().all(is_plain);
    is_id.then(|| id.to_owned())
}

/// Unique within this process and hard to mistake for another's: the run and
/// the request, in hexadecimal.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static RUN: OnceLock<u32> = OnceLock::new();
    let run = *RUN.get_or_init(|| getrandom::u32().unwrap_or_default());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Digit by digit: every answer carries one, and `format!` costs more.
    let digit =
        |value: u64, at: u32| char::from(b"0123456789abcdef"[(value >> (at * 4) & 15) as usize]);
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    let mut id = String::with_capacity(9 + digits as usize);
    id.extend((0..8).rev().map(|at| digit(u64::from(run), at)));
    id.push('-');
    id.extend((0..digits).rev().map(|at| digit(number, at)));
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_shown_in_visible_ascii_and_not_longer_than_needed() {
        assert_eq!(shown_path("/message"), "/message");
        assert_eq!(shown_path("/a\u{9b}31m\u{202e}b"), "/a%C2%9B31m%E2%80%AEb");
        let long = format!("/{}é{}", "a".repeat(98), "b".repeat(5_000));
        assert_eq!(shown_path(&long), format!("/{}%…", "a".repeat(98)));
    }

    #[test]
    fn a_method_is_shown_to_a_length() {
        assert_eq!(shown_method(&Method::DELETE), "DELETE");
        let long = Method::from_bytes(&[b'A'; 5_000]).unwrap();
        assert_eq!(shown_method(&long), format!("{}…", "A".repeat(20)));
    }

    #[test]
    fn an_id_of_the_request_is_taken_when_it_is_plain() {
        let given = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            given_id(&headers)
        };
        assert_eq!(given_id(&HeaderMap::new()), None);
        let longest = "a".repeat(GIVEN_ID);
        for id in ["7", "7b2f-11ee_a.b:c+d/e=f@g", &longest] {
            assert_eq!(given(id.as_bytes()).as_deref(), Some(id));
        }
        let too_long = "a".repeat(GIVEN_ID + 1);
        for id in ["", "a b", "a\"b", "a,b", "<a>", &too_long] {
            assert_eq!(given(id.as_bytes()), None, "{id}");
        }
        assert_eq!(given(b"a\xc2\x9bb"), None);
    }

    proptest! {
        #[test]
        fn any_path_is_shown_shortly_and_without_what_a_terminal_obeys(path in ".{0,300}") {
            let shown = shown_path(&path);
            prop_assert!(shown.chars().count() <= PATH + 1);
            prop_assert!(shown.trim_end_matches('…').bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
    }
}
