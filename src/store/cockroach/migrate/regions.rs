//! What makes a database one of several regions: messages, their places in
//! lists, their counts and slots are kept where they were posted; users and
//! tokens are read everywhere at hand. All else is in the primary region.

use super::super::OpenError;
use super::super::conn::{Conn, column};
use super::super::connect::Connector;
use super::super::options::CockroachOptions;
use super::super::regions::{Survive, check, slots_of};
use super::super::retry::Failure;
use super::super::sql;
use super::ddl;
use crate::store::batch::Backoff;

/// Tables whose rows have a region, by the column that has an id.
const BY_ID: [(&str, &str); 2] = [("messages", "id"), ("message_hashtags", "message_id")];
/// By slot.
const BY_SLOT: [&str; 2] = ["counters", "slots"];
/// Tables that are read everywhere.
const GLOBAL: [&str; 2] = ["users", "tokens"];

/// What a database has of it.
#[derive(Default)]
struct Found {
    regions: Vec<String>,
    primary: Option<String>,
}

/// Runs what is missing; nothing where no regions are set.
pub(super) async fn apply(connector: &Connector, conn: &Conn) -> Result<usize, OpenError> {
    let statements = missing(connector, Some(conn)).await?;
    let mut backoff = Backoff::new("set regions", connector.options.write_limit);
    conn.limit_to(connector.options.index_patience);
    for statement in &statements {
        ddl(conn, statement, &mut backoff).await?;
        tracing::info!("{statement}");
    }
    conn.limit_to(connector.options.write_attempt);
    Ok(statements.len())
}

/// What is missing; without a session all of it.
pub(super) async fn missing(
    connector: &Connector,
    conn: Option<&Conn>,
) -> Result<Vec<String>, OpenError> {
    let options = &connector.options;
    if options.regions.is_empty() {
        return Ok(Vec::new());
    }
    check(&options.regions, connector.server())?;
    let found = match conn {
        Some(conn) => look(conn).await?,
        None => Found::default(),
    };
    let mut statements = of_database(options, &found);
    let home = home_of(&options.regions);
    for (table, add) in homes(&options.regions, &home) {
        let made = created(conn, table).await?;
        if made.contains(&format!("REGIONAL BY ROW AS {home}")) {
            continue;
        }
        statements.extend([
            add,
            sql::require_home(table, &home),
            sql::regional_by_row(table, &home),
        ]);
    }
    for table in GLOBAL {
        if !created(conn, table).await?.contains("LOCALITY GLOBAL") {
            statements.push(sql::global(table));
        }
    }
    Ok(statements)
}

fn of_database(options: &CockroachOptions, found: &Found) -> Vec<String> {
    let database = &options.database;
    let mut statements = Vec::new();
    let primary = &options.regions[0];
    if found.primary.as_ref() != Some(primary) {
        // A region can become the primary one once the database has it.
        if found.primary.is_some() && !found.regions.contains(primary) {
            statements.push(sql::add_region(database, primary));
        }
        statements.push(sql::set_primary_region(database, primary));
    }
    for region in &options.regions[1..] {
        if !found.regions.contains(region) {
            statements.push(sql::add_region(database, region));
        }
    }
    if let Some(survive) = options.survive {
        statements.push(sql::survive(database, survive == Survive::Region));
    }
    statements
}

/// The tables whose rows have a region, and what adds the column that says it.
fn homes(regions: &[String], home: &str) -> Vec<(&'static str, String)> {
    let slots = regions.iter().cloned().enumerate();
    let slots: Vec<_> = slots
        .map(|(number, region)| (region, slots_of(number)))
        .collect();
    let by_id = BY_ID.map(|(table, id)| (table, sql::add_home_by_id(table, id, home, regions)));
    let by_slot = BY_SLOT.map(|table| (table, sql::add_home_by_slot(table, home, &slots)));
    by_id.into_iter().chain(by_slot).collect()
}

/// The name of the column. What is computed of a column cannot be changed, so
/// other regions have another.
fn home_of(regions: &[String]) -> String {
    let bytes = regions.iter().flat_map(|region| region.bytes().chain([0]));
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("home_{hash:08x}")
}

async fn look(conn: &Conn) -> Result<Found, Failure> {
    let mut found = Found::default();
    for row in conn.query(&sql::REGIONS, &[]).await? {
        let region: String = column(&row, 0)?;
        if column(&row, 1)? {
            found.primary = Some(region.clone());
        }
        found.regions.push(region);
    }
    Ok(found)
}

/// How a table was made; nothing of one that is yet to be.
async fn created(conn: Option<&Conn>, table: &str) -> Result<String, Failure> {
    let Some(conn) = conn else {
        return Ok(String::new());
    };
    if conn.query(&sql::COLUMNS, &[&table]).await?.is_empty() {
        return Ok(String::new());
    }
    let rows = conn.query(&sql::show_create(table), &[]).await?;
    rows.first().map_or(Ok(String::new()), |row| column(row, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(regions: &[&str]) -> CockroachOptions {
        CockroachOptions {
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            survive: Some(Survive::Region),
            ..CockroachOptions::default()
        }
    }

    #[test]
    fn a_new_database_gets_its_regions_the_primary_one_first() {
        let options = options(&["us-east1", "eu-west1"]);
        let expected = [
            r#"ALTER DATABASE "dunder" SET PRIMARY REGION "us-east1""#,
            r#"ALTER DATABASE "dunder" ADD REGION "eu-west1""#,
            r#"ALTER DATABASE "dunder" SURVIVE REGION FAILURE"#,
        ];
        assert_eq!(of_database(&options, &Found::default()), expected);
        let found = Found {
            regions: vec!["eu-west1".to_owned()],
            primary: Some("eu-west1".to_owned()),
        };
        let expected = [
            r#"ALTER DATABASE "dunder" ADD REGION "us-east1""#,
            r#"ALTER DATABASE "dunder" SET PRIMARY REGION "us-east1""#,
            r#"ALTER DATABASE "dunder" SURVIVE REGION FAILURE"#,
        ];
        assert_eq!(of_database(&options, &found), expected);
    }

    #[test]
    fn the_region_of_a_row_is_computed_from_its_id_or_its_slot() {
        let regions = options(&["us-east1", "eu-west1", "o'asia"]).regions;
        let texts = homes(&regions, "home");
        let expected = [
            "ALTER TABLE messages ADD COLUMN IF NOT EXISTS home crdb_internal_region AS \
             (CASE WHEN substr(id, 11, 1) = '1' THEN 'eu-west1' \
             WHEN substr(id, 11, 1) = '2' THEN 'o''asia' ELSE 'us-east1' END) STORED",
            "ALTER TABLE counters ADD COLUMN IF NOT EXISTS home crdb_internal_region AS \
             (CASE WHEN slot >= 1000 AND slot < 2000 THEN 'eu-west1' \
             WHEN slot >= 2000 AND slot < 3000 THEN 'o''asia' ELSE 'us-east1' END) STORED",
        ];
        assert_eq!([&texts[0].1, &texts[2].1], expected);
        let one = homes(&regions[..1], "home");
        assert!(one[0].1.ends_with("AS ('us-east1') STORED"), "{}", one[0].1);
    }

    #[test]
    fn other_regions_have_a_column_of_another_name() {
        let names = [&["a", "b"][..], &["b", "a"], &["ab"], &["a", "b", "c"]]
            .map(|regions| home_of(&options(regions).regions));
        let different: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
