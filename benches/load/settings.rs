//! What the environment says about a run.

use super::Result;

pub struct Settings {
    /// Of one measurement.
    pub seconds: f64,
    /// How often a row and its limit are measured, in turn.
    pub pairs: usize,
    /// In the large store.
    pub messages: u64,
    /// Parts of the names of the rows to measure; all when empty.
    only: Vec<String>,
    /// In the large database.
    pub postgres_messages: u64,
    /// Host and port of a PostgreSQL that keeps it; a new one without.
    pub postgres: Option<(String, u16)>,
    /// Whether the large store is made anew.
    pub fresh: bool,
    /// Whether a clean release build is timed.
    pub build: bool,
}

/// What the load generator is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// hyper's client.
    Hyper,
    /// Sockets and nothing else.
    Sockets,
}

impl Client {
    /// What `BENCH_CLIENT` names: sockets, unless it says `hyper`.
    ///
    /// # Errors
    /// It names something else.
    pub fn wanted() -> Result<Client> {
        std::env::var("BENCH_CLIENT").map_or(Ok(Client::Sockets), |name| name.parse())
    }

    pub fn name(self) -> &'static str {
        match self {
            Client::Hyper => "hyper",
            Client::Sockets => "sockets",
        }
    }
}

impl std::str::FromStr for Client {
    type Err = super::Error;

    fn from_str(name: &str) -> Result<Client> {
        match name {
            "hyper" => Ok(Client::Hyper),
            "sockets" => Ok(Client::Sockets),
            other => Err(format!("BENCH_CLIENT is {other:?}; it can be hyper or sockets").into()),
        }
    }
}

impl Settings {
    /// # Errors
    /// A variable that is not the number it should be.
    pub fn read() -> Result<Settings> {
        let only = std::env::var("BENCH_ONLY").unwrap_or_default();
        let only = only.split(',').map(|part| part.trim().to_lowercase());
        Ok(Settings {
            seconds: number("BENCH_SECONDS", 3.0)?,
            pairs: number::<usize>("BENCH_PAIRS", 3)?.max(1),
            messages: number("BENCH_MESSAGES", 10_000_000)?,
            only: only.filter(|part| !part.is_empty()).collect(),
            postgres_messages: number("BENCH_POSTGRES_MESSAGES", 1_000_000)?,
            postgres: postgres()?,
            fresh: number("BENCH_FRESH", 0)? != 0,
            build: number("BENCH_BUILD", 0)? != 0,
        })
    }

    /// Whether a row is to be measured.
    pub fn wants(&self, row: &str) -> bool {
        let row = row.to_lowercase();
        self.only.is_empty() || self.only.iter().any(|part| row.contains(part))
    }
}

fn postgres() -> Result<Option<(String, u16)>> {
    let Ok(server) = std::env::var("BENCH_POSTGRES") else {
        return Ok(None);
    };
    let parts = server.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    let wrong = || format!("BENCH_POSTGRES is {server:?}, which is not HOST:PORT");
    Ok(Some(parts.ok_or_else(wrong)?))
}

fn number<N: std::str::FromStr>(name: &str, default: N) -> Result<N> {
    match std::env::var(name) {
        Err(_) => Ok(default),
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{name} is {text:?}, which is not a number that fits").into()),
    }
}
