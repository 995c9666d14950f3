//! `GET /whoami` and `GET /user`.

use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::api::{self, UsersQuery};
use crate::domain::{FeedLimit, UserName};
use crate::output::format::Listing;
use crate::output::records::USERS;
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::format::Form;
use crate::server::handle::parameters;
use crate::server::metrics::Read;
use crate::server::response;
use crate::server::response::Answer;

/// Whom the token names, and how the server knows.
pub(crate) async fn whoami(
    context: &Context,
    user: UserName,
    query: &str,
) -> Result<Answer, ApiError> {
    api::query::refuse_parameters(query)?;
    let name = user.shared();
    let mode = context.settings.auth_mode.as_str().to_owned();
    response::data(
        StatusCode::OK,
        api::Whoami {
            user: api::User { name },
            mode,
        },
    )
}

/// User names by prefix.
pub(crate) async fn users(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let query = UsersQuery::parse(query)?;
    let form = Form::of(
        query.format.as_deref(),
        query.width.as_deref(),
        headers,
        "table",
    )?;
    let limit = match &query.limit {
        Some(text) => parameters::limit("limit", text)?,
        None => FeedLimit::default(),
    };
    let prefix = query.prefix.as_deref().unwrap_or("");
    let names = context
        .metrics
        .reads
        .time(Read::Users, context.store.users(prefix, limit.get()))
        .await?;
    let users = names.into_iter().map(|name| api::User {
        name: name.shared(),
    });
    let users: Vec<api::User> = users.collect();
    form.list(context, Listing::of(&USERS), users, None, |_| None)
        .await
}
