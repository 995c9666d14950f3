//! `dunder doctor`: what is in force, and what is wrong with it.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::stub::{Reply, serve};
use super::{Person, Ran};
use crate::support::Server;

/// The lines of a report by the name of the check.
fn found<'a>(report: &'a Ran, name: &str) -> Vec<&'a str> {
    let mut lines = report.out.lines().map(|line| line.split('\t'));
    let fields = lines.find(|fields| fields.clone().nth(1) == Some(name));
    fields
        .unwrap_or_else(|| panic!("no {name} in {report:?}"))
        .collect()
}

#[tokio::test]
async fn a_healthy_server_and_where_each_setting_comes_from() {
    let server = Server::start();
    let person = Person::of(&server);
    let report = person.run(&["doctor", "--timeout", "20s"]);
    assert_eq!((report.code, report.err.as_str()), (0, ""), "{report:?}");
    for (name, state, says) in [
        (
            "server",
            "ok",
            format!("{} (from DUNDER_SERVER)", server.url),
        ),
        ("login", "note", "none kept".to_owned()),
        ("token", "ok", "this machine's user, john".to_owned()),
        ("timeout", "ok", "20s (from --timeout)".to_owned()),
        (
            "reach",
            "ok",
            concat!("dunder ", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
        ("store", "ok", "read and write".to_owned()),
        ("user", "ok", "you are john (by name)".to_owned()),
    ] {
        let fields = found(&report, name);
        assert_eq!(fields[0], state, "{report:?}");
        assert!(fields[2].contains(&says), "{report:?}");
    }
    let json: Value = serde_json::from_str(&person.run(&["doctor", "--json"]).ok()).unwrap();
    assert_eq!(json["data"]["problems"], 0);
    let table = person.run(&["doctor", "--width", "60"]).ok();
    assert!(table.starts_with("ok  dunder "), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 60),
        "{table}"
    );
}

#[test]
fn a_server_that_is_away_is_3_after_all_that_could_be_said() {
    let report = Person::at("http://127.0.0.1:1").run(&["doctor"]);
    assert_eq!(report.code, 3, "{report:?}");
    assert_eq!(found(&report, "reach")[0], "problem");
    assert!(found(&report, "reach")[2].contains("dunder serve"));
    assert_eq!(found(&report, "server")[0], "ok");
    assert!(report.err.contains("not reached"), "{report:?}");
}

#[test]
fn a_login_that_others_can_read_and_a_token_nobody_knows_are_problems() {
    let server = Server::with(&["--auth.mode", "token"]);
    let person = Person::of(&server);
    let file = person.home().join(".config/dunder/credentials.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let login = serde_json::json!({"server": server.url, "token": "wrong", "user": "ann"});
    std::fs::write(&file, login.to_string()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let report = person.run(&["doctor"]);
    assert_eq!(report.code, 1, "{report:?}");
    let login = found(&report, "login");
    assert_eq!(login[0], "problem");
    assert!(login[2].contains("mode 644") && login[3].starts_with("run: chmod 600 "));
    let user = found(&report, "user");
    assert_eq!(user[0], "problem");
    assert_eq!(
        user[3],
        format!("run: dunder login --server {}", server.url)
    );
    assert!(report.err.contains("2 things are wrong"), "{report:?}");
}

#[test]
fn settings_in_a_file_are_named_and_a_mistake_in_it_is_a_problem() {
    let server = Server::start();
    let person = Person::of(&server);
    let file = person.home().join(".config/dunder/client.yaml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "queue: true\n").unwrap();
    let report = person.run(&["doctor"]);
    let said = format!("true (in {})", file.display());
    assert_eq!(found(&report, "queue")[..3], ["ok", "queue", &said]);
    std::fs::write(&file, "queeu: true\n").unwrap();
    let report = person.run(&["doctor"]);
    assert_eq!(report.code, 1, "{report:?}");
    assert!(
        found(&report, "settings")[2].contains("queeu"),
        "{report:?}"
    );
}

#[test]
fn a_time_zone_that_cannot_be_read_is_a_problem_and_a_rule_is_none() {
    let person = Person::at("http://127.0.0.1:1");
    let report = |zone: &str| {
        Ran::of(
            person
                .command(&["doctor"])
                .env("TZ", zone)
                .output()
                .unwrap(),
        )
    };
    for (zone, says) in [
        ("Europe/Berlin", "Europe/Berlin, UTC+0"),
        (
            "IST-2IDT,M3.4.4/26,M10.5.0",
            "IST-2IDT,M3.4.4/26,M10.5.0, UTC+0",
        ),
    ] {
        let report = report(zone);
        assert_eq!(found(&report, "zone")[0], "ok", "{report:?}");
        assert!(found(&report, "zone")[2].starts_with(says), "{report:?}");
    }
    let report = report("Europe/Berlni");
    let zone = found(&report, "zone");
    assert_eq!(zone[0], "problem");
    assert!(
        zone[2].contains("\"Europe/Berlni\"") && zone[3].contains("IANA name"),
        "{report:?}"
    );
}

#[test]
fn a_clock_that_is_an_hour_off_is_a_problem() {
    let health = r#"{"data":{"status":"alive","version":"9.9.9"}}"#;
    let late = "Date: Tue, 24 Nov 2020 12:00:00 GMT\r\n";
    let replies = (0..5).map(|_| Reply::new("200 OK", late, health));
    let (url, _requests) = serve(replies.collect());
    let report = Person::at(&url).run(&["doctor"]);
    assert_eq!(report.code, 1, "{report:?}");
    assert_eq!(found(&report, "clock")[0], "problem");
    assert!(found(&report, "clock")[2].contains("ahead of the server's"));
    // Another version is worth knowing, and no more.
    assert_eq!(found(&report, "reach")[0], "note");
    assert!(found(&report, "reach")[2].contains("dunder 9.9.9 answers"));
}

#[test]
fn over_tls_it_names_protocol_certificate_and_expiry() {
    let person = Person::at("http://127.0.0.1:1");
    let tls = person.home().join("tls");
    let made = person.run(&["tls", "generate", "--dir", tls.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{made:?}");
    let file = |name: &str| tls.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("crt.pem"), file("key.pem"));
    let server = Server::with(&["--use_tls", "--tls.crt", &certificate, "--tls.key", &key]);
    let url = server.url.replace("127.0.0.1", "localhost");
    let report = person.run(&["doctor", "--server", &url, "--cacert", &file("ca.pem")]);
    assert_eq!((report.code, report.err.as_str()), (0, ""), "{report:?}");
    let tls = found(&report, "tls")[2];
    assert!(tls.starts_with("TLS 1.3; certificate of "), "{tls}");
    assert!(tls.contains(" days)"), "{tls}");
    assert!(found(&report, "cacert")[2].ends_with("(from --cacert)"));
    let strange = person.run(&["doctor", "--server", &url]);
    assert_eq!(strange.code, 3, "{strange:?}");
    assert!(found(&strange, "reach")[2].contains("--cacert FILE"));
}

#[test]
fn something_that_is_not_dunder_is_one_problem() {
    let replies = (0..6).map(|_| Reply::new("404 Not Found", "", "<html>not here</html>"));
    let (url, _requests) = serve(replies.collect());
    let report = Person::at(&url).run(&["doctor"]);
    assert_eq!(report.code, 1, "{report:?}");
    assert!(report.err.contains("something is wrong"), "{report:?}");
    let reach = found(&report, "reach");
    assert!(reach[2].contains("not a dunder server"), "{report:?}");
    assert!(report.out.trim_end().ends_with(reach[3]), "{report:?}");
}

#[test]
fn messages_that_wait_are_mentioned() {
    let person = Person::at("http://127.0.0.1:1");
    for text in ["one", "two"] {
        person.run(&["post", "--queue", text]);
    }
    let report = person.run(&["doctor"]);
    let waiting = found(&report, "waiting");
    assert_eq!(
        (waiting[0], waiting[2]),
        ("note", "2 messages not sent yet")
    );
    assert!(waiting[3].contains("dunder queue"), "{report:?}");
}
