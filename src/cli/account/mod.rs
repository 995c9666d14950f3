//! Who calls which server: addresses, the logins that are kept, and what a
//! command makes of them.

pub(crate) mod access;
pub(crate) mod endpoint;
pub(crate) mod logins;

pub(crate) use access::{Access, TokenSource, name_token, token_said};
pub(crate) use endpoint::Endpoint;
pub(crate) use logins::{Login, Logins};
