//! The load generator: keep-alive connections, each with one request in
//! flight, on one thread. It is one over bare sockets: over hyper
//! (`BENCH_CLIENT=hyper`), as programs have that post and read, it is itself
//! what limits the fastest servers. It says how much CPU time it took.

mod over_hyper;
mod sockets;

use std::io::Read;
use std::time::{Duration, Instant};

use base64::Engine;
use bytes::Bytes;
use hyper::Request;

use self::over_hyper::OverHyper;
use self::sockets::Sockets;
use super::Result;
use super::messages::{Random, zipf};
use super::process;
use super::settings::Client;

/// Different messages that are posted, again and again.
const POSTS: u64 = 4096;

/// Connections that ask and read.
trait Generator {
    /// Asks until a moment, each connection going on where it was.
    fn drive(&mut self, until: Instant, tally: &mut Tally) -> Result<()>;
}

/// `client ADDRESS PID CONNECTIONS SECONDS CLIENT`, the requests on standard
/// input.
pub fn run(arguments: &[String]) -> Result<()> {
    let [address, pid, connections, seconds, client] = arguments else {
        return Err("client ADDRESS PID CONNECTIONS SECONDS CLIENT".into());
    };
    let (pid, count): (u32, usize) = (pid.parse()?, connections.parse()?);
    let length = Duration::from_secs_f64(seconds.parse()?);
    let requests = requests()?;
    let mut generator: Box<dyn Generator> = match client.parse()? {
        Client::Hyper => Box::new(OverHyper::open(address, count, requests)?),
        Client::Sockets => Box::new(Sockets::open(address, count, &requests)?),
    };
    let warm_until = Instant::now() + (length / 5).min(Duration::from_secs(1));
    generator.drive(warm_until, &mut Tally::default())?;
    let before = Spent::so_far(pid);
    let mut tally = Tally::default();
    let start = Instant::now();
    generator.drive(start + length, &mut tally)?;
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
    fn add(&mut self, taken: Duration, bytes: usize) {
        self.latencies.push(taken.as_nanos() as u64);
        self.bytes += bytes as u64;
    }

    /// The latency, in seconds, that this share of all requests did not
    /// exceed.
    fn at(&self, share: f64) -> f64 {
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at).map_or(0.0, |ns| *ns as f64 / 1e9)
    }
}

type Ask = Request<Bytes>;

/// What standard input asks for.
fn requests() -> Result<Vec<Ask>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut random = Random::new();
    let few = |n| post(n, n % 64, [0, n % 16]);
    let many = |n| {
        let mut drawn = || zipf(random.draw());
        post(n, drawn(), [drawn(), drawn()])
    };
    match text.as_str() {
        "POST few" => (0..POSTS).map(few).collect(),
        "POST many" => (0..POSTS).map(many).collect(),
        paths => paths.lines().map(get).collect(),
    }
}

fn get(path: &str) -> Result<Ask> {
    let ask = Request::get(path).header("host", "localhost");
    Ok(ask.body(Bytes::new())?)
}

/// A message as people write them.
fn post(number: u64, user: u64, [one, two]: [u64; 2]) -> Result<Ask> {
    let token = base64::engine::general_purpose::STANDARD.encode(format!("user{user}"));
    let body = format!(
        r#"{{"text":"storage: compact the ranges of node {number} before the split","hashtags":["storage{one}","tag{two}"]}}"#,
    );
    let ask = Request::post("/message").header("host", "localhost");
    let ask = ask.header("authorization", format!("Bearer {token}"));
    Ok(ask.body(body.into())?)
}
