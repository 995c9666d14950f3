//! Behaviour of settings as a whole: what is read, what wins, what is refused.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

mod store;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment {
        variables: variables
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
        data_dir: Some("/data".into()),
        ..Environment::default()
    }
}

fn file(text: &str) -> ConfigFile {
    ConfigFile {
        name: "config.yaml".to_owned(),
        text: text.to_owned(),
    }
}

fn load(
    flags: &[(&'static str, &str)],
    variables: &[(&str, &str)],
    yaml: &str,
) -> Result<Config, ConfigError> {
    Config::load(
        &Flags::from_pairs(flags),
        &environment(variables),
        Some(&file(yaml)),
    )
}

fn refusal(flags: &[(&'static str, &str)], variables: &[(&str, &str)], yaml: &str) -> String {
    load(flags, variables, yaml)
        .expect_err("it should be refused")
        .to_string()
}

#[test]
fn nothing_written_serves_the_embedded_store_on_this_machine() {
    let config = Config::load(&Flags::default(), &environment(&[]), None).unwrap();
    assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 9000));
    assert_eq!(config.log_level, LogLevel::Info);
    assert_eq!(config.server.auth_mode, AuthMode::Name);
    assert_eq!(config.server.tls, None);
    assert_eq!(config.server.limits.posts_per_minute, None);
    assert_eq!(config.server.limits.body_size, 65_536);
    // Each default is told twice: to those who read settings, and to tests.
    assert_eq!(config.server.limits, Limits::default());
    assert_eq!(config.server.hosts.as_deref(), Some(&[][..]));
    let path = "/data/dunder/dunder.sqlite".into();
    assert_eq!(
        config.store,
        StoreConfig::Sqlite {
            path,
            is_default: true,
            writer_queue: 10_000,
            query_timeout: Duration::from_secs(8),
        }
    );
    assert!(config.warnings().is_empty());
}

#[test]
fn flags_beat_variables_beat_the_file_beats_defaults() {
    let yaml = "port: 3\n";
    let variables = [("DUNDER_PORT", "2")];
    for (config, port, origin) in [
        (
            load(&[("port", "1")], &variables, yaml),
            1,
            "the flag --port",
        ),
        (load(&[], &variables, yaml), 2, "the variable DUNDER_PORT"),
        (load(&[], &[], yaml), 3, "config.yaml line 1"),
        (load(&[], &[], ""), 9000, "the default"),
    ] {
        let config = config.unwrap();
        assert_eq!(config.port, port);
        assert_eq!(config.settings.origin("port").to_string(), origin);
    }
}

#[test]
fn names_of_the_server_are_closed_where_anyone_can_be_anyone_or_as_written() {
    let hosts = |flags: &[(&'static str, &str)]| load(flags, &[], "").unwrap().server.hosts;
    let public = [("host", "0.0.0.0"), ("auth.mode", "name")];
    assert_eq!(hosts(&[]), Some(vec![]));
    assert_eq!(hosts(&[("auth.mode", "token")]), None);
    assert_eq!(hosts(&public), None);
    assert_eq!(
        hosts(&[("hosts", "Board.example., ::1"), ("auth.mode", "token")]),
        Some(vec!["Board.example".to_owned(), "[::1]".to_owned()])
    );
    for wrong in [
        "board.example:9000",
        "http://board.example",
        "*.example",
        ".",
    ] {
        let refused = refusal(&[("hosts", wrong)], &[], "");
        assert!(refused.contains("without a port"), "{refused}");
    }
}

#[test]
fn every_key_of_the_example_is_known_and_every_known_key_is_in_it() {
    let example = include_str!("../../../config.yaml");
    let uncommented: String = example
        .lines()
        .map(|line| match line.trim_start().strip_prefix('#') {
            Some(rest) if rest.starts_with(char::is_alphabetic) => line.replacen('#', "", 1) + "\n",
            _ => format!("{line}\n"),
        })
        .collect();
    let entries = file::read(&file(&uncommented)).unwrap();
    let written: BTreeSet<&str> = entries.keys().copied().collect();
    let listed = KEYS.iter().filter(|key| key.in_file).map(|key| key.name);
    assert_eq!(written, listed.chain(FILE_ONLY).collect());
    for key in KEYS.iter().filter(|key| key.in_file) {
        let text = entries[key.name].texts.join(", ");
        match key.default {
            Fallback::Value(default) => assert_eq!(text, default, "{}", key.name),
            // A value that would do: the key alone is accepted.
            Fallback::Depends(_) => {
                let mut flags = vec![(key.name, text.as_str())];
                flags.extend((key.name == "cockroach.cert").then_some(("cockroach.key", "k")));
                flags.extend((key.name == "cockroach.key").then_some(("cockroach.cert", "c")));
                flags.extend((key.name == "otel.sample").then_some(("otel.endpoint", "http://h")));
                flags.extend((key.name == "trusted_proxies").then_some(("auth.mode", "token")));
                let of_regions = ["cockroach.survive", "cockroach.region"].contains(&key.name);
                flags.extend(of_regions.then_some(("cockroach.regions", "eu-west1")));
                flags.extend(
                    (key.section() == Some("cockroach")).then_some(("cockroach.host", "h")),
                );
                load(&flags, &[], "").unwrap_or_else(|error| panic!("{}: {error}", key.name));
            }
        }
    }
    let untouched =
        Config::load(&Flags::default(), &environment(&[]), Some(&file(example))).unwrap();
    let nothing = Config::load(&Flags::default(), &environment(&[]), None).unwrap();
    assert_eq!(format!("{untouched:?}"), format!("{nothing:?}"));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_key_meant() {
    for (yaml, parts) in [
        (
            "port: 1\nhots: a\n",
            ["config.yaml line 2", "\"hots\"", "did you mean host?"],
        ),
        (
            "cockroach:\n  pasword: hush\n",
            [
                "line 2",
                "\"cockroach.pasword\"",
                "did you mean cockroach.password?",
            ],
        ),
        (
            "sqlite:\n  file: x\n",
            ["line 2", "\"sqlite.file\"", "sqlite takes path"],
        ),
        (
            "should_migrate: true\n",
            [
                "line 1",
                "\"should_migrate\"",
                "did you mean cockroach.should_migrate?",
            ],
        ),
        (
            "config_file: x\n",
            ["line 1", "\"config_file\"", "lists every key"],
        ),
    ] {
        let error = refusal(&[], &[], yaml);
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_mapping_of_settings_is_refused_with_its_line() {
    for (yaml, part) in [
        ("just words\n", "expected keys with values"),
        ("port: 1\nport: 2\n", "line 2"),
        ("a: [\n", "line"),
        ("port:\n  - 1\n", "port needs one value"),
        ("port:\n", "port needs one value"),
        ("a: b", "line 1"),
        (
            "\ncockroach: db1\n",
            "line 2: this cannot be read as YAML: invalid type: string \"db1\", expected keys with values below cockroach",
        ),
        ("cockroach:\n  host: []\n", "line 2"),
        ("tls:\n  crt: {a: b}\n", "tls.crt needs one value"),
        ("port: 1\n---\nport: 2\n", "config.yaml"),
    ] {
        let error = refusal(&[], &[], yaml);
        assert!(error.contains(part), "{yaml:?}: {error}");
    }
}

#[test]
fn a_wrong_value_is_named_with_its_origin_and_what_to_write() {
    for (error, parts) in [
        (
            refusal(&[("port", "http")], &[], ""),
            ["port is \"http\"", "the flag --port", "0 to 65535"],
        ),
        (
            refusal(&[], &[("DUNDER_LIMITS_BODY_SIZE", "big")], ""),
            [
                "limits.body_size is \"big\"",
                "DUNDER_LIMITS_BODY_SIZE",
                "64KiB",
            ],
        ),
        (
            refusal(&[], &[], "\nuse_tls: maybe\n"),
            [
                "use_tls is \"maybe\"",
                "config.yaml line 2",
                "true or false",
            ],
        ),
        (
            refusal(&[], &[], "debug: maybe\n"),
            ["debug is \"maybe\"", "config.yaml line 1", "true or false"],
        ),
        (
            refusal(&[], &[("DUNDER_COCKROACH_HOST", "")], ""),
            [
                "cockroach.host is empty",
                "DUNDER_COCKROACH_HOST",
                "leave it out",
            ],
        ),
        (
            refusal(&[], &[], "cockroach: {host: a, sslmode: prefer}"),
            ["\"prefer\"", "line 1", "verify-full"],
        ),
        (
            refusal(&[("auth.mode", "none")], &[], ""),
            ["\"none\"", "--auth.mode", "name or token"],
        ),
    ] {
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn every_limit_refuses_nonsense_and_takes_its_default() {
    for key in KEYS.iter().filter(|key| key.section() == Some("limits")) {
        let error = refusal(&[(key.name, "nonsense")], &[], "");
        assert!(
            error.contains(key.name) && error.contains("\"nonsense\""),
            "{error}"
        );
        if let Fallback::Value(default) = key.default {
            assert!(
                load(&[(key.name, default)], &[], "").is_ok(),
                "{}",
                key.name
            );
        }
    }
}

#[test]
fn kubernetes_service_links_are_recognised() {
    let error = refusal(&[], &[("DUNDER_PORT", "tcp://10.0.0.1:9000")], "");
    assert!(error.contains("enableServiceLinks: false"), "{error}");
    let config = load(&[], &[("DUNDER_SERVICE_HOST", "10.0.0.1")], "").unwrap();
    assert!(
        config.warnings()[0].contains("enableServiceLinks"),
        "{:?}",
        config.warnings()
    );
}

#[test]
fn an_unknown_variable_is_refused_and_the_clients_own_are_not() {
    for (variable, meant) in [
        ("DUNDER_PROT", "DUNDER_PORT"),
        ("DUNDER_COCKROACH_HOSTS", "DUNDER_COCKROACH_HOST"),
        ("DUNDER_NONSENSE", "dunder serve --help"),
    ] {
        let error = refusal(&[], &[(variable, "1")], "");
        assert!(error.contains(variable) && error.contains(meant), "{error}");
    }
    let config = load(&[], &[("DUNDER_SERVER", "x"), ("DUNDER_TOKEN", "y")], "");
    assert!(config.unwrap().warnings().is_empty());
}

#[test]
fn the_client_is_as_strict_with_variables_as_the_server() {
    let check = |variables: &[(&str, &str)]| {
        let checked = environment(variables).check_for_client();
        checked.map_err(|error| error.to_string())
    };
    for (variable, value, parts) in [
        (
            "DUNDER_SERVR",
            "x",
            [
                "DUNDER_SERVR is not a setting",
                "did you mean DUNDER_SERVER?",
            ],
        ),
        (
            "DUNDER_NONSENSE",
            "x",
            ["DUNDER_NONSENSE", "dunder help configuration"],
        ),
        (
            "DUNDER_QUEUE",
            "",
            ["DUNDER_QUEUE is empty", "give it a value or unset it"],
        ),
    ] {
        let error = check(&[("DUNDER_TOKEN", "t"), (variable, value)]).unwrap_err();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    for name in CLIENT_VARIABLES {
        assert_eq!(check(&[(name, "x")]), Ok(()), "{name}");
        assert!(check(&[(name, "")]).is_err(), "{name}");
    }
    let servers = [
        ("DUNDER_PORT", "nonsense"),
        ("DUNDER_COCKROACH_PASSWORD", ""),
        ("DUNDER_SERVICE_HOST", "10.0.0.1"),
    ];
    assert_eq!(check(&servers), Ok(()));
}

#[test]
fn listening_where_others_reach_it_needs_auth_mode_written_down() {
    for host in ["0.0.0.0", "::", "[::]", "10.1.2.3", "dunder.example"] {
        let error = refusal(&[("host", host)], &[], "");
        assert!(
            error.contains("auth.mode") && error.contains("--host"),
            "{error}"
        );
        for mode in ["name", "token"] {
            let config = load(&[("host", host), ("auth.mode", mode)], &[], "").unwrap();
            assert_eq!(config.server.limits.posts_per_minute, Some(600));
            assert_eq!(config.server.limits.unauthenticated_per_minute, Some(300));
            assert_eq!(config.warnings().len(), usize::from(mode == "name"));
        }
    }
    for host in ["localhost", "127.0.0.2", "[::1]"] {
        assert_eq!(
            load(&[("host", host)], &[], "").unwrap().server.auth_mode,
            AuthMode::Name
        );
    }
    let error = refusal(&[], &[], "trusted_proxies: 127.0.0.1\n");
    assert!(
        error.contains("auth.mode") && error.contains("config.yaml line 1"),
        "{error}"
    );
}

#[test]
fn reading_with_a_token_needs_tokens_that_mean_something() {
    assert!(refusal(&[("auth.read", "token")], &[], "").contains("auth.mode: token"));
    let config = load(&[("auth.read", "token"), ("auth.mode", "token")], &[], "").unwrap();
    assert_eq!(config.server.read, ReadAccess::Token);
}

#[test]
fn debug_at_the_top_means_log_level_debug_and_flags_still_win() {
    assert_eq!(
        load(&[], &[], "debug: true").unwrap().log_level,
        LogLevel::Debug
    );
    assert_eq!(
        load(&[], &[], "debug: false").unwrap().log_level,
        LogLevel::Info
    );
    assert_eq!(
        load(&[("log_level", "warn")], &[], "debug: true")
            .unwrap()
            .log_level,
        LogLevel::Warn
    );
    assert!(refusal(&[], &[], "debug: true\nlog_level: info").contains("keep one"));
}

#[test]
fn a_certificate_nobody_uses_is_refused() {
    let error = refusal(&[], &[], "tls: {crt: a, key: b}");
    assert!(error.contains("use_tls"), "{error}");
    assert_eq!(
        load(&[], &[], "use_tls: false\ntls: {crt: a}")
            .unwrap()
            .server
            .tls,
        None
    );
    let tls = load(&[("use_tls", "true")], &[], "tls: {crt: a}")
        .unwrap()
        .server
        .tls
        .unwrap();
    assert_eq!(
        (tls.certificate, tls.key),
        ("a".into(), "tls/key.pem".into())
    );
}

#[test]
fn the_flags_are_spelt_as_the_keys_and_booleans_take_an_optional_value() {
    use clap::{Args, Command, FromArgMatches};
    let read = |line: &str| {
        let command = ServeArgs::augment_args(Command::new("serve").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace())?;
        ServeArgs::from_arg_matches(&matches)
    };
    for (line, wanted) in [
        ("--use_tls", "true"),
        ("--use_tls true", "true"),
        ("--use_tls=false", "false"),
        ("--use_tls --port 1", "true"),
    ] {
        assert_eq!(read(line).unwrap().0.0["use_tls"], [wanted], "{line}");
    }
    for key in KEYS {
        assert!(read(&format!("--{} x", key.name)).is_ok(), "{}", key.name);
    }
    let hosts = read("--cockroach.host a,b --cockroach.host c").unwrap();
    let config = Config::load(&hosts.0, &environment(&[]), None).unwrap();
    let StoreConfig::Cockroach(config) = config.store else {
        panic!("not CockroachDB")
    };
    assert_eq!(config.hosts.unwrap().len(), 3);
    assert!(read("--cockroach-host a").is_err());
}
