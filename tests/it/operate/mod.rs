//! What those who run the server ask of it, on its admin listener.

mod listener;
mod metrics;
mod profile;
mod rules;
mod traces;

use reqwest::Method;

use crate::support::{Answer, Server};

/// The flag for an admin listener on any free port.
pub const ADMIN: [&str; 2] = ["--admin.port", "0"];

/// A server's admin listener.
pub struct Admin<'s> {
    server: &'s Server,
    url: String,
}

impl Admin<'_> {
    pub fn of(server: &Server) -> Admin<'_> {
        let url = server.admin();
        Admin { server, url }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let server = self.server;
        server.send_to(&self.url, method, path, headers, body).await
    }

    /// The value of a series of `/metrics`, its labels as they are written;
    /// none where there is no such one.
    pub async fn value(&self, series: &str) -> Option<f64> {
        value(&self.get("/metrics").await.body, series)
    }
}

/// The value of a series in a text of metrics.
pub fn value(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}
