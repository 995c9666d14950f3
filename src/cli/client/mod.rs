//! Calls to the server: one connection at a time, within one limit of time,
//! answers limited in size, and posts that are sent again without ever being
//! stored twice.

pub(crate) mod failure;
pub(crate) mod stream;
pub(crate) mod tls;

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::cli::CliError;
use crate::cli::account::Access;

use crate::api::{Envelope, ErrorBody, PostBody};
use crate::trace::TraceParent;

/// The largest answer that is read. A page of 1000 messages of 8 KiB, every
/// character escaped, stays below.
const MAX_BODY: usize = 64 << 20;
/// The first wait between two attempts; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A server, who calls it, and until when.
pub(crate) struct Client {
    http: reqwest::Client,
    access: Access,
    timeout: Duration,
}

/// A success: the document as it came, and what it says.
pub(crate) struct Answer<T> {
    /// The server's JSON, exactly.
    pub document: String,
    /// Its `data`.
    pub data: T,
}

/// An answer as it came, and when.
pub(crate) struct Probe {
    /// Success or not.
    pub status: StatusCode,
    /// The server's clock, in whole seconds.
    pub date: Option<String>,
    /// From the call to the head of the answer.
    pub took: Duration,
    /// Our clock when it was there.
    pub at: DateTime<Utc>,
    /// The body.
    pub document: String,
}

impl Client {
    /// A client that calls as `access` says; each call takes at most
    /// `timeout`.
    ///
    /// # Errors
    /// A certificate file that cannot be used.
    pub fn new(access: Access, timeout: Duration) -> Result<Client, CliError> {
        let tls = if access.server.is_https() {
            tls::trusting(access.cacert.as_deref())?
        } else {
            tls::none()?
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(redirect::Policy::none())
            .user_agent(concat!("dunder/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(&access)?);
        if access.server.is_loopback() || !has_proxy() {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| CliError::Failed(format!("cannot set up HTTP: {error}")))?;
        Ok(Client {
            http,
            access,
            timeout,
        })
    }

    /// Whom this client calls, and as whom.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Reads a path; `query` without `?`.
    ///
    /// # Errors
    /// No answer, a refusal, or an answer that is not dunder's.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
    ) -> Result<Answer<T>, CliError> {
        let request = self.http.get(self.access.server.at(path, query));
        let deadline = self.deadline();
        let response = self.send(request, deadline).await?;
        let response =
            response.map_err(|error| failure::unreachable(&self.access.server, &error))?;
        self.read(response, deadline).await
    }

    /// How long a call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Reads a path whatever the answer is, for looking at the server itself.
    ///
    /// # Errors
    /// No answer.
    pub async fn probe(&self, path: &str) -> Result<Probe, CliError> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let start = Instant::now();
        let request = self.http.get(self.access.server.at(path, query));
        let deadline = start + self.timeout;
        let response = self.send(request, deadline).await?;
        let response =
            response.map_err(|error| failure::unreachable(&self.access.server, &error))?;
        let took = start.elapsed();
        let at = Utc::now();
        let header = response.headers().get(DATE);
        let date = header.and_then(|date| Some(date.to_str().ok()?.to_owned()));
        let status = response.status();
        let body = timeout_at(deadline, self.body(response)).await;
        Ok(Probe {
            status,
            date,
            took,
            at,
            document: body.map_err(|_| self.too_slow())??,
        })
    }

    /// Until when a command that starts now may wait in all.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Posts a message under `key`. Lost connections, 429 and what says that
    /// the server is away (502, 503, 504) are tried again until `deadline`:
    /// the key makes it one message.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        body: &PostBody,
        key: &str,
        deadline: Instant,
    ) -> Result<Answer<T>, CliError> {
        let json = serde_json::to_vec(body).map_err(|error| {
            CliError::Failed(format!("cannot write the message as JSON: {error}"))
        })?;
        let request = || {
            self.http
                .post(self.access.server.at("/message", ""))
                .header("Content-Type", "application/json")
                .header("Idempotency-Key", key)
                .body(json.clone())
        };
        let response = self.answered(request, deadline).await?;
        self.read(response, deadline).await
    }

