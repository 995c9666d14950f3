//! The lock of migrations: one server at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::super::OpenError;
use super::super::conn::{Conn, Params, column};
use super::super::connect::{Connector, SharedConnector, Turn};
use super::super::retry::Failure;
use super::super::sql;
use super::{patiently, random_name};
use crate::store::batch::{Backoff, jitter};

/// The right to migrate, kept by a beat that others can see rising. Silence
/// is measured by whoever waits, so that servers' clocks need not agree.
pub(super) struct Lock {
    owner: String,
    beating: JoinHandle<()>,
}

impl Lock {
    pub(super) async fn acquire(
        connector: &SharedConnector,
        conn: &Conn,
    ) -> Result<Lock, OpenError> {
        let owner = random_name();
        let lease = connector.options.lock_lease;
        let mut seen: Option<((String, i64), Instant)> = None;
        let mut backoff = Backoff::new("take the migration lock", connector.options.write_limit);
        loop {
            let (holder, beat) = patiently(&mut backoff, || read_lock(conn)).await?;
            let since = match &seen {
                Some((state, since)) if *state == (holder.clone(), beat) => *since,
                _ => Instant::now(),
            };
            if holder.is_empty() || since.elapsed() > lease {
                let taken = patiently(&mut backoff, || async {
                    let params: Params<'_> = &[&owner, &holder, &beat];
                    conn.execute(&sql::PASS_LOCK, params).await
                })
                .await?;
                if taken == 1 {
                    let beating = tokio::spawn(keep(connector.clone(), owner.clone(), lease / 4));
                    return Ok(Lock { owner, beating });
                }
            } else if seen.is_none() {
                info!("another server is migrating the database; waiting for it");
            }
            seen = Some(((holder, beat), since));
            tokio::time::sleep(jitter(lease / 20)).await;
        }
    }

    pub(super) async fn release(self, conn: &Conn) {
        self.beating.abort();
        let released = async {
            loop {
                let (holder, beat) = read_lock(conn).await?;
                let params: Params<'_> = &[&"", &self.owner, &beat];
                if holder != self.owner || conn.execute(&sql::PASS_LOCK, params).await? == 1 {
                    return Ok::<(), Failure>(());
                }
            }
        };
        if let Err(failure) = released.await {
            warn!(
                "the migration lock was not released and expires: {}",
                failure.text
            );
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

/// Lets the beat rise, on a connection of its own: a step may take long.
async fn keep(connector: Arc<Connector>, owner: String, every: Duration) {
    let (mut conn, turn): (Option<Conn>, _) = (None, Turn::default());
    loop {
        tokio::time::sleep(every).await;
        let beat = async {
            let conn = match &conn {
                Some(conn) => conn,
                None => conn.insert(connector.connect(&turn).await?),
            };
            conn.limit_to(every);
            let (holder, beat) = read_lock(conn).await?;
            let params: Params<'_> = &[&owner, &owner, &beat];
            Ok::<_, Failure>(holder == owner && conn.execute(&sql::PASS_LOCK, params).await? == 1)
        };
        match beat.await {
            Ok(true) => {}
            // Steps are safe to run twice, so this is no reason to stop.
            Ok(false) => warn!("another server took over the migration"),
            Err(failure) => {
                warn!("the migration lock was not renewed: {}", failure.text);
                conn = None;
            }
        }
    }
}

async fn read_lock(conn: &Conn) -> Result<(String, i64), Failure> {
    let rows = conn.query(&sql::READ_LOCK, &[]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Failure::corrupt("the table dunder_lock has lost its row"))?;
    Ok((column(row, 0)?, column(row, 1)?))
}
