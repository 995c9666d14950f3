//! What is refused before any handler hears of it, whatever the path: requests
//! that are too long, that are written in a way that nobody agrees on, or that
//! a page in a browser had a person send who knows nothing of it.
//!
//! A page can reach what listens on a loopback address, under a name of its own
//! that it makes resolve there (DNS rebinding), and where anyone can be anyone
//! it could read everything and post as anyone. It cannot choose the `Host`
//! that the browser sends, nor leave `Sec-Fetch-Site` out
//! (<https://www.w3.org/TR/fetch-metadata/>).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use std::net::IpAddr;

use hyper::Request;
use hyper::header::{HOST, HeaderMap, HeaderName, TRANSFER_ENCODING};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::config::{AuthMode, ServerConfig};
use crate::domain::shown;
use crate::server::error::ApiError;
use crate::server::layer::named;
use crate::server::response;
use crate::server::response::Answer;

/// The layer.
#[derive(Clone, Copy)]
pub(crate) struct ValidateLayer<'c> {
    pub(crate) settings: &'c ServerConfig,
    /// The longest path and query, in bytes.
    pub(crate) query_length: usize,
}

impl<'c, S> Layer<S> for ValidateLayer<'c> {
    type Service = Validate<'c, S>;

    fn layer(&self, inner: S) -> Validate<'c, S> {
        let ValidateLayer {
            settings,
            query_length,
        } = *self;
        Validate {
            settings,
            query_length,
            inner,
        }
    }
}

/// The service.
#[derive(Clone, Copy)]
pub(crate) struct Validate<'c, S> {
    settings: &'c ServerConfig,
    query_length: usize,
    inner: S,
}

impl<S> Validate<'_, S> {
    fn check<B>(&self, request: &Request<B>) -> Result<(), ApiError> {
        let longest = self.query_length;
        let path_and_query = request.uri().path_and_query();
        if path_and_query.map_or(0, |both| both.as_str().len()) > longest {
            return Err(ApiError::UriTooLong(longest));
        }
        check_transfer_encoding(request.headers())?;
        if let Some(hosts) = &self.settings.hosts {
            check_host(request, hosts)?;
        }
        match self.settings.auth_mode {
            AuthMode::Name => check_site(request.headers()),
            AuthMode::Token => Ok(()),
        }
    }
}

/// Only under a loopback address or a name that it was told is the server
/// spoken to. No browser leaves the name out, so what has none may pass.
fn check_host<B>(request: &Request<B>, hosts: &[String]) -> Result<(), ApiError> {
    // Over HTTP/2, and in a request to a proxy, the address has the name.
    let authority = request.uri().authority().map(|authority| authority.host());
    let headers = named(request.headers(), HOST);
    let headers = headers.map(|value| value.to_str().unwrap_or("").trim());
    for name in authority.into_iter().chain(headers.map(without_port)) {
        if is_usual(name) {
            continue;
        }
        let name = name.trim_end_matches('.');
        if !is_loopback(name) && !hosts.iter().any(|host| host.eq_ignore_ascii_case(name)) {
            return Err(ApiError::Misdirected(shown(name)));
        }
    }
    Ok(())
}

