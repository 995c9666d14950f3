//! Servers that are replaced while clients with connections that they keep go
//! on asking: no request fails.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::posting::join_all;
use crate::place::{Backend, Place};
use crate::support::{Server, bearer, until};

/// Pauses between two requests of a client, at most.
const PAUSE: u64 = 30;

/// What clients share.
struct Clients {
    /// Where they connect.
    addresses: Mutex<Vec<SocketAddr>>,
    is_over: AtomicBool,
    answered: Mutex<(usize, Vec<String>)>,
}

impl Clients {
    fn note(&self, answered: Result<(), String>) {
        let mut state = self.answered.lock().unwrap();
        match answered {
            Ok(()) => state.0 += 1,
            Err(failure) => state.1.push(failure),
        }
    }

    fn replace(&self, at: usize, server: &Server) {
        self.addresses.lock().unwrap()[at] = server.address().parse().unwrap();
    }

    /// One client: a post, a page, a post, over a connection that it keeps for
    /// as long as the server does.
    async fn ask(self: Arc<Clients>, number: usize) -> usize {
        let (mut kept, mut posts) = (None, 0);
        for n in number.. {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let request = match n % 2 {
                0 => {
                    posts += 1;
                    let body = json!({"text": format!("{number} {n} #roll")}).to_string();
                    format!(
                        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
                        bearer("ann"),
                        body.len()
                    )
                }
                _ => "GET /message?limit=5 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            };
            let address = {
                let addresses = self.addresses.lock().unwrap();
                addresses[n % addresses.len()]
            };
            let answered = answer(&mut kept, address, &request).await;
            self.note(answered.map_err(|why| format!("{number} {n}: {why}")));
            let pause = getrandom::u32().unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(u64::from(pause) % PAUSE)).await;
        }
        posts
    }
}

/// Sends a request, over the connection that is kept if it is still open, and
/// reads the answer.
async fn answer(
    kept: &mut Option<TcpStream>,
    address: SocketAddr,
    request: &str,
) -> Result<(), String> {
    let mut stream = match kept.take() {
        // Closed while nothing was asked: any client sees that.
        Some(stream) if !matches!(stream.try_read(&mut [0]), Ok(0)) => stream,
        _ => TcpStream::connect(address)
            .await
            .map_err(|error| format!("connecting: {error}"))?,
    };
    let failed = |error: std::io::Error| error.to_string();
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut read = Vec::new();
    let head = loop {
        if let Some(head) = head_of_whole(&read) {
            break head;
        }
        let mut some = [0; 4096];
        match stream.read(&mut some).await.map_err(failed)? {
            0 => return Err(format!("closed behind {:?}", read.escape_ascii())),
            count => read.extend_from_slice(&some[..count]),
        }
    };
    if !head.contains("connection: close") {
        *kept = Some(stream);
    }
    match head.starts_with("http/1.1 20") {
        true => Ok(()),
        false => Err(read.escape_ascii().to_string()),
    }
}

/// The head of an answer that has all of its bytes.
fn head_of_whole(read: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(read);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "))?;
    (length.parse() == Ok(body.len())).then_some(head)
}

/// Replaces servers under so many clients and checks that each request was
/// answered and each post stored once.
async fn under_clients(
    count: usize,
    servers: Vec<Server>,
    replace: impl AsyncFnOnce(&Clients, &mut Vec<Server>),
) {
    let mut servers = servers;
    let addresses = servers
        .iter()
        .map(|server| server.address().parse().unwrap());
    let clients = Arc::new(Clients {
        addresses: Mutex::new(addresses.collect()),
        is_over: AtomicBool::new(false),
        answered: Mutex::default(),
    });
    let asking: Vec<_> = (0..count)
        .map(|number| tokio::spawn(clients.clone().ask(number)))
        .collect();
    replace(&clients, &mut servers).await;
    // The newest ones answer, too.
    let before = clients.answered.lock().unwrap().0;
    until(async || clients.answered.lock().unwrap().0 >= before + 4 * count).await;
    clients.is_over.store(true, Ordering::SeqCst);
    let posts = join_all(asking.into_iter()).await;
    let posts: usize = posts.into_iter().map(Result::unwrap).sum();
    let (answered, failures) = std::mem::take(&mut *clients.answered.lock().unwrap());
    println!(
        "{answered} requests were answered, {} failed",
        failures.len()
    );
    assert!(failures.is_empty(), "{failures:?}");
    let tags = servers[0].get("/trend/hashtags?limit=1").await.data();
    assert_eq!(tags["hashtags"][0]["count"], json!(posts));
}

async fn stop(server: Server) {
    server.signal("TERM");
    let stopped = tokio::task::spawn_blocking(move || server.wait());
    assert_eq!(stopped.await.unwrap(), Some(0));
}

/// Two servers, each replaced by a new one so many times.
async fn two(place: Place, clients: usize, rounds: usize, flags: &[&str]) {
    let servers = vec![place.serve(flags), place.serve(flags)];
    under_clients(clients, servers, async |clients, servers| {
        for _ in 0..rounds {
            for (at, server) in servers.iter_mut().enumerate() {
                let new = place.serve(flags);
                clients.replace(at, &new);
                stop(std::mem::replace(server, new)).await;
            }
        }
    })
    .await;
}

/// One server on a socket that it was passed, replaced so many times by one on
/// the same socket, which begins before that one ends.
async fn one_socket(place: Place, clients: usize, rounds: usize, flags: &[&str]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = || Server::on(&place, &listener, flags);
    under_clients(clients, vec![start()], async |_, servers| {
        for _ in 0..rounds {
            let new = start();
            stop(std::mem::replace(&mut servers[0], new)).await;
        }
    })
    .await;
}

/// However long this machine keeps a client waiting.
const PATIENT: &[&str] = &["--limits.shutdown_idle=1s", "--limits.posts_per_minute=0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_a_database_are_replaced_and_no_request_fails() {
    for backend in Backend::databases() {
        two(backend.place(), 16, 1, PATIENT).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_replaced_by_one_on_its_socket_and_no_request_fails() {
    one_socket(Backend::Embedded.place(), 16, 2, PATIENT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; CONTRIBUTING.md says how it is run"]
async fn ten_times_two_servers_are_replaced_under_64_clients() {
    two(Backend::Postgres.place(), 64, 10, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; CONTRIBUTING.md says how it is run"]
async fn ten_times_a_server_is_replaced_on_its_socket_under_64_clients() {
    one_socket(Backend::Embedded.place(), 64, 10, &[]).await;
    one_socket(Backend::Postgres.place(), 64, 10, &[]).await;
}
