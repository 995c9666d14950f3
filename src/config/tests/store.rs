//! Settings of the store: which one is chosen, hosts, passwords.

use super::*;

fn cockroach(yaml: &str) -> CockroachConfig {
    match load(&[], &[], yaml).unwrap().store {
        StoreConfig::Cockroach(config) => *config,
        StoreConfig::Sqlite { .. } => panic!("the embedded store was chosen for {yaml}"),
    }
}

#[test]
fn a_connection_key_chooses_cockroach_and_a_path_beside_it_is_refused() {
    for key in KEYS.iter().filter(|key| key.is_connection()) {
        let value = match key.name {
            "cockroach.url" => "postgresql://a@b/c",
            "cockroach.port" => "1",
            "cockroach.sslmode" => "disable",
            _ => "x",
        };
        let mut flags = vec![(key.name, value)];
        flags.extend((key.name == "cockroach.cert").then_some(("cockroach.key", "k")));
        flags.extend((key.name == "cockroach.key").then_some(("cockroach.cert", "c")));
        let config = load(&flags, &[], "").unwrap();
        assert!(
            matches!(config.store, StoreConfig::Cockroach(_)),
            "{}",
            key.name
        );
        let error = refusal(&flags, &[("DUNDER_SQLITE_PATH", "/x")], "");
        assert!(
            error.contains("two stores") && error.contains("DUNDER_SQLITE_PATH"),
            "{error}"
        );
    }
    let error = refusal(&[("cockroach.debug", "true")], &[], "");
    assert!(error.contains("cockroach.host"), "{error}");
}

#[test]
fn hosts_are_a_scalar_or_a_list_under_either_name() {
    let two = Some(vec![("a".to_owned(), None), ("b".to_owned(), Some(2))]);
    for yaml in [
        "cockroach: {host: [a, 'b:2']}",
        "cockroach:\n  hosts:\n    - a\n    - b:2\n",
        "cockroach: {host: 'a, b:2'}",
    ] {
        assert_eq!(cockroach(yaml).hosts, two, "{yaml}");
    }
    assert_eq!(
        cockroach("cockroach:\n  host: a\n").hosts,
        Some(vec![("a".to_owned(), None)])
    );
    assert!(refusal(&[], &[], "cockroach: {host: a, hosts: [b]}").contains("keep one"));
}

#[test]
fn scalars_of_the_file_are_taken_as_they_are_written() {
    for password in ["0123", "1e5", "yes", "1_000", "0x10", "12.50", "\"\""] {
        let read = cockroach(&format!("cockroach:\n  password: {password}\n"));
        let expected = password.trim_matches('"');
        assert_eq!(read.password.unwrap().reveal(), expected);
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    let flags = [
        ("cockroach.url", "postgres://u:hush@h/d"),
        ("cockroach.password", "hush"),
    ];
    let config = load(&flags, &[], "").unwrap();
    let shown = format!("{config:?} {:?}", config.settings.shown());
    assert!(!shown.contains("hush"), "{shown}");
    assert!(
        config
            .warnings()
            .iter()
            .all(|w| w.contains("ps") && !w.contains("hush"))
    );
    assert_eq!(config.warnings().len(), 2);
    let error = refusal(&[("cockroach.url", "mysql://u:hush@h")], &[], "");
    assert!(
        error.contains("cockroach.url") && !error.contains("hush"),
        "{error}"
    );
    for yaml in [
        "cockroach:\n  password: [hush]\n",
        "cockroach:\n  password: 'hush\n",
        "cockroach:\n  password: &a hush\n bad\n",
    ] {
        let error = refusal(&[], &[], yaml);
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn the_password_file_is_read_without_its_line_end() {
    let path = std::env::temp_dir().join(format!("dunder-password-{}", std::process::id()));
    std::fs::write(&path, "hush \r\n").unwrap();
    let config = cockroach(&format!(
        "cockroach: {{password_file: '{}'}}",
        path.display()
    ));
    assert_eq!(config.password().unwrap().unwrap().reveal(), "hush ");
    std::fs::remove_file(&path).unwrap();
    let error = config.password().unwrap_err().to_string();
    assert!(error.contains("cockroach.password_file"), "{error}");
    let both = refusal(&[], &[], "cockroach: {password: a, password_file: b}");
    assert!(both.contains("two passwords"), "{both}");
}

#[test]
fn regions_that_do_not_fit_each_other_are_named() {
    for (yaml, said) in [
        ("regions: [a, b, a]", "names a twice"),
        ("regions: [a b]", "such as eu-west1"),
        ("survive: zone", "needs cockroach.regions"),
        (
            "regions: [a, b]\n  survive: region",
            "it takes three regions, not 2",
        ),
        ("regions: [a, b]\n  survive: server", "write zone or region"),
        (
            "regions: [a, b]\n  region: c",
            "none of cockroach.regions: a, b",
        ),
    ] {
        let yaml = format!("cockroach:\n  host: db\n  {yaml}\n");
        let refused = load(&[], &[], &yaml).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}
