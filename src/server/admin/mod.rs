//! The listener for those who run the server: its metrics, its profile, the
//! level of its log. It is apart from the API, on an address of its own, and
//! has a few connections of its own, so that it answers when the API has none
//! left.

mod help;
mod log_level;
mod metrics;
mod profile;
mod protobuf;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

pub(crate) use self::help::help;
pub(crate) use self::log_level::{log_level, set_log_level};
pub(crate) use self::metrics::metrics;
pub(crate) use self::profile::{MOST_SECONDS, heap, profile};

use crate::api::query::ProfileQuery;
use crate::config::{AdminConfig, AuthMode, Limits, ReadAccess, ServerConfig};
use crate::metrics::Page;
use crate::server::Context;

/// What the program around the server can do for who runs it.
pub trait Operations: Send + Sync {
    /// What is logged, as [`Operations::set_log_level`] takes it.
    fn log_level(&self) -> String;

    /// Logs something else from here on.
    ///
    /// # Errors
    /// It is not understood; what to write.
    fn set_log_level(&self, level: &str) -> Result<(), String>;

    /// Writes what is known of the process and of what goes on beside requests.
    fn measure(&self, page: &mut Page);
}

/// Where it listens, and for whom.
pub(super) struct Admin {
    pub(super) listener: TcpListener,
    pub(super) settings: AdminConfig,
    pub(super) operations: Arc<dyn Operations>,
}

/// What its handlers need beside what every handler has.
pub(crate) struct AdminContext {
    /// Of the API.
    pub(crate) api: Arc<Context>,
    pub(crate) operations: Arc<dyn Operations>,
}

/// A person or two, a Prometheus or two, and some that were forgotten.
const CONNECTIONS: usize = 64;
/// A stop does not wait for a profile.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What every handler of it has.
pub(super) fn context(
    api: &Arc<Context>,
    settings: &AdminConfig,
    operations: Arc<dyn Operations>,
) -> Context {
    let settings = ServerConfig {
        tls: None,
        // Nobody needs a token, and no page of another site may ask.
        auth_mode: AuthMode::Name,
        read: ReadAccess::Open,
        hosts: settings.hosts.clone(),
        trusted_proxies: Vec::new(),
        limits: Limits {
            connections: CONNECTIONS,
            shutdown_timeout: LAST_ANSWERS,
            ..Limits::default()
        },
    };
    Context {
        admin: Some(AdminContext {
            api: Arc::clone(api),
            operations,
        }),
        ..Context::new(Arc::clone(&api.store), Arc::clone(&api.readiness), settings)
    }
}
