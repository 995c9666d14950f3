//! Connections: taking and ending them, TLS, HTTP/1.1 and HTTP/2, clients that
//! take their time, who is behind a proxy, and what a client is told whose
//! request never got as far as a route.

pub(crate) mod accept;
pub(crate) mod http;
mod http1;
mod http2;
mod patience;
pub(crate) mod proxy;
mod refusal;
mod stall;
pub(crate) mod tls;
