//! Every path in one match.
//!
//! | path | methods | |
//! |---|---|---|
//! | `/` | GET | help for curl |
//! | `/message` | GET, POST | feed and posting |
//! | `/message/ULID` | GET | one message |
//! | `/trend` | GET | counts in buckets |
//! | `/trend/hashtags` | GET | the busiest hashtags |
//! | `/user` | GET | user names by prefix |
//! | `/whoami` | GET | whom a token names |
//! | `/healthz`, `/readyz` | GET | alive; able to serve |
//!
//! `HEAD` works wherever `GET` does.

use std::net::IpAddr;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::{feed, health, help, message, trend, user};
use crate::server::response;
use crate::server::response::Answer;

/// A path that exists.
enum Route<'p> {
    Help,
    Messages,
    Message(&'p str),
    Trend,
    TrendHashtags,
    Users,
    Whoami,
    Healthz,
    Readyz,
}

const READ: &str = "GET, HEAD";
const READ_AND_POST: &str = "GET, HEAD, POST";

impl<'p> Route<'p> {
    fn of(path: &'p str) -> Option<Route<'p>> {
        match path {
            "/" => Some(Route::Help),
            "/message" => Some(Route::Messages),
            "/trend" => Some(Route::Trend),
            "/trend/hashtags" => Some(Route::TrendHashtags),
            "/user" => Some(Route::Users),
            "/whoami" => Some(Route::Whoami),
            "/healthz" => Some(Route::Healthz),
            "/readyz" => Some(Route::Readyz),
            _ => path
                .strip_prefix("/message/")
                .filter(|id| !id.is_empty() && !id.contains('/'))
                .map(Route::Message),
        }
    }

    /// The value of `Allow`.
    fn allow(&self) -> &'static str {
        match self {
            Route::Messages => READ_AND_POST,
            Route::Help
            | Route::Message(_)
            | Route::Trend
            | Route::TrendHashtags
            | Route::Users
            | Route::Whoami
            | Route::Healthz
            | Route::Readyz => READ,
        }
    }
}

/// Answers one request, whatever it is, and logs one line about it.
pub(crate) async fn answer(
    context: &Context,
    peer: IpAddr,
    request_id: &str,
    request: Request<Incoming>,
) -> Answer {
    let start = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut answer = match dispatch(context, peer, request).await {
        Ok(answer) => answer,
        Err(error) => {
            log_failure(&error, request_id);
            response::failure(&error)
        }
    };
    response::finish(answer.headers_mut(), request_id);
    tracing::info!(
        target: "dunder::request",
        %method,
        path = shortened(&path),
        status = answer.status().as_u16(),
        duration_us = start.elapsed().as_micros() as u64,
        request_id,
    );
    answer
}

async fn dispatch(
    context: &Context,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Answer, ApiError> {
    let uri = request.uri().clone();
    let length = uri.path_and_query().map_or(0, |both| both.as_str().len());
    if length > context.settings.limits.query_length {
        return Err(ApiError::UriTooLong(context.settings.limits.query_length));
    }
    let path = uri.path();
    let route = Route::of(path).ok_or_else(|| ApiError::PathNotFound(path.to_owned()))?;
    let posts = match *request.method() {
        Method::GET | Method::HEAD => false,
        Method::POST if matches!(route, Route::Messages) => true,
        ref method => {
            return Err(ApiError::Method {
                path: shortened(path).to_owned(),
                method: method.clone(),
                allow: route.allow(),
            });
        }
    };
    let query = uri.query().unwrap_or("");
    // Health is answered however busy the rest is.
    match route {
        Route::Healthz => return health::healthz(query),
        Route::Readyz => return health::readyz(context, query).await,
        _ => {}
    }
    let _permit = context.limits.enter().ok_or(ApiError::Overloaded)?;
    let headers = request.headers();
    if posts {
        return message::post(context, peer, query, request).await;
    }
    match route {
        Route::Help => return help::help(query, headers),
        Route::Whoami => return user::whoami(context, peer, query, headers).await,
        _ => context.auth.reader(context, peer, headers).await?,
    }
    match route {
        Route::Messages => feed::feed(context, query, headers).await,
        Route::Message(id) => message::show(context, id, query, headers).await,
        Route::Trend => trend::trend(context, query, headers).await,
        Route::TrendHashtags => trend::hashtags(context, query, headers).await,
        Route::Users => user::users(context, query, headers).await,
        Route::Help | Route::Whoami | Route::Healthz | Route::Readyz => {
            Err(ApiError::PathNotFound(path.to_owned()))
        }
    }
}

/// Internal reasons reach the log and nothing else.
fn log_failure(error: &ApiError, request_id: &str) {
    match error.status() {
        StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(request_id, %error, "request failed"),
        StatusCode::SERVICE_UNAVAILABLE => tracing::warn!(request_id, %error, "request refused"),
        _ => {}
    }
}

/// As much of a path as a log line or an error needs.
fn shortened(path: &str) -> &str {
    // Paths are ASCII: hyper refuses others.
    path.get(..100).unwrap_or(path)
}
