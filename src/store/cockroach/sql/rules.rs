//! The rules that keep every statement running on CockroachDB from v19.1 on,
//! checked over the texts: nobody meets that server before a person does.

use super::listed::statements;

/// Holds every statement to a rule; what breaks it is named.
fn all_keep(rule: impl Fn(&str, usize) -> Result<(), String>) {
    let broken = |(name, text, types): (String, String, usize)| {
        let fault = rule(&text, types).err()?;
        Some(format!("{name}: {fault}\n  {text}"))
    };
    let broken: Vec<String> = statements().into_iter().filter_map(broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn keep(holds: bool, fault: impl Into<String>) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| fault.into())
}

/// What stands between a bracket that was just opened and the one that
/// closes it.
fn inside(text: &str) -> &str {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    panic!("a bracket stays open: {text}");
}

/// The parts of a list, at the commas outside brackets.
fn parts(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(list[start..].trim());
    found
}

/// The words of a statement, brackets and commas apart.
fn words(text: &str) -> Vec<&str> {
    let is_edge = |c: char| c.is_whitespace() || "(),;".contains(c);
    text.split(is_edge)
        .filter(|word| !word.is_empty())
        .collect()
}

/// The subqueries of a `WITH`, each as its head (`name (columns)`) and body.
fn subqueries(text: &str) -> Vec<(&str, &str)> {
    let mut rest = match text.strip_prefix("WITH ") {
        Some(rest) => rest,
        None => return Vec::new(),
    };
    let mut found = Vec::new();
    loop {
        let (head, after) = rest.split_once(" AS (").expect("a subquery");
        let body = inside(after);
        found.push((head, body));
        match after[body.len() + 1..].strip_prefix(", ") {
            Some(next) => rest = next,
            None => return found,
        }
    }
}

fn typed(text: &str, types: usize) -> Result<(), String> {
    for n in 1..=types {
        let after = |at: usize| text[at..].chars().nth(format!("${n}").len());
        let used = text
            .match_indices(&format!("${n}"))
            .any(|(at, _)| !after(at).is_some_and(|c| c.is_ascii_digit()));
        keep(used, format!("${n} has a type and is not used"))?;
    }
    let beyond = text.split('$').skip(1).find(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        digits
            .and_then(|d| d.parse::<usize>().ok())
            .is_none_or(|n| n == 0 || n > types)
    });
    keep(beyond.is_none(), format!("${beyond:?} has no type"))?;
    keep(
        !text.contains("::"),
        "a cast with :: hides a parameter's type",
    )
}

fn named_once(text: &str, _: usize) -> Result<(), String> {
    for (head, body) in subqueries(text) {
        let (name, columns) = head.split_once(' ').unwrap_or((head, ""));
        let columns = columns.strip_prefix('(').and_then(|c| c.strip_suffix(')'));
        let columns = columns.ok_or(format!("{head} does not name its columns"))?;
        let returned = body.split(" RETURNING ").nth(1).unwrap_or_default();
        keep(
            columns == returned,
            format!("{name} names {columns} and returns {returned}"),
        )?;
        let words = words(text);
        let used = words
            .windows(2)
            .filter(|pair| matches!(pair[0], "FROM" | "JOIN") && pair[1] == name)
            .count();
        keep(used == 1, format!("{name} is used {used} times"))?;
    }
    Ok(())
}

fn looked_up_by_columns(text: &str, _: usize) -> Result<(), String> {
    for (at, start) in text.match_indices("INSERT INTO ") {
        let insert = &text[at + start.len()..];
        let open = insert.find('(').ok_or("an INSERT without columns")?;
        let columns = inside(&insert[open + 1..]);
        let rest = &insert[open + 1 + columns.len() + 2..];
        // One row of values is looked up as what it is.
        let Some(selected) = rest.strip_prefix("SELECT ") else {
            keep(rest.starts_with("VALUES ("), "neither SELECT nor VALUES")?;
            continue;
        };
        let end = selected.find(" ON CONFLICT (");
        let own = selected.find(" INSERT INTO ").unwrap_or(selected.len());
        let Some(end) = end.filter(|end| *end < own) else {
            continue;
        };
        let key = parts(inside(&selected[end + " ON CONFLICT (".len()..]));
        let list = selected.split(" FROM ").next().unwrap_or_default();
        let values = parts(list);
        for (column, value) in parts(columns).into_iter().zip(values) {
            let is_column = value.contains('.') && !value.starts_with(['$', '\'']);
            keep(
                !key.contains(&column) || is_column,
                format!("{column} of the key is the constant {value}"),
            )?;
        }
    }
    Ok(())
}

