//! A writer's slot in the counters: claimed in the database for a while,
//! renewed while it writes, taken over by others once expired. Two writers in
//! one slot would still count right, only slower, so clocks need not agree.

use tracing::debug;

use super::connect::{Conn, Params};
use super::migrate::{random_name, unix_millis};
use super::retry::Failure;
use super::sql;

/// How long a claim lasts, and when it is renewed, in milliseconds.
const LEASE: i64 = 60_000;
const RENEW_BEFORE: i64 = 40_000;

/// One writer's claim.
pub(super) struct Slot {
    owner: String,
    held: Option<(i64, i64)>,
}

impl Slot {
    pub(super) fn new() -> Slot {
        Slot {
            owner: random_name(),
            held: None,
        }
    }

    /// The slot to add to now.
    pub(super) async fn current(&mut self, conn: &Conn) -> Result<i64, Failure> {
        let now = unix_millis();
        if let Some((slot, expires)) = self.held {
            if expires - now > RENEW_BEFORE {
                return Ok(slot);
            }
            let until = now + LEASE;
            let params: Params<'_> = &[&slot, &self.owner, &until];
            if conn.execute(&sql::RENEW_SLOT, params).await? == 1 {
                self.held = Some((slot, until));
                return Ok(slot);
            }
            self.held = None;
        }
        self.claim(conn).await
    }

    async fn claim(&mut self, conn: &Conn) -> Result<i64, Failure> {
        loop {
            let (now, until) = (unix_millis(), unix_millis() + LEASE);
            let mut next = 0;
            let mut expired = None;
            for row in conn.query(&sql::SLOTS, &[]).await? {
                let slot: i64 = row.try_get(0)?;
                let (owner, expires): (String, i64) = (row.try_get(1)?, row.try_get(2)?);
                next = next.max(slot + 1);
                if expires < now && expired.is_none() {
                    expired = Some((slot, owner, expires));
                }
            }
            let (slot, claimed) = match expired {
                Some((slot, owner, expires)) => {
                    let params: Params<'_> = &[&slot, &self.owner, &until, &owner, &expires];
                    (slot, conn.execute(&sql::TAKE_SLOT, params).await?)
                }
                None => {
                    let params: Params<'_> = &[&next, &self.owner, &until];
                    (next, conn.execute(&sql::ADD_SLOT, params).await?)
                }
            };
            // Nobody else was faster, or look again.
            if claimed == 1 {
                debug!(slot, "counting in a slot of the counters");
                self.held = Some((slot, until));
                return Ok(slot);
            }
        }
    }

    /// Leaves the slot to others at once.
    pub(super) async fn release(&mut self, conn: &Conn) {
        if let Some((slot, _)) = self.held.take() {
            let params: Params<'_> = &[&slot, &self.owner, &0i64];
            if let Err(failure) = conn.execute(&sql::RENEW_SLOT, params).await {
                debug!(
                    "a counter slot was not released and expires: {}",
                    failure.text
                );
            }
        }
    }
}
