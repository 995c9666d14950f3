//! The server as a service: what systemd is told, what a hang-up reads again,
//! and a socket that is bound before the server is.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::text;
use crate::place::{Backend, Place};
use crate::support::Server;

/// Longer than any of this takes on the slowest machine.
const BOUND: Duration = Duration::from_secs(120);

fn heard(socket: &UnixDatagram) -> String {
    let mut told = [0; 4096];
    let len = socket.recv(&mut told).unwrap();
    text(&told[..len]).trim_end().to_owned()
}

#[tokio::test]
async fn systemd_is_told_and_a_hang_up_changes_what_can_change_and_names_the_rest() {
    let place = Backend::Embedded.place();
    let config = place.dir.path().join("config.yaml");
    fs::write(&config, "log_level: warn\n").unwrap();
    let path = place.dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    let named = config.to_str().unwrap();
    let mut command = place.command(&["serve", "--port", "0", "--config_file", named]);
    command.env("NOTIFY_SOCKET", &path);
    let server = Server::at(command, place.clone());
    assert_eq!(heard(&socket), "READY=1");
    server.get("/before").await;

    let reload = |settings: &str| {
        fs::write(&config, settings).unwrap();
        server.signal("HUP");
        let told = heard(&socket);
        assert!(told.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told}");
        assert_eq!(heard(&socket), "READY=1");
    };
    reload("log_level: info\nlimits:\n  body_size: 64\n  writer_queue: 7\n");
    server.get("/after").await;
    let log = server.log_so_far().await;
    assert!(!log.contains("/before") && log.contains("/after"), "{log}");
    let said = |log: &str, part: &str| log.lines().any(|line| line.contains(part));
    assert!(said(&log, r#""settings":"limits.writer_queue""#), "{log}");

    assert!(
        said(&log, r#""changed":"log_level, limits.body_size""#),
        "{log}"
    );
    let long = format!("{{\"text\": \"{}\"}}", "long ".repeat(20));
    server
        .post(&long)
        .await
        .refused(413, "body_too_large", "64");

    reload("log_level: loud\n");
    server.get("/still").await;
    let log = server.log_so_far().await;
    assert!(
        said(&log, "those in force stay") && said(&log, "loud"),
        "{log}"
    );
    assert!(log.contains("/still"), "{log}");

    server.signal("TERM");
    assert_eq!(heard(&socket), "STOPPING=1");
    assert_eq!(server.wait(), Some(0));
}

fn with_socket(place: &Place, listener: TcpListener) -> Command {
    let mut command = place.command_on(listener, &[]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_socket_that_is_passed_is_served_and_who_connected_before_is_answered() {
    let place = Backend::Embedded.place();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut early = TcpStream::connect(address).unwrap();
    early.set_read_timeout(Some(BOUND)).unwrap();
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    early.write_all(request.as_bytes()).unwrap();
    let mut server = with_socket(&place, listener).spawn().unwrap();
    let mut line = String::new();
    let out = server.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let mut answer = String::new();
    let read = early.read_to_string(&mut answer);
    server.kill().unwrap();
    let ended = server.wait_with_output().unwrap();
    assert_eq!(
        line,
        format!("dunder listens on http://{address}\n"),
        "{}",
        text(&ended.stderr)
    );
    read.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_socket_that_others_reach_is_refused_while_the_settings_say_they_do_not() {
    let place = Backend::Embedded.place();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let refused = with_socket(&place, listener).output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("write host: 0.0.0.0"), "{said}");
}

/// Where systemd's own tool is, it has the last word on the unit.
#[test]
fn the_unit_exposes_little_and_names_a_command_that_there_is() {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    let unit = fs::read_to_string(units.join("dunder.service")).unwrap();
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let arguments: Vec<&str> = start.unwrap().split(' ').skip(1).collect();
    let mut command = crate::support::dunder();
    let done = command.args(&arguments).output().unwrap();
    let said = text(&done.stderr);
    assert!(
        said.contains("config_file: /etc/dunder/config.yaml cannot be read"),
        "{said}"
    );
    let verdict = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(units.join("dunder.service"))
        .output();
    let Ok(verdict) = verdict else { return };
    let verdict = text(&verdict.stdout);
    let level = verdict.split("exposure level for dunder.service: ").nth(1);
    let level = level.and_then(|rest| rest.split(' ').next()?.parse::<f32>().ok());
    assert!(level.unwrap() <= 2.0, "{verdict}");
}

#[tokio::test]
async fn a_port_that_is_taken_leaves_no_store_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let place = Backend::Embedded.place();
    let serve = place.command(&["serve", "--port", &port]).output().unwrap();
    assert_eq!(serve.status.code(), Some(1), "{serve:?}");
    assert!(text(&serve.stderr).contains("is another program there?"));
    let left = fs::read_dir(place.dir.path()).unwrap().count();
    assert_eq!(left, 0, "a store was made");
}
