//! Notices that a database that was away is back.

use std::sync::Arc;
use std::time::Duration;

use super::CHECK;
use super::connect::SharedConnector;
use super::pool::Readers;
use super::sql;

/// How often a database that is away is tried.
const PROBE: Duration = Duration::from_secs(1);

/// While the database is away, or nothing is read or stored, tries it, so that
/// it is noticed when it is back even if nobody asks for anything.
pub(super) async fn run(connector: SharedConnector, readers: Arc<Readers>) {
    loop {
        tokio::time::sleep(PROBE).await;
        let is_away = connector.away().is_some();
        if (is_away || connector.reads.last().is_some())
            && readers.once(&sql::CHECK, &[], CHECK).await.is_ok()
        {
            connector.seen_alive();
            connector.reads.is_over();
        }
        // What others can store says nothing where no writer has a connection.
        let writers = connector.options.writers.max(1);
        if connector.writes.last().is_some()
            && connector.unconnected.last(writers).is_none()
            && readers.try_storing(CHECK).await.is_ok()
        {
            connector.writes.is_over();
        }
    }
}
