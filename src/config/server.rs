//! What an operator can set about the server, as plain values.

use std::path::PathBuf;
use std::time::Duration;

use super::Network;

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct ServerConfig {
    /// Certificate and key; plain HTTP without.
    pub tls: Option<TlsFiles>,
    /// How a token names a user.
    pub auth_mode: AuthMode,
    /// Whether reading needs a token.
    pub read: ReadAccess,
    /// Names that requests may call the server by, beside loopback addresses;
    /// any where `None`.
    pub hosts: Option<Vec<String>>,
    /// Proxies whose `X-Forwarded-For`, or else `Forwarded`, is believed.
    pub trusted_proxies: Vec<Network>,
    /// Limits of size, time and number.
    pub limits: Limits,
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How a token names a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// The token is the base64 of the name: anyone can be anyone.
    #[default]
    Name,
    /// The token is a secret issued by `dunder token create`.
    Token,
}

impl AuthMode {
    /// As it is written in settings and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            AuthMode::Name => "name",
            AuthMode::Token => "token",
        }
    }
}

/// Whether reading needs a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadAccess {
    /// Anyone reads.
    #[default]
    Open,
    /// Reading needs a token as posting does.
    Token,
}

/// Limits of size, time and number. Every one has an answer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body; above it 413.
    pub body_size: usize,
    /// Bytes of a request's head; above it 431. At least 8192.
    pub header_size: usize,
    /// From the first byte of a request's head to its last.
    pub header_timeout: Duration,
    /// From the first byte of a body to its last; above it 408.
    pub body_timeout: Duration,
    /// Between requests on one connection.
    pub idle_timeout: Duration,
    /// Connections at once; further ones wait to be accepted.
    pub connections: usize,
    /// Requests at once that read, until their answers are written; above it
    /// 503.
    pub requests: usize,
    /// Clients that follow at once; above it 503.
    pub followers: usize,
    /// The longest that those who follow are sent nothing.
    pub heartbeat: Duration,
    /// Request bodies waited for at once; above it 503.
    pub bodies: usize,
    /// From a request that reads to its answer, in waiting and in making it;
    /// above it 503.
    pub query_timeout: Duration,
    /// How long a client may take nothing of its answer before it is cut off.
    pub write_timeout: Duration,
    /// Bytes that long answers hold together until they are written; an answer
    /// that finds no room gets 503. Long posts and their answers have as much
    /// again.
    pub answer_memory: usize,
    /// Bytes of path and query; above it 414.
    pub query_length: usize,
    /// Lines of one text in a table; how many more there are is said.
    pub drawn_lines: usize,
    /// Bytes of a table; the row that reaches it is the last.
    pub drawn_size: usize,
    /// Posts per user and minute; above it 429. `None`: no limit.
    pub posts_per_minute: Option<u32>,
    /// Failed authentications per address and minute; above it 429. `None`:
    /// no limit.
    pub unauthenticated_per_minute: Option<u32>,
    /// What may take so long after a signal to stop.
    pub shutdown_timeout: Duration,
    /// How long after a signal to stop connections are still taken, and those
    /// that are idle wait for a request that is on its way.
    pub shutdown_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_size: 64 * 1024,
            header_size: 16 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            connections: 20_000,
            requests: 1_024,
            followers: 10_000,
            heartbeat: Duration::from_secs(15),
            bodies: 1_024,
            query_timeout: Duration::from_secs(8),
            write_timeout: Duration::from_secs(30),
            answer_memory: 32 * 1024 * 1024,
            query_length: 8 * 1024,
            drawn_lines: 50,
            drawn_size: 4 * 1024 * 1024,
            posts_per_minute: None,
            unauthenticated_per_minute: None,
            shutdown_timeout: Duration::from_secs(30),
            shutdown_idle: Duration::from_millis(250),
        }
    }
}
