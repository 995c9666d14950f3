//! The whole API in one table.
//!
//! | path | methods | |
//! |---|---|---|
//! | `/` | GET | help for curl |
//! | `/openapi.json` | GET | all of this, for programs |
//! | `/message` | GET, POST | feed and posting |
//! | `/message/stream` | GET | what is stored, as it is |
//! | `/message/ULID` | GET, DELETE | one message; taking it back |
//! | `/trend` | GET | counts in buckets |
//! | `/trend/hashtags` | GET | the busiest hashtags |
//! | `/user` | GET | user names by prefix |
//! | `/whoami` | GET | whom a token names |
//! | `/healthz`, `/readyz` | GET | alive; able to serve |
//!
//! `HEAD` works wherever `GET` does. A new endpoint is a line in
//! [`Table::ROUTES`], a handler in `handle` and what it takes and answers in
//! `openapi::operation`.

use std::convert::Infallible;
use std::future;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, Request};
use tower_service::Service;

use crate::domain::UserName;
use crate::server::error::ApiError;
use crate::server::handle::body::RequestBody;
use crate::server::handle::{feed, health, help, message, openapi, stream, trend, user};
use crate::server::layer::in_flight::InFlight;
use crate::server::layer::request_log::{shown_method, shown_path};
use crate::server::openapi::operation::Operation;
use crate::server::openapi::{Described, operation};
use crate::server::response;
use crate::server::response::Answer;
use crate::server::response::body::PIECE;
use crate::server::response::stream::Boxed;
use crate::server::{Context, admin};

/// Who may ask, and what the request is counted among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone, however busy the rest is.
    Always,
    /// Anyone; among the requests in flight.
    Open,
    /// Anyone, or those with a token, as `auth.read` is set; likewise.
    Reader,
    /// As a reader; among those who follow.
    Follower,
    /// Those with a token; among the requests in flight.
    User,
    /// Those with a token. What is posted is bounded where it waits: for its
    /// body, and for the writer of the store.
    Author,
}

/// A line of a table.
pub(crate) struct Route<B> {
    method: Method,
    /// `*` stands for one part of a path, not empty.
    path: &'static str,
    access: Access,
    operation: &'static Operation,
    handler: Handler<B>,
}

type Handler<B> = fn(Call, B, Access) -> Boxed<Result<Answer, ApiError>>;

/// Makes a line of the table. The handler's answer is awaited once its access
/// is granted, and holds what that took.
macro_rules! route {
    ($method:ident $path:literal, $access:ident, $operation:ident, |$call:ident| $answer:expr) => {
        route!($method $path, $access, $operation, |$call, _user, _body| $answer)
    };
    ($method:ident $path:literal, $access:ident, $operation:ident, |$call:ident, $user:ident| $answer:expr) => {
        route!($method $path, $access, $operation, |$call, $user, _body| $answer)
    };
    ($method:ident $path:literal, $access:ident, $operation:ident, |$call:ident, $user:ident, $body:ident| $answer:expr) => {
        Route {
            method: Method::$method,
            path: $path,
            access: Access::$access,
            operation: &operation::$operation,
            handler: |$call, $body, access| {
                Box::pin(async move {
                    let in_flight = $call.in_flight(access)?;
                    let answering = async {
                        let $user = $call.user(access).await?;
                        $answer.await
                    };
                    // Where it is: a handler's future is large to move.
                    let answer = $call.in_time(access, pin!(answering)).await?;
                    $call.holding(answer, in_flight)
                })
            },
        }
    };
}

struct Table<B>(PhantomData<B>);

