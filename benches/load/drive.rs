//! The load generator: keep-alive connections, each with one request in
//! flight, on one thread over bare sockets, so that it takes little from the
//! server beside it. It says how much.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::Result;
use super::messages::{Random, zipf};
use super::process;

/// Different messages that are posted, again and again.
const POSTS: u64 = 4096;

/// `client ADDRESS PID CONNECTIONS SECONDS`, the requests on standard input.
pub fn run(arguments: &[String]) -> Result<()> {
    let [address, pid, connections, seconds] = arguments else {
        return Err("client ADDRESS PID CONNECTIONS SECONDS".into());
    };
    let (pid, count): (u32, usize) = (pid.parse()?, connections.parse()?);
    let length = Duration::from_secs_f64(seconds.parse()?);
    let requests = requests()?;
    let mut poll = Poll::new()?;
    let mut connections = Vec::new();
    for number in 0..count {
        let mut connection = Connection::open(address, number * requests.len() / count)?;
        let (registry, stream) = (poll.registry(), &mut connection.stream);
        registry.register(stream, Token(number), Interest::READABLE)?;
        connections.push(connection);
    }
    let warm_until = Instant::now() + (length / 5).min(Duration::from_secs(1));
    let mut tally = Tally::default();
    drive(&mut poll, &mut connections, &requests, warm_until, None)?;
    let before = Spent::so_far(pid);
    let start = Instant::now();
    let end = start + length;
    drive(
        &mut poll,
        &mut connections,
        &requests,
        end,
        Some(&mut tally),
    )?;
    let after = Spent::so_far(pid);
    tally.latencies.sort_unstable();
    println!(
        "{} {} {} {} {} {} {} {}",
        tally.latencies.len(),
        start.elapsed().as_secs_f64(),
        tally.at(0.5),
        tally.at(0.99),
        tally.bytes,
        after.client - before.client,
        after.server - before.server,
        after.machine - before.machine,
    );
    Ok(())
}

/// CPU seconds.
struct Spent {
    client: f64,
    server: f64,
    machine: f64,
}

impl Spent {
    fn so_far(pid: u32) -> Spent {
        Spent {
            client: process::thread_seconds(),
            server: process::cpu_seconds(pid),
            machine: process::machine_seconds(),
        }
    }
}

#[derive(Default)]
struct Tally {
    /// In nanoseconds.
    latencies: Vec<u64>,
    bytes: u64,
}

impl Tally {
    /// The latency, in seconds, that this share of all requests did not
    /// exceed.
    fn at(&self, share: f64) -> f64 {
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at).map_or(0.0, |ns| *ns as f64 / 1e9)
    }
}

/// Asks and reads until a moment.
fn drive(
    poll: &mut Poll,
    connections: &mut [Connection],
    requests: &[Vec<u8>],
    until: Instant,
    mut tally: Option<&mut Tally>,
) -> Result<()> {
    let mut events = Events::with_capacity(1024);
    for connection in connections.iter_mut().filter(|c| !c.waits) {
        connection.ask(requests, Instant::now())?;
    }
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            let connection = &mut connections[event.token().0];
            if let Some(bytes) = connection.receive()? {
                let now = Instant::now();
                if let Some(tally) = &mut tally {
                    let taken = now - connection.asked_at;
                    tally.latencies.push(taken.as_nanos() as u64);
                    tally.bytes += bytes as u64;
                }
                connection.ask(requests, now)?;
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    next: usize,
    waits: bool,
    asked_at: Instant,
    buffer: Vec<u8>,
    filled: usize,
    /// Of the answer that arrives; not known until its head is there.
    whole: Option<usize>,
}

impl Connection {
    fn open(address: &str, next: usize) -> Result<Connection> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream: TcpStream::from_std(stream),
            next,
            waits: false,
            asked_at: Instant::now(),
            buffer: vec![0; 64 * 1024],
            filled: 0,
            whole: None,
        })
    }

    fn ask(&mut self, requests: &[Vec<u8>], now: Instant) -> Result<()> {
        let request = &requests[self.next % requests.len()];
        self.next += 1;
        self.asked_at = now;
        self.waits = true;
        (self.filled, self.whole) = (0, None);
        // The answer before it is read, so there is room for a request.
        if self.stream.write(request)? == request.len() {
            Ok(())
        } else {
            Err("a request did not fit into an empty socket".into())
        }
    }

    /// The length of the answer when it is whole.
    fn receive(&mut self) -> Result<Option<usize>> {
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let free = &mut self.buffer[self.filled..];
            let read = match self.stream.read(free) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let emptied = read < free.len();
            self.filled += read;
            if self.whole.is_none() {
                self.whole = whole_length(&self.buffer[..self.filled])?;
            }
            if self.whole.is_some_and(|whole| self.filled >= whole) {
                self.waits = false;
                return Ok(self.whole);
            }
            if emptied {
                return Ok(None);
            }
        }
    }
}

/// Of head and body, once the head is there.
fn whole_length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let lines = || answer[..head].split(|&byte| byte == b'\n');
    if !answer.starts_with(b"HTTP/1.1 20") {
        let said = String::from_utf8_lossy(answer);
        return Err(format!("the server answered {said}").into());
    }
    let name = b"content-length:";
    let length = lines().find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        let value = start.eq_ignore_ascii_case(name).then_some(value)?;
        std::str::from_utf8(value)
            .ok()?
            .trim()
            .parse::<usize>()
            .ok()
    });
    let length = length.ok_or("an answer without content-length")?;
    Ok(Some(head + 4 + length))
}

/// What standard input asks for, as it goes over the wire.
fn requests() -> Result<Vec<Vec<u8>>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut random = Random::new();
    Ok(match text.as_str() {
        "POST few" => (0..POSTS).map(|n| post(n, n % 64, [0, n % 16])).collect(),
        "POST many" => (0..POSTS)
            .map(|n| {
                let mut drawn = || zipf(random.draw());
                post(n, drawn(), [drawn(), drawn()])
            })
            .collect(),
        paths => paths.lines().map(get).collect(),
    })
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
}

/// A message as people write them.
fn post(number: u64, user: u64, [one, two]: [u64; 2]) -> Vec<u8> {
    let token = base64::engine::general_purpose::STANDARD.encode(format!("user{user}"));
    let body = format!(
        r#"{{"text":"storage: compact the ranges of node {number} before the split","hashtags":["storage{one}","tag{two}"]}}"#,
    );
    let length = body.len();
    format!("POST /message HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
