//! The regions of a cluster: which of them this server is in, and what that
//! makes of its ids and slots.
//!
//! A row's region is computed from its id, or from its slot: so every
//! statement is the same with and without regions, an id is looked up in one
//! region, and that no id is stored twice is checked there alone. Ids keep their
//! order: the region's number stands behind the time, in the first character of
//! what is random otherwise.

use std::ops::Range;

use tracing::warn;

use super::error::OpenError;
use super::options::CockroachOptions;
use super::pool::Readers;
use super::read::get;
use super::server::Server;
use super::sql;

/// Regions that an id has room for.
pub const MOST_REGIONS: usize = 16;
/// Slots of a region.
const SLOTS: i64 = 1_000;

/// What a database survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survive {
    /// The loss of a zone.
    Zone,
    /// The loss of a region.
    Region,
}

/// A server's place among the regions: its region's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home(pub(super) u8);

impl Home {
    /// The region that the settings name, or that of a node; `None` without
    /// regions.
    pub(super) async fn find(
        options: &CockroachOptions,
        server: Server,
        readers: &Readers,
    ) -> Result<Option<Home>, OpenError> {
        let regions = &options.regions;
        if regions.is_empty() {
            return Ok(None);
        }
        check(regions, server)?;
        let region = match &options.region {
            Some(region) => region.clone(),
            None => {
                let said = readers.query("ask for the region", &sql::NODE_REGION, &[]);
                let rows = said.await.map_err(OpenError::NodeWithoutRegion)?;
                match rows.first() {
                    Some(row) => get(row, 0).map_err(OpenError::Database)?,
                    None => String::new(),
                }
            }
        };
        let number = regions.iter().position(|known| *known == region);
        let number = number.unwrap_or_else(|| {
            let primary = &regions[0];
            warn!(region, "the node's region is none of cockroach.regions; what is posted here is kept in {primary:?}");
            0
        });
        Ok(u8::try_from(number).ok().map(Home))
    }

    /// The slots of its writers; all of them without regions.
    pub(super) fn slots(home: Option<Home>) -> Range<i64> {
        match home {
            Some(Home(number)) => slots_of(usize::from(number)),
            None => 0..i64::MAX,
        }
    }
}

/// Whether a server has regions.
pub(super) fn check(regions: &[String], server: Server) -> Result<(), OpenError> {
    match regions.is_empty() || server.is_cockroach_from(21, 1) {
        true => Ok(()),
        false => Err(OpenError::WithoutRegions {
            server: server.to_string(),
        }),
    }
}

/// The slots of a region.
pub(super) fn slots_of(number: usize) -> Range<i64> {
    let first = number as i64 * SLOTS;
    first..first + SLOTS
}