impl<B: RequestBody> Table<B> {
    const ROUTES: &'static [Route<B>] = &[
        route!(GET "/message", Reader, FEED, |call| feed::feed(&call.context, call.query(), call.headers())),
        route!(POST "/message", Author, POST, |call, user, body| {
            message::post(&call.context, user?, call.query(), call.headers(), body)
        }),
        route!(GET "/message/stream", Follower, STREAM, |call| {
            stream::stream(&call.context, call.query(), call.headers())
        }),
        route!(GET "/message/*", Reader, SHOW, |call| {
            message::show(&call.context, call.last_part(), call.query(), call.headers())
        }),
        route!(DELETE "/message/*", User, DELETE, |call, user| {
            message::delete(&call.context, user?, call.last_part(), call.query())
        }),
        route!(GET "/trend", Reader, TREND, |call| trend::trend(&call.context, call.query(), call.headers())),
        route!(GET "/trend/hashtags", Reader, HASHTAGS, |call| {
            trend::hashtags(&call.context, call.query(), call.headers())
        }),
        route!(GET "/user", Reader, USERS, |call| user::users(&call.context, call.query(), call.headers())),
        route!(GET "/whoami", User, WHOAMI, |call, user| user::whoami(&call.context, user?, call.query())),
        route!(GET "/", Open, HELP, |call| future::ready(help::help(call.query(), call.headers()))),
        route!(GET "/openapi.json", Open, OPENAPI, |call| {
            future::ready(openapi::openapi(&call.context, call.query(), Table::<B>::described))
        }),
        route!(GET "/healthz", Always, HEALTHZ, |call| future::ready(health::healthz(call.query()))),
        route!(GET "/readyz", Always, READYZ, |call| health::readyz(&call.context, call.query())),
    ];

    /// What the admin listener answers instead. Never among the requests in
    /// flight, and without a limit of time: a profile takes a minute.
    const ADMIN: &'static [Route<B>] = &[
        route!(GET "/", Always, UNDESCRIBED, |call| future::ready(admin::help(call.query()))),
        route!(GET "/healthz", Always, UNDESCRIBED, |call| future::ready(health::healthz(call.query()))),
        route!(GET "/readyz", Always, UNDESCRIBED, |call| health::readyz(&call.context, call.query())),
        route!(GET "/metrics", Always, UNDESCRIBED, |call| {
            admin::metrics(&call.context, call.query(), call.headers())
        }),
        route!(GET "/debug/pprof/profile", Always, UNDESCRIBED, |call| {
            admin::profile(&call.context, call.query())
        }),
        route!(GET "/debug/pprof/heap", Always, UNDESCRIBED, |call| {
            future::ready(admin::heap(call.query()))
        }),
        route!(GET "/loglevel", Always, UNDESCRIBED, |call| {
            future::ready(admin::log_level(&call.context, call.query()))
        }),
        route!(PUT "/loglevel", Always, UNDESCRIBED, |call, _user, body| {
            admin::set_log_level(&call.context, call.query(), body)
        }),
    ];

    fn of(context: &Context) -> &'static [Route<B>] {
        match context.admin {
            None => Table::<B>::ROUTES,
            Some(_) => Table::<B>::ADMIN,
        }
    }

    /// What there is, for those who describe it.
    fn described() -> Vec<Described> {
        let lines = Table::<B>::ROUTES.iter();
        let described = lines.map(|route| Described {
            method: &route.method,
            path: route.path,
            access: route.access,
            operation: route.operation,
        });
        described.collect()
    }

    /// The lines of a path, with their numbers.
    fn at(
        table: &'static [Route<B>],
        path: &str,
    ) -> impl Iterator<Item = (usize, &'static Route<B>)> {
        // A path that is written out is no part of one with a `*`.
        let is_named = table.iter().any(|route| route.path == path);
        let is_of = move |(_, route): &(usize, &Route<B>)| match is_named {
            true => route.path == path,
            false => is_at(route.path, path),
        };
        table.iter().enumerate().filter(is_of)
    }

    /// Why a request has no line.
    fn not_found(context: &Context, method: &Method, path: &str) -> ApiError {
        let there = Table::<B>::at(Table::<B>::of(context), path);
        let mut there = there.map(|(_, route)| route).peekable();
        if there.peek().is_none() {
            return ApiError::PathNotFound(path.to_owned());
        }
        ApiError::Method {
            path: shown_path(path).into_owned(),
            method: shown_method(method).into_owned(),
            allow: allowed(there.map(|route| &route.method)),
        }
    }
}

/// The line of a request, and its number.
pub(crate) struct Found<B: 'static> {
    pub(crate) line: usize,
    route: &'static Route<B>,
}

impl<B> Clone for Found<B> {
    fn clone(&self) -> Found<B> {
        *self
    }
}

impl<B> Copy for Found<B> {}

impl<B> Found<B> {
    /// As it is in the table.
    pub(crate) fn path(&self) -> &'static str {
        self.route.path
    }
}

/// Finds the line of a request; none where there is no such path, or it takes
/// other methods.
pub(crate) fn find<B: RequestBody>(context: &Context, request: &Request<B>) -> Option<Found<B>> {
    let method = match *request.method() {
        Method::HEAD => &Method::GET,
        ref method => method,
    };
    Table::<B>::at(Table::<B>::of(context), request.uri().path())
        .find(|(_, route)| route.method == *method)
        .map(|(line, route)| Found { line, route })
}

/// The paths of the API's table, line by line.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    let routes = Table::<Incoming>::ROUTES.iter();
    routes.map(|route| route.path)
}

/// Whether a path is one that a line of the table stands for.
fn is_at(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => pattern == path,
        Some(start) => path
            .strip_prefix(start)
            .is_some_and(|part| !part.is_empty() && !part.contains('/')),
    }
}

