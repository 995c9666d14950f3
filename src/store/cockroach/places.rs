//! Taking messages out of lists, and their keys away, many with one statement:
//! where the database is far each statement takes as long as all that it does.

use std::collections::BTreeSet;

use tokio_postgres::types::ToSql;

use super::conn::Conn;
use super::retry::Failure;
use super::sql::{self, Sql};

/// Pairs that one statement looks up: of a single message, and of many. Each
/// number is a statement of its own, which the database knows once prepared.
const FEW: usize = 8;
const MANY: usize = 128;

/// Hashtags and ids that are listed under them, or users and keys of theirs, in
/// one order everywhere, so that two who remove messages wait and do not fail.
pub(super) type Pairs<'a> = BTreeSet<(&'a str, &'a str)>;

/// Takes messages out of the lists of hashtags.
pub(super) async fn unlist(conn: &Conn, places: &Pairs<'_>) -> Result<(), Failure> {
    remove(conn, sql::unlist, Vec::new(), places).await
}

/// Takes keys of users away, where they name one of these messages.
pub(super) async fn forget_keys(
    conn: &Conn,
    keys: &Pairs<'_>,
    ids: &[String],
) -> Result<(), Failure> {
    remove(conn, sql::forget_keys, vec![&ids], keys).await
}

async fn remove(
    conn: &Conn,
    statement: fn(usize) -> Sql,
    before: Vec<&(dyn ToSql + Sync)>,
    pairs: &Pairs<'_>,
) -> Result<(), Failure> {
    let pairs: Vec<&(&str, &str)> = pairs.iter().collect();
    for some in pairs.chunks(MANY) {
        let size = if some.len() <= FEW { FEW } else { MANY };
        let mut params = before.clone();
        // What is left over is the last one again.
        let padded = some.iter().chain(some.last().into_iter().cycle());
        for (name, of) in padded.take(size) {
            params.extend([name as &(dyn ToSql + Sync), of]);
        }
        conn.execute(&statement(size), &params).await?;
    }
    Ok(())
}
