//! Connections over a store that hangs and panics, as no real one can be made
//! to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stub::{Ready, Stub};
use crate::config::{Limits, ServerConfig};
use crate::server;

/// A server on a free port.
struct Serving {
    address: std::net::SocketAddr,
    stop: watch::Sender<bool>,
    ended: JoinHandle<()>,
}

async fn serve(stub: Stub, limits: Limits) -> Serving {
    let settings = ServerConfig {
        limits,
        ..ServerConfig::default()
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let prepared = server::prepare(settings).unwrap();
    let serving = server::serve(listener, Arc::new(stub), prepared, Arc::new(Ready), stopped);
    let ended = tokio::spawn(serving);
    Serving {
        address,
        stop,
        ended,
    }
}

impl Serving {
    async fn asking(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        ask(&mut stream, path).await;
        stream
    }
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// The answer, whole, of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {answer:?}");
        answer += std::str::from_utf8(&buffer[..read]).unwrap();
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() == length.unwrap().parse::<usize>().unwrap() {
            return answer;
        }
    }
}

/// Waits, with a bound, until so many wait for the store.
async fn until(waiting: &AtomicUsize, count: usize) {
    let so = async {
        while waiting.load(Ordering::Relaxed) != count {
            tokio::task::yield_now().await;
        }
    };
    let so = tokio::time::timeout(Duration::from_secs(60), so).await;
    assert!(so.is_ok(), "{} wait", waiting.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lives_on_after_a_handler_that_panicked() {
    let serving = serve(Stub::default(), Limits::default()).await;
    let mut stream = serving.asking("/user").await;
    let panicked = answer(&mut stream).await;
    assert!(panicked.starts_with("HTTP/1.1 500"), "{panicked}");
    ask(&mut stream, "/message").await;
    let next = answer(&mut stream).await;
    assert!(next.starts_with("HTTP/1.1 200"), "{next}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_for_clients_that_left_is_given_up() {
    let stub = Stub::default();
    let waiting = Arc::clone(&stub.waiting);
    let limits = Limits {
        query_timeout: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let serving = serve(stub, limits).await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(serving.asking("/trend").await);
    }
    let stays = serving.asking("/trend").await;
    until(&waiting, 101).await;
    drop(streams);
    until(&waiting, 1).await;
    drop(stays);
    until(&waiting, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_while_an_answer_is_made_is_answered_after_it() {
    let stub = Stub::default();
    let waiting = Arc::clone(&stub.waiting);
    let limits = Limits {
        query_timeout: Duration::from_millis(700),
        ..Limits::default()
    };
    let serving = serve(stub, limits).await;
    let mut stream = serving.asking("/trend").await;
    until(&waiting, 1).await;
    // Longer than what is read to see whether the client is there.
    let path = format!("/message?hashtag={}", "a".repeat(60));
    ask(&mut stream, &path).await;
    ask(&mut stream, &path).await;
    let mut answers = String::new();
    let mut buffer = [0; 4096];
    while answers.matches(r#""messages":[]"#).count() < 2 {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {answers:?}");
        answers += std::str::from_utf8(&buffer[..read]).unwrap();
    }
    let late = answers.find("HTTP/1.1 503");
    assert_eq!(late, Some(0), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_an_answer_that_is_being_made_and_closes_what_is_idle() {
    let stub = Stub::default();
    let waiting = Arc::clone(&stub.waiting);
    let limits = Limits {
        query_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let serving = serve(stub, limits).await;
    let mut idle = serving.asking("/message").await;
    answer(&mut idle).await;
    let mut fresh = TcpStream::connect(serving.address).await.unwrap();
    let mut asked = serving.asking("/trend").await;
    until(&waiting, 1).await;
    serving.stop.send(true).unwrap();
    for closed in [&mut idle, &mut fresh] {
        assert_eq!(closed.read(&mut [0; 64]).await.unwrap(), 0);
    }
    assert!(!serving.ended.is_finished());
    let late = answer(&mut asked).await;
    assert!(late.starts_with("HTTP/1.1 503"), "{late}");
    serving.ended.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_at_a_stop_is_answered_and_told_that_the_connection_ends() {
    let limits = Limits {
        // Until this test is over.
        shutdown_idle: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let serving = serve(Stub::default(), limits).await;
    let mut kept = serving.asking("/message").await;
    let before = answer(&mut kept).await;
    assert!(!before.contains("connection: close"), "{before}");
    serving.stop.send(true).unwrap();
    ask(&mut kept, "/message").await;
    let mut new = serving.asking("/message").await;
    for stream in [&mut kept, &mut new] {
        let last = answer(stream).await;
        assert!(last.starts_with("HTTP/1.1 200"), "{last}");
        assert!(last.contains("connection: close"), "{last}");
        assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 0);
    }
    assert!(!serving.ended.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_has_an_end_however_many_connections_come() {
    let limits = Limits {
        shutdown_idle: Duration::from_millis(100),
        ..Limits::default()
    };
    let serving = serve(Stub::default(), limits).await;
    let come = Arc::new(AtomicUsize::new(0));
    // Each stays open until the next of its thread is.
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let (address, come) = (serving.address, Arc::clone(&come));
            std::thread::spawn(move || {
                let mut last = None;
                while let Ok(stream) = std::net::TcpStream::connect(address) {
                    last = Some(stream);
                    come.fetch_add(1, Ordering::Relaxed);
                }
                drop(last);
            })
        })
        .collect();
    let under_way = async {
        while come.load(Ordering::Relaxed) < 1_000 {
            tokio::task::yield_now().await;
        }
    };
    let bound = Duration::from_secs(60);
    tokio::time::timeout(bound, under_way).await.unwrap();
    serving.stop.send(true).unwrap();
    let ended = tokio::time::timeout(bound, serving.ended).await;
    ended.expect("it goes on accepting").unwrap();
    flood.into_iter().for_each(|one| one.join().unwrap());
}