/// The value of `Allow`.
fn allowed<'m>(methods: impl Iterator<Item = &'m Method>) -> String {
    let names = methods.flat_map(|method| match *method {
        Method::GET => vec!["GET", "HEAD"],
        _ => vec![method.as_str()],
    });
    names.collect::<Vec<_>>().join(", ")
}

/// A request on its way to its handler, but for its body.
struct Call {
    context: Arc<Context>,
    peer: IpAddr,
    head: Parts,
}

impl Call {
    fn query(&self) -> &str {
        self.head.uri.query().unwrap_or("")
    }

    fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    fn last_part(&self) -> &str {
        let path = self.head.uri.path();
        path.rsplit_once('/').map_or(path, |(_, last)| last)
    }

    /// What the request holds from now on.
    fn in_flight(&self, access: Access) -> Result<Option<InFlight>, ApiError> {
        match access {
            Access::Always | Access::Author => Ok(None),
            Access::Open | Access::Reader | Access::User => self.context.load.request().map(Some),
            Access::Follower => self.context.load.follower().map(Some),
        }
    }

    /// Lets the request in; who asks, where that has to be known.
    async fn user(&self, access: Access) -> Result<Result<UserName, ApiError>, ApiError> {
        let (context, headers) = (&*self.context, self.headers());
        match access {
            Access::Always | Access::Open => {}
            Access::Reader | Access::Follower => {
                context.auth.reader(context, self.peer, headers).await?
            }
            Access::User | Access::Author => {
                return context.auth.user(context, self.peer, headers).await.map(Ok);
            }
        }
        Ok(Err(context.auth.refusal()))
    }

    /// Gives up on an answer that takes too long: what it waits for is dropped
    /// and so not begun, or ended. Posts are answered when it is known what
    /// became of them.
    async fn in_time(
        &self,
        access: Access,
        mut answering: Pin<&mut (impl Future<Output = Result<Answer, ApiError>> + Send)>,
    ) -> Result<Answer, ApiError> {
        let patience = match access {
            Access::Always | Access::Author => return answering.await,
            Access::Open | Access::Reader | Access::Follower | Access::User => {
                self.context.settings.limits.query_timeout
            }
        };
        // Most are made at once, and need no timer.
        let mut timer = pin!(None);
        future::poll_fn(|task| {
            if let Poll::Ready(answer) = answering.as_mut().poll(task) {
                return Poll::Ready(answer);
            }
            if timer.is_none() {
                timer.set(Some(tokio::time::sleep(patience)));
            }
            match timer.as_mut().as_pin_mut().map(|timer| timer.poll(task)) {
                Some(Poll::Ready(())) => {
                    self.context.load.gave_up.increment();
                    Poll::Ready(Err(ApiError::QueryTimeout(patience)))
                }
                Some(Poll::Pending) | None => Poll::Pending,
            }
        })
        .await
    }

    /// The answer, which holds its place, and its share of memory if it is
    /// long, until its last byte has left.
    fn holding(&self, mut answer: Answer, in_flight: Option<InFlight>) -> Result<Answer, ApiError> {
        let body = answer.body_mut();
        if let Some(in_flight) = in_flight {
            if body.own_bytes() > 2 * PIECE && !body.has_memory() {
                body.hold(self.context.load.memory(body.own_bytes())?);
            }
            body.hold(in_flight);
        }
        Ok(answer)
    }
}

/// Calls the handler of a request.
pub(crate) struct Router<'c, B: 'static> {
    pub(crate) context: &'c Arc<Context>,
    pub(crate) peer: IpAddr,
    /// The line of the request that comes.
    pub(crate) found: Option<Found<B>>,
}

impl<B: RequestBody> Service<Request<B>> for Router<'_, B> {
    type Response = Answer;
    type Error = Infallible;
    type Future = Handled;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Handled {
        let (head, body) = request.into_parts();
        let handling = match self.found {
            Some(Found { route, .. }) => {
                let call = Call {
                    context: Arc::clone(self.context),
                    peer: self.peer,
                    head,
                };
                (route.handler)(call, body, route.access)
            }
            None => {
                let (method, path) = (&head.method, head.uri.path());
                let error = Table::<B>::not_found(self.context, method, path);
                Box::pin(future::ready(Err(error)))
            }
        };
        Handled(handling)
    }
}

/// Its future: failures become answers.
pub(crate) struct Handled(Boxed<Result<Answer, ApiError>>);

impl Future for Handled {
    type Output = Result<Answer, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let handled = self.0.as_mut().poll(task);
        handled.map(|answer| Ok(answer.unwrap_or_else(response::failed)))
    }
}
