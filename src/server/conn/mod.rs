//! Connections: taking and ending them, TLS, HTTP/1.1 and HTTP/2, clients that
//! take their time, who is behind a proxy, and what a client is told whose
//! request never got as far as a route.

pub(crate) mod accept;
mod endless;
pub(crate) mod http;
mod http1;
mod http2;
mod preface;
pub(crate) mod proxy;
mod read_timeout;
mod refusal;
pub(crate) mod tls;
mod write_timeout;