fn side_by_side(text: &str, _: usize) -> Result<(), String> {
    for (at, call) in text.match_indices("unnest(") {
        let list = inside(&text[at + call.len()..]);
        keep(parts(list).len() == 1, format!("unnest of {list}"))?;
        let before = &text[..at];
        let in_rows = before.rfind("ROWS FROM (").is_some_and(|start| {
            let list = &before[start + "ROWS FROM (".len()..];
            list.matches('(').count() == list.matches(')').count()
        });
        keep(in_rows, format!("unnest({list}) outside ROWS FROM"))?;
    }
    Ok(())
}

fn bounded(text: &str, _: usize) -> Result<(), String> {
    let large = "messages message_hashtags idempotency_keys counters users tombstones";
    let large: Vec<&str> = large.split(' ').collect();
    let words = words(text);
    let limited = words.contains(&"LIMIT");
    // Whether there is any is no range.
    let triples = words.windows(3).filter(|triple| triple[2] != "0");
    let compared: Vec<(&str, &str)> = triples.map(|triple| (triple[0], triple[1])).collect();
    let has = |column: &str, signs: &[&str]| {
        let is = |(c, sign): &(&str, &str)| *c == column && signs.contains(sign);
        compared.iter().any(is)
    };
    for (column, sign) in &compared {
        let other: &[&str] = match *sign {
            ">" | ">=" => &["<", "<="],
            "<" | "<=" => &[">", ">="],
            _ => continue,
        };
        // An expression over a row narrows nothing and ends nowhere, nor does
        // a condition on the slot that an upsert has found.
        let is_no_range = !column.contains(char::is_alphabetic) || column.starts_with("slots.");
        keep(
            limited || is_no_range || has(column, other),
            format!("the range of {column} has one end"),
        )?;
    }
    for pair in words.windows(2).filter(|pair| pair[0] == "FROM") {
        let reads = large.contains(&pair[1]);
        let bounded = limited || words.contains(&"WHERE") || words.contains(&"IN");
        keep(
            !reads || bounded,
            format!("{} is read from end to end", pair[1]),
        )?;
    }
    Ok(())
}

fn common_ground(text: &str, _: usize) -> Result<(), String> {
    // Each with what the table of rules in DESIGN has instead.
    let banned = [
        " / ",
        "SELECT *",
        ".*",
        "FOR UPDATE",
        "FOR SHARE",
        "SKIP LOCKED",
        "LISTEN",
        "NOTIFY",
        "COPY ",
        "SAVEPOINT",
        "FETCH ",
        "@>",
        "&&",
        "jsonb",
        "array_agg",
        "to_timestamp",
        "date_trunc",
        "AT TIME ZONE",
        "now()",
        "server_version",
        "advisory",
        "nextval",
        "SERIAL",
        "INT4",
        "INTEGER",
        "ON CONSTRAINT",
        "NULLS FIRST",
        "NULLS LAST",
        "MERGE",
        "LATERAL",
    ];
    let found = banned.iter().find(|word| text.contains(**word));
    keep(found.is_none(), format!("{found:?}"))?;
    let sums = text.matches("sum(").count();
    let cast = text.matches("cast(sum(").count();
    keep(sums == cast, "a sum that is not cast is NUMERIC")?;
    let updates = text.starts_with("UPDATE ") && text.contains(" FROM ");
    keep(!updates, "UPDATE … FROM")?;
    let returned = text.contains("SELECT") && text.contains(" int)");
    keep(!returned, "INT is another width elsewhere")
}

