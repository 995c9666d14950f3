//! Statements about regions, for CockroachDB from 21.1 on, which has them.
//! They run only where `cockroach.regions` is set, and are kept from the
//! documents of that release in the repository cockroachdb/docs, `v21.1/`:
//! `set-primary-region.md`, `add-region.md`, `survive-failure.md`,
//! `set-locality.md`, `show-regions.md` and, for a region that is computed from
//! other columns, `demo-low-latency-multi-region-deployment.md`.

use super::{Sql, TEXT, statements};

statements! {
    /// The regions of the database, and whether each is the primary one.
    REGIONS (): "SELECT r.region, r.\"primary\" FROM [SHOW REGIONS FROM DATABASE] AS r";

    /// The region of the node that the session is on; an error where the node
    /// was started without one (`functions-and-operators.md`).
    NODE_REGION (): "SELECT cast(gateway_region() AS text)";

    /// The columns of table `$1`.
    COLUMNS (TEXT):
        "SELECT cast(column_name AS text) FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = $1";
}

/// How a table was made, its locality at the end (`show-create.md`).
pub(in crate::store::cockroach) fn show_create(table: &str) -> Sql {
    Sql::composed(
        format!("SELECT t.create_statement FROM [SHOW CREATE TABLE {table}] AS t"),
        Vec::new(),
    )
}

/// The first region of a database, or another one that it has.
pub(in crate::store::cockroach) fn set_primary_region(database: &str, region: &str) -> String {
    let (database, region) = (quoted(database), quoted(region));
    format!("ALTER DATABASE {database} SET PRIMARY REGION {region}")
}

/// One more region.
pub(in crate::store::cockroach) fn add_region(database: &str, region: &str) -> String {
    let (database, region) = (quoted(database), quoted(region));
    format!("ALTER DATABASE {database} ADD REGION {region}")
}

/// What the database survives: the loss of a zone or of a region.
pub(in crate::store::cockroach) fn survive(database: &str, region: bool) -> String {
    let what = if region { "REGION" } else { "ZONE" };
    format!("ALTER DATABASE {} SURVIVE {what} FAILURE", quoted(database))
}

/// The column that says in which region a row is: by the first character of
/// the random part of an id, where each server puts the number of its region.
pub(in crate::store::cockroach) fn add_home_by_id(
    table: &str,
    id: &str,
    home: &str,
    regions: &[String],
) -> String {
    let others = regions.iter().enumerate().skip(1);
    let cases = others.map(|(number, region)| {
        format!(
            "WHEN substr({id}, 11, 1) = '{number:X}' THEN {}",
            text(region)
        )
    });
    add_home(table, home, cases.collect(), &regions[0])
}

/// The same by the number of a slot, of which each region has a range.
pub(in crate::store::cockroach) fn add_home_by_slot(
    table: &str,
    home: &str,
    regions: &[(String, std::ops::Range<i64>)],
) -> String {
    let others = regions.iter().skip(1);
    let cases = others.map(|(region, slots)| {
        let (from, before) = (slots.start, slots.end);
        let region = text(region);
        format!("WHEN slot >= {from} AND slot < {before} THEN {region}")
    });
    add_home(table, home, cases.collect(), &regions[0].0)
}

fn add_home(table: &str, home: &str, cases: Vec<String>, primary: &str) -> String {
    let (cases, primary) = (cases.join(" "), text(primary));
    // A CASE has one WHEN at least.
    let home_of = match cases.is_empty() {
        true => primary,
        false => format!("CASE {cases} ELSE {primary} END"),
    };
    format!(
        "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {home} crdb_internal_region AS ({home_of}) STORED"
    )
}

/// No row is without a region.
pub(in crate::store::cockroach) fn require_home(table: &str, home: &str) -> String {
    format!("ALTER TABLE {table} ALTER COLUMN {home} SET NOT NULL")
}

/// Each row is kept in its region.
pub(in crate::store::cockroach) fn regional_by_row(table: &str, home: &str) -> String {
    format!("ALTER TABLE {table} SET LOCALITY REGIONAL BY ROW AS {home}")
}

/// A table is read in every region as if it were there alone; what is written
/// takes longer.
pub(in crate::store::cockroach) fn global(table: &str) -> String {
    format!("ALTER TABLE {table} SET LOCALITY GLOBAL")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