fn without_port(host: &str) -> &str {
    // Byte by byte: hosts are short.
    let colon = host.bytes().rposition(|byte| byte == b':');
    match colon.and_then(|at| Some((host.get(..at)?, host.get(at + 1..)?))) {
        // The colons of an address in brackets are its own.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// What nearly everybody writes, which needs no parser.
fn is_usual(name: &str) -> bool {
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// `localhost` and what is below it never leave the machine
/// (<https://www.rfc-editor.org/rfc/rfc6761#section-6.3>).
fn is_loopback(name: &str) -> bool {
    const LOCALHOST: &str = "localhost";
    let alone = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = alone.unwrap_or(name).parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let above = name.len().checked_sub(LOCALHOST.len());
    above
        .and_then(|at| name.split_at_checked(at))
        .is_some_and(|(below, end)| {
            end.eq_ignore_ascii_case(LOCALHOST) && (below.is_empty() || below.ends_with('.'))
        })
}

fn check_site(headers: &HeaderMap) -> Result<(), ApiError> {
    const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    match named(headers, SEC_FETCH_SITE).next() {
        Some(site) if site.as_bytes().eq_ignore_ascii_case(b"cross-site") => {
            Err(ApiError::CrossSite)
        }
        _ => Ok(()),
    }
}

/// A body is sent as it is, or chunked. hyper lets other codings pass where
/// `chunked` comes last, and would hand over what is still encoded.
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut codings = named(headers, TRANSFER_ENCODING);
    let Some(first) = codings.next() else {
        return Ok(());
    };
    if codings.next().is_none() && first.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let all: Vec<_> = named(headers, TRANSFER_ENCODING)
        .map(|coding| String::from_utf8_lossy(coding.as_bytes()))
        .collect();
    Err(ApiError::TransferEncoding(shown(&all.join(", "))))
}

impl<S, B> Service<Request<B>> for Validate<'_, S>
where
    S: Service<Request<B>, Response = Answer, Error = Infallible>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Validating<S::Future>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Validating<S::Future> {
        match self.check(&request) {
            Ok(()) => Validating::Through {
                inner: self.inner.call(request),
            },
            Err(error) => Validating::Refused { error: Some(error) },
        }
    }
}

pin_project! {
    /// Its future.
    #[project = ValidatingProjection]
    pub(crate) enum Validating<F> {
        Through { #[pin] inner: F },
        Refused { error: Option<ApiError> },
    }
}

impl<F: Future<Output = Result<Answer, Infallible>>> Future for Validating<F> {
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        match self.project() {
            ValidatingProjection::Through { inner } => inner.poll(task),
            ValidatingProjection::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Ok(response::failed(error))),
                None => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_answered(host: &str, told: &[&str]) -> bool {
        let request = Request::builder()
            .uri("/")
            .header(HOST, host)
            .body(())
            .unwrap();
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        check_host(&request, &told).is_ok()
    }

    #[test]
    fn the_server_is_spoken_to_under_names_that_no_page_can_take() {
        for host in [
            "localhost",
            "localhost:9000",
            "LOCALHOST.",
            "a.localhost:1",
            "127.0.0.1",
            "127.0.0.1:9000",
            "127.8.8.8",
            "[::1]",
            "[::1]:9000",
            "[::ffff:127.0.0.1]:9000",
        ] {
            assert!(is_answered(host, &[]), "{host}");
        }
        for host in [
            "",
            "rebind.example",
            "rebind.example:9000",
            "localhost.example",
            "xlocalhost",
            "127.0.0.1.example",
            "0.0.0.0",
            "0.0.0.0:9000",
            "[::]:9000",
            "10.0.0.1",
            "localhost@rebind.example",
            "rebind.example@localhost:x",
            "日本",
            "localhost:9000:9000",
        ] {
            assert!(!is_answered(host, &[]), "{host}");
        }
        assert!(is_answered("Board.example.:80", &["board.example"]));
        assert!(!is_answered("x.board.example", &["board.example"]));
    }

    #[test]
    fn the_name_in_the_address_counts_too() {
        let request = |uri: &str, host: &str| {
            let request = Request::builder()
                .uri(uri)
                .header(HOST, host)
                .body(())
                .unwrap();
            check_host(&request, &[]).is_ok()
        };
        assert!(request("http://localhost:9000/", "localhost:9000"));
        assert!(!request("http://rebind.example/", "localhost:9000"));
        assert!(!request("http://localhost/", "rebind.example"));
        let without = Request::builder().uri("/").body(()).unwrap();
        assert!(check_host(&without, &[]).is_ok());
    }

    #[test]
    fn a_body_is_sent_as_it_is_or_chunked() {
        let sent = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRANSFER_ENCODING, value.parse().unwrap());
            }
            check_transfer_encoding(&headers).is_ok()
        };
        assert!(sent(&[]) && sent(&["chunked"]) && sent(&["Chunked"]));
        for values in [
            &["gzip, chunked"][..],
            &["gzip", "chunked"],
            &["chunked", "chunked"],
            &["chunked, chunked"],
            &["identity"],
            &["gzip"],
            &[""],
            &["x\tchunked"],
        ] {
            assert!(!sent(values), "{values:?}");
        }
    }
}