#[test]
fn every_parameter_has_its_type_from_the_client_and_none_is_cast() {
    all_keep(typed);
}

#[test]
fn a_subquery_of_a_with_names_its_columns_and_is_used_once() {
    all_keep(named_once);
}

#[test]
fn an_upsert_of_rows_looks_them_up_by_columns_only() {
    all_keep(looked_up_by_columns);
}

#[test]
fn several_arrays_are_read_side_by_side_with_rows_from() {
    all_keep(side_by_side);
}

#[test]
fn a_range_ends_on_both_sides_or_after_so_many_rows() {
    all_keep(bounded);
}

#[test]
fn nothing_is_asked_for_that_v19_1_lacks_or_does_differently() {
    all_keep(common_ground);
}

#[test]
fn no_statement_stands_outside_this_module() {
    let of = |place: &str| {
        let files = std::fs::read_dir(format!("src/store/cockroach{place}"));
        files
            .expect("sources")
            .map(|file| file.expect("a source").path())
    };
    for file in of("").chain(of("/migrate")) {
        if file.ends_with("server.rs") || file.is_dir() {
            continue;
        }
        let source = std::fs::read_to_string(&file).expect("a source");
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for verb in [
            "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "SET", "SHOW",
            "BEGIN",
        ] {
            let stands =
                source.contains(&format!("\"{verb} ")) || source.contains(&format!("\"{verb}\""));
            assert!(!stands, "{}: {verb}", file.display());
        }
    }
}

/// What CockroachDB v19.1 refused or was slow at, each found by its rule.
#[test]
fn what_breaks_a_rule_is_found() {
    let typed_once = |text: &str| typed(text, 1);
    assert!(typed_once("SELECT $1::int8[]").is_err());
    assert!(typed_once("SELECT $1, $2").is_err());
    assert!(typed_once("SELECT 1").is_err());
    assert!(typed("SELECT $11", 11).is_err());
    let with = |head: &str, from: &str| {
        let insert = "INSERT INTO users (name) SELECT n.name FROM n RETURNING name";
        named_once(
            &format!("WITH {head} AS ({insert}) SELECT u.name FROM {from}"),
            0,
        )
    };
    assert!(with("u (name)", "u").is_ok());
    assert!(with("u", "u").is_err());
    assert!(with("u (id)", "u").is_err());
    assert!(with("u (name)", "u JOIN u AS v").is_err());
    assert!(with("u (name)", "users").is_err());
    let upsert = |slot: &str| {
        let text = format!(
            "INSERT INTO counters (series, slot, count) SELECT g.series, {slot}, sum(g.n) \
             FROM g ON CONFLICT (series, slot) DO UPDATE SET count = 1"
        );
        looked_up_by_columns(&text, 0)
    };
    assert!(upsert("g.slot").is_ok());
    assert!(upsert("$15").is_err());
    assert!(upsert("7").is_err());
    assert!(upsert("'a.b'").is_err());
    assert!(
        side_by_side(
            "SELECT 1 FROM ROWS FROM (unnest($1), unnest($2)) AS a (b)",
            2
        )
        .is_ok()
    );
    assert!(side_by_side("SELECT 1 FROM unnest($1, $2)", 2).is_err());
    assert!(
        side_by_side(
            "SELECT 1 FROM ROWS FROM (unnest($1)) AS a JOIN unnest($2)",
            2
        )
        .is_err()
    );
    let range = |condition: &str| bounded(&format!("SELECT id FROM messages{condition}"), 0);
    assert!(range(" WHERE id >= $1 AND id < $2").is_ok());
    assert!(range(" WHERE id >= $1 ORDER BY id LIMIT 1").is_ok());
    assert!(range(" WHERE id >= $1").is_err());
    assert!(range("").is_err());
    for text in [
        "SELECT a / 2",
        "SELECT sum(count)",
        "UPDATE a SET b = c FROM c",
    ] {
        assert!(common_ground(text, 0).is_err(), "{text}");
    }
}
