//! Malformed requests by the thousand, over real sockets: never a panic, a
//! hang, or a 5xx other than 503; memory stays bounded.

use std::time::Duration;

use super::hostile::exchange;
use super::posting::join_all;
use crate::place::{Backend, on_every_store};
use crate::support::bearer;

on_every_store![
    malformed_requests_never_break_or_hold_the_server,
    no_value_of_any_parameter_of_any_path_breaks_the_server,
    idle_and_slow_connections_by_the_hundred_do_not_keep_others_from_their_answers,
];

const REQUESTS: u64 = 2_000;
const AT_ONCE: u64 = 50;
/// What requests are made of: the right words, and the wrong ones.
const PIECES: [&str; 40] = [
    "GET ",
    "POST ",
    "HEAD ",
    "DELETE ",
    "get ",
    "/message",
    "/message/",
    "/trend",
    "/trend/hashtags",
    "/user",
    "/whoami",
    "/",
    "?",
    "&",
    "=",
    "hashtag=a",
    "limit=",
    "from_date=",
    "aggregation=1m",
    "format=text",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "%00",
    "%",
    "+",
    "9999999999999999999999",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "host: localhost\r\n",
    "content-length: 5\r\n",
    "content-length: 99999999999\r\n",
    "transfer-encoding: chunked\r\n",
    "authorization: Bearer am9obg==\r\n",
    "idempotency-key: k\r\n",
    "expect: 100-continue\r\n",
    "\r\n",
    "\r\n\r\n",
    "{\"text\":\"x\"}",
    "{\"text\":",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
];

/// Small and repeatable: what failed once fails again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Pieces in any order, or a good request with some bytes changed.
fn request(random: &mut Random) -> Vec<u8> {
    if random.below(2) == 0 {
        let pieces = 1 + random.below(20);
        return (0..pieces)
            .flat_map(|_| PIECES[random.below(PIECES.len() as u64) as usize].bytes())
            .collect();
    }
    let body = r#"{"text":"deploy of #prod","hashtags":["ops"]}"#;
    let good = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
        bearer("john"),
        body.len()
    );
    let mut bytes = good.into_bytes();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(3) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes.truncate(at.max(1)),
            _ => bytes.insert(at, random.below(256) as u8),
        }
    }
    bytes
}

async fn malformed_requests_never_break_or_hold_the_server(on: Backend) {
    let server = on.server();
    let mut random = Random(0x5eed_cafe);
    for _ in 0..REQUESTS / AT_ONCE {
        let requests: Vec<Vec<u8>> = (0..AT_ONCE).map(|_| request(&mut random)).collect();
        let all = join_all(
            requests
                .iter()
                .map(|bytes| exchange(server.address(), bytes)),
        );
        let answers = tokio::time::timeout(Duration::from_secs(60), all)
            .await
            .expect("a request hung");
        for (request, answer) in requests.iter().zip(answers) {
            let statuses = answer
                .split("HTTP/1.1 ")
                .skip(1)
                .filter_map(|rest| rest.get(..3));
            for status in statuses {
                assert!(
                    !status.starts_with('5') || status == "503",
                    "{:?} got {answer}",
                    String::from_utf8_lossy(request)
                );
            }
        }
    }
    assert_eq!(server.get("/readyz").await.status, 200);
    let log = server.log_so_far().await;
    assert!(!log.contains("panicked"), "{log}");
    let resident = server.resident_bytes();
    assert!(resident < 200_000_000, "{resident} bytes resident");
}

async fn idle_and_slow_connections_by_the_hundred_do_not_keep_others_from_their_answers(
    on: Backend,
) {
    let server = on.server();
    let mut held = Vec::new();
    for n in 0..400 {
        let mut stream = tokio::net::TcpStream::connect(server.address())
            .await
            .unwrap();
        if n % 2 == 0 {
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"POST /message HTTP/1.1\r\nhost:")
                .await
                .unwrap();
        }
        held.push(stream);
    }
    for _ in 0..20 {
        server.post(r#"{"text":"still here"}"#).await.id();
    }
    assert_eq!(server.get("/message").await.texts().len(), 20);
    drop(held);
}

/// Every path that takes a query.
const PATHS: [&str; 5] = [
    "/message",
    "/message/01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "/trend",
    "/trend/hashtags",
    "/user",
];

/// What breaks parsers of dates, numbers, names and lengths of time.
const VALUES: [&str; 44] = [
    "8336396500000s",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615y",
    "99999999999999999999999999999999",
    "253402300799",
    "253402300800",
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-23:59",
    "0000-01-01",
    "1970-01-01T00:00:00%2B23:59",
    "2019-02-29",
    "24:00",
    "99:99:99",
    "@99999999999999999999.5",
    "0",
    "1",
    "-1",
    "0.0",
    "1e9",
    "NaN",
    "100years",
    "36500d",
    "1201months",
    "1m",
    "0m",
    "7m1s",
    "106751991167300d",
    "year",
    "Pacific/Apia",
    "UTC",
    "XXX-24:59:59",
    "XXX24YYY,J1/-167,J365/167",
    "../../etc/passwd",
    "true",
    "%00",
    "%ff%fe",
    "%F0%9F%98%80",
    "%E2%80%AE",
    "%23%23%23",
    "a%20b",
    "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "'",
];

/// The parameters of a path, as it names them itself when it is asked for
/// something else.
async fn parameters_of(server: &crate::support::Server, path: &str) -> Vec<String> {
    let answer = server.get(&format!("{path}?nonsense=1")).await;
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    let (_, names) = error
        .split_once("this path takes ")
        .unwrap_or_else(|| panic!("{error}"));
    let names = names.split(", ").filter(|name| *name != "none");
    names.map(str::to_owned).collect()
}

async fn no_value_of_any_parameter_of_any_path_breaks_the_server(on: Backend) {
    let server = on.server();
    let mut random = Random(0x0da7_e5ee);
    let mut asked = 0;
    for path in PATHS {
        let names = parameters_of(&server, path).await;
        for name in &names {
            for value in VALUES {
                let other = &names[random.below(names.len() as u64) as usize];
                let value_of_other = VALUES[random.below(VALUES.len() as u64) as usize];
                let mut query = format!("{name}={value}");
                if other != name {
                    query += &format!("&{other}={value_of_other}");
                }
                let answer = server.get(&format!("{path}?{query}")).await;
                let known = matches!(answer.status, 200 | 400 | 401 | 404);
                assert!(
                    known,
                    "{path}?{query} got {}: {}",
                    answer.status, answer.body
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 25 * VALUES.len(), "{asked}");
    assert_eq!(server.get("/readyz").await.status, 200);
    let log = server.log_so_far().await;
    assert!(!log.contains("panicked"), "{log}");
}