    /// Deletes what is at a path. Tried again as a post is: what is deleted
    /// stays so.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<(), CliError> {
        let deadline = self.deadline();
        let request = || self.http.delete(self.access.server.at(path, ""));
        let response = self.answered(request, deadline).await?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(()),
            _ => {
                let read = self.read::<serde_json::Value>(response, deadline);
                Err(match read.await {
                    Ok(_) => CliError::Failed(self.not_dunder("(it deleted nothing)")),
                    Err(error) => error,
                })
            }
        }
    }

    /// The answer to a request that may be made again, until `deadline`.
    async fn answered(
        &self,
        request: impl Fn() -> RequestBuilder,
        deadline: Instant,
    ) -> Result<Response, CliError> {
        let mut wait = FIRST_WAIT;
        // A refused connection is only worth another try when the server was
        // there a moment ago.
        let mut was_there = false;
        loop {
            let pause = match self.send(request(), deadline).await? {
                Ok(response) if is_for_later(response.status()) => {
                    was_there = true;
                    let pause = retry_after(&response).unwrap_or_else(|| jittered(wait));
                    if Instant::now() + pause >= deadline {
                        return Ok(response);
                    }
                    pause
                }
                Ok(response) => return Ok(response),
                Err(error) => {
                    let again =
                        failure::is_lost(&error) || was_there && failure::is_refused(&error);
                    was_there |= failure::is_lost(&error);
                    let pause = jittered(wait);
                    if !again || Instant::now() + pause >= deadline {
                        return Err(failure::unreachable(&self.access.server, &error));
                    }
                    pause
                }
            };
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The answer or the failure of one attempt; an error when the time is up.
    async fn send(
        &self,
        request: RequestBuilder,
        deadline: Instant,
    ) -> Result<Result<Response, reqwest::Error>, CliError> {
        let answer = timeout_at(deadline, request.send()).await;
        answer.map_err(|_| self.too_slow())
    }

    fn too_slow(&self) -> CliError {
        CliError::Unreachable(format!(
            "no answer from {} within {}; --timeout sets how long to wait",
            self.access.server,
            humantime::format_duration(self.timeout)
        ))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        response: Response,
        deadline: Instant,
    ) -> Result<Answer<T>, CliError> {
        let status = response.status();
        let location = response
            .headers()
            .get("Location")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = timeout_at(deadline, self.body(response)).await;
        let document = body.map_err(|_| self.too_slow())??;
        if status.is_success() {
            let parsed: Result<Envelope<T>, _> = serde_json::from_str(&document);
            return match parsed {
                Ok(envelope) => Ok(Answer {
                    document,
                    data: envelope.data,
                }),
                Err(error) => Err(CliError::Failed(self.not_dunder(&format!("({error})")))),
            };
        }
        Err(match serde_json::from_str::<ErrorBody>(&document) {
            Ok(_) if status == StatusCode::UNAUTHORIZED => CliError::Refused {
                status: status.as_u16(),
                by_dunder: true,
                sentence: self.access.is_unknown(),
            },
            Ok(body) => CliError::Refused {
                status: status.as_u16(),
                by_dunder: true,
                sentence: body.error,
            },
            Err(_) => CliError::Refused {
                status: status.as_u16(),
                by_dunder: false,
                sentence: self.not_dunder(&match location {
                    Some(location) => format!("but {status} and a pointer to {location}"),
                    None => format!("but {status}"),
                }),
            },
        })
    }

    fn not_dunder(&self, what: &str) -> String {
        format!(
            "{} did not answer as a dunder server does {what}; check the address",
            self.access.server
        )
    }

    async fn body(&self, mut response: Response) -> Result<String, CliError> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| failure::unreachable(&self.access.server, &error))? {
                None => break,
                Some(chunk) if body.len() + chunk.len() > MAX_BODY => {
                    let why = self.not_dunder("(the answer is larger than 64 MiB)");
                    return Err(CliError::Failed(why));
                }
                Some(chunk) => body.extend_from_slice(&chunk),
            }
        }
        String::from_utf8(body)
            .map_err(|_| CliError::Failed(self.not_dunder("(the answer is not UTF-8)")))
    }
}

fn headers(access: &Access) -> Result<HeaderMap, CliError> {
    let mut headers = HeaderMap::new();
    headers.insert("Accept", HeaderValue::from_static("application/json"));
    if let Ok(parent) = HeaderValue::try_from(traceparent()) {
        headers.insert("traceparent", parent);
    }
    if let Some(token) = &access.token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            CliError::Failed(
                "the token holds a character that no token has; log in again".to_owned(),
            )
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The trace that this command belongs to: the one that it was started in, which
/// programs tell each other by `TRACEPARENT`, or else one of its own, of which a
/// server traces as many as it is set to.
fn traceparent() -> String {
    static OURS: OnceLock<TraceParent> = OnceLock::new();
    let begin = || {
        let given = std::env::var("TRACEPARENT").ok();
        given
            .and_then(|given| given.parse().ok())
            .unwrap_or_default()
    };
    OURS.get_or_init(begin).to_string()
}

/// Whether calls to other machines may go through a proxy.
pub(crate) fn has_proxy() -> bool {
    [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ]
    .into_iter()
    .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn is_for_later(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The wait the server asks for, in whole seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds.min(86_400)))
}

/// Half to all of `wait`, so that clients that failed together do not return
/// together.
pub(crate) fn jittered(wait: Duration) -> Duration {
    let mut byte = [0u8];
    // Without randomness the whole wait is right too.
    let part = getrandom::fill(&mut byte).map_or(255, |()| u32::from(byte[0]));
    wait / 2 + wait / 2 * part / 255
}
