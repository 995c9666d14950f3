//! The HTTP server: a bound listener, a store and a shutdown signal in, one
//! answer for every request out.
//!
//! `conn` takes connections and ends them, `routes` is the table of every
//! path, `layer` stands around its handlers, which are in `handle`, one file a
//! resource; `follow` tells those who follow what is stored, `response` is what
//! they answer, piece by piece where it is long, `error` what can go wrong, and
//! `openapi` describes all of it. `admin` is a listener apart, for those who run
//! the server, and `metrics` what it counts for them. Nothing here knows which
//! store it talks to.

mod admin;
mod conn;
mod error;
mod follow;
mod handle;
mod layer;
mod live;
mod metrics;
mod openapi;
mod response;
mod routes;
#[cfg(test)]
mod tests;

pub use admin::Operations;
pub use conn::tls::{Certificate, TlsError};
pub use live::LiveLimits;

use std::sync::{Arc, OnceLock};

use arc_swap::Guard;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::admin::{Admin, AdminContext};
use self::conn::{accept, http, tls};
use self::error::ApiError;
use self::follow::{Followers, reader};
use self::handle::draw::Drawers;
use self::layer::{auth, cache, in_flight, limits};
use self::metrics::ServerMetrics;
use crate::config::{AdminConfig, Limits, ServerConfig};
use crate::domain::{Job, Readiness, Store};
use crate::metrics::Moment;
use crate::trace::Tracer;

/// Everything a request may need.
struct Context {
    store: Arc<dyn Store>,
    readiness: Arc<dyn Readiness>,
    /// Its limits are those at the start; those in force are in `live`.
    settings: ServerConfig,
    live: LiveLimits,
    auth: auth::Auth,
    limits: Arc<limits::Limiters>,
    load: Arc<in_flight::LoadShed>,
    answers: cache::Answers,
    drawers: Drawers,
    followers: Arc<Followers>,
    metrics: ServerMetrics,
    /// Where it is the admin listener's.
    admin: Option<AdminContext>,
    /// Of `GET /openapi.json`, once somebody asked.
    openapi: OnceLock<Bytes>,
    /// Who traces, if anybody.
    tracer: Option<Tracer>,
}

impl Context {
    fn new(
        store: Arc<dyn Store>,
        readiness: Arc<dyn Readiness>,
        settings: ServerConfig,
    ) -> Context {
        let live = LiveLimits::new(&settings.limits);
        Context::with(live, store, readiness, settings)
    }

    fn with(
        live: LiveLimits,
        store: Arc<dyn Store>,
        readiness: Arc<dyn Readiness>,
        settings: ServerConfig,
    ) -> Context {
        Context {
            auth: auth::Auth::new(&settings),
            limits: Arc::clone(&live.rates),
            load: Arc::clone(&live.load),
            live,
            answers: cache::Answers::default(),
            drawers: Drawers::default(),
            followers: Arc::default(),
            metrics: ServerMetrics::default(),
            admin: None,
            openapi: OnceLock::new(),
            tracer: None,
            store,
            readiness,
            settings,
        }
    }

    /// The limits in force at this moment.
    fn limits_now(&self) -> Guard<Arc<Limits>> {
        self.live.values.load()
    }

    /// What handlers of the admin listener need.
    fn admin(&self) -> Result<&AdminContext, ApiError> {
        let elsewhere = || ApiError::PathNotFound("/".to_owned());
        self.admin.as_ref().ok_or_else(elsewhere)
    }
}

/// Settings that can be served with: the certificate and key were read.
pub struct Prepared {
    settings: ServerConfig,
    tls: Option<tls::Acceptor>,
    certificate: Option<Certificate>,
    followers: Arc<Followers>,
    admin: Option<Admin>,
    limits: LiveLimits,
    tracer: Option<Tracer>,
}

impl Prepared {
    /// The limits, to be changed while it serves.
    pub fn limits(&self) -> LiveLimits {
        self.limits.clone()
    }

    /// Has requests traced.
    pub fn set_tracer(&mut self, tracer: Tracer) {
        self.tracer = Some(tracer);
    }

    /// Serves those who run the server, too, at an address of their own: only
    /// then requests and reads are counted.
    pub fn set_admin(
        &mut self,
        listener: TcpListener,
        settings: AdminConfig,
        operations: Arc<dyn Operations>,
    ) {
        self.admin = Some(Admin {
            listener,
            settings,
            operations,
        });
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What has to go on beside requests while the server runs over a store.
    pub fn jobs(&self, store: &Arc<dyn Store>) -> Vec<Job> {
        let certificate = self.certificate.iter().map(Certificate::job);
        let reader = reader::job(&self.followers, store);
        certificate.chain([reader]).collect()
    }

    /// The certificate, to be read again.
    pub fn certificate(&self) -> Option<Certificate> {
        self.certificate.clone()
    }
}

/// Reads what serving needs from files.
///
/// # Errors
/// The certificate or key cannot be used.
pub fn prepare(settings: ServerConfig) -> Result<Prepared, TlsError> {
    let loaded = settings.tls.as_ref().map(tls::Acceptor::load);
    let (tls, certificate) = loaded.transpose()?.unzip();
    Ok(Prepared {
        limits: LiveLimits::new(&settings.limits),
        settings,
        tls,
        certificate,
        followers: Arc::default(),
        admin: None,
        tracer: None,
    })
}

/// Serves until `shutdown` turns true, accepts for `limits.shutdown_idle` more,
/// finishes what is in flight within `limits.shutdown_timeout` after that, and
/// closes the store. Whatever
/// goes wrong is answered to the client or logged. `/readyz` asks `readiness`
/// about what goes on beside requests.
pub async fn serve(
    listener: TcpListener,
    store: Arc<dyn Store>,
    prepared: Prepared,
    readiness: Arc<dyn Readiness>,
    shutdown: watch::Receiver<bool>,
) {
    Moment::prepare();
    let metrics = match prepared.admin {
        Some(_) => ServerMetrics::whole(),
        None => ServerMetrics::default(),
    };
    let context = Arc::new(Context {
        followers: prepared.followers,
        metrics,
        tracer: prepared.tracer,
        ..Context::with(prepared.limits, store, readiness, prepared.settings)
    });
    let (stop_admin, admin_stops) = watch::channel(false);
    let admin = prepared.admin.map(|admin| {
        let own = admin::context(&context, &admin.settings, admin.operations);
        accept::run(admin.listener, None, Arc::new(own), admin_stops)
    });
    let mut stop = shutdown.clone();
    let stopping = async {
        http::stopped(&mut stop).await;
        context.followers.close();
    };
    let serving = async {
        accept::run(listener, prepared.tls, Arc::clone(&context), shutdown).await;
        // To the end it can be asked what the rest waits for.
        stop_admin.send_replace(true);
    };
    let admin = async {
        if let Some(admin) = admin {
            admin.await;
        }
    };
    tokio::join!(serving, stopping, admin);
    context.store.close().await;
}
