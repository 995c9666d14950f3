//! Connections: taking and ending them, TLS, HTTP/1.1 and HTTP/2, who is
//! behind a proxy, and what a client is told whose request never got as far as
//! a route.

pub(crate) mod accept;
pub(crate) mod http;
pub(crate) mod proxy;
pub(crate) mod refusal;
pub(crate) mod tls;
