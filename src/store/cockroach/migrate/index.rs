//! Waiting for an index. CockroachDB builds one in a job that goes on after
//! the statement that began it was broken off; the same statement then does
//! nothing, though the index is not there yet.

use std::time::{Duration, Instant};

use tracing::{debug, info};

use super::super::OpenError;
use super::super::conn::{Conn, column};
use super::super::connect::Connector;
use super::super::retry::Failure;
use super::super::server::Server;
use super::super::sql;
use super::{ddl, patiently};
use crate::store::batch::{Backoff, jitter};

/// How often it is looked for, and how often that is said.
const LOOK: Duration = Duration::from_millis(500);
const SAY: Duration = Duration::from_secs(10);

/// Waits until an index can be used. Where it is gone, as after a job that
/// failed, it is begun again.
pub(super) async fn built(
    connector: &Connector,
    conn: &Conn,
    index: &str,
    text: &str,
) -> Result<(), OpenError> {
    if connector.server() == Server::Postgres {
        return Ok(());
    }
    let (limit, started) = (connector.options.index_patience, Instant::now());
    let mut said: Option<Instant> = None;
    loop {
        let mut backoff = Backoff::new("wait for an index", connector.options.write_limit);
        let look = || async { conn.query(&sql::INDEX, &[&index]).await };
        let listed = patiently(&mut backoff, look).await?;
        if !listed.is_empty() {
            return Ok(());
        }
        if started.elapsed() >= limit {
            return Err(OpenError::StillBuilding {
                database: connector.options.database.clone(),
                index: index.to_owned(),
                minutes: limit.as_secs() / 60,
            });
        }
        if said.is_none_or(|at| at.elapsed() >= SAY) {
            let done = progress(conn, index).await;
            info!(
                index,
                done = done.as_deref(),
                "the index is still being built; waiting for it"
            );
            said = Some(Instant::now());
        }
        tokio::time::sleep(jitter(LOOK.min(limit))).await;
        ddl(conn, text, &mut backoff).await?;
    }
}

/// How far the job is, where the server tells.
async fn progress(conn: &Conn, index: &str) -> Option<String> {
    let asked = async {
        let rows = conn.query(&sql::INDEX_PROGRESS, &[&index]).await?;
        let done: Option<f64> = match rows.first() {
            Some(row) => column(row, 0)?,
            None => None,
        };
        Ok::<_, Failure>(done.map(|part| format!("{:.0} %", part * 100.0)))
    };
    asked.await.unwrap_or_else(|failure| {
        debug!("the server does not tell how far it is: {}", failure.text);
        None
    })
}
