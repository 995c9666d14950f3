//! The load generator: keep-alive connections, each with one request in
//! flight, written on bare sockets so that it costs little beside the server.

use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Result;

pub enum Request {
    Get(String),
    Post,
}

pub struct Load {
    pub address: String,
    pub connections: usize,
    pub request: Request,
}

/// What came back.
pub struct Measured {
    pub requests: u64,
    pub seconds: f64,
    pub p50: Duration,
    pub p99: Duration,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// The length of one measurement.
pub fn seconds() -> f64 {
    let set = std::env::var("BENCH_SECONDS").ok();
    set.and_then(|seconds| seconds.parse().ok()).unwrap_or(5.0)
}

/// Runs the load in a process of its own.
pub fn load(load: &Load) -> Result<Measured> {
    let path = match &load.request {
        Request::Get(path) => path.as_str(),
        Request::Post => "POST",
    };
    let connections = load.connections.to_string();
    let output = Command::new(std::env::current_exe()?)
        .args(["client", &load.address, &connections, path])
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "load generator: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    let [requests, micros, p50, p99] = numbers[..] else {
        return Err(format!("load generator said {text:?}").into());
    };
    Ok(Measured {
        requests,
        seconds: micros as f64 / 1e6,
        p50: Duration::from_nanos(p50),
        p99: Duration::from_nanos(p99),
    })
}

/// The child's side.
pub fn run(arguments: &[String]) -> Result<()> {
    let [address, connections, path] = arguments else {
        return Err("client ADDRESS CONNECTIONS PATH".into());
    };
    let seconds = seconds();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let warm_until = Instant::now() + Duration::from_secs_f64(seconds * 0.2);
        let end = warm_until + Duration::from_secs_f64(seconds);
        let mut tasks = Vec::new();
        for number in 0..connections.parse::<usize>()? {
            let request = if path == "POST" {
                post(number)
            } else {
                get(path)
            };
            tasks.push(tokio::spawn(one_connection(
                address.clone(),
                request,
                warm_until,
                end,
            )));
        }
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        latencies.sort_unstable();
        let at = |share: f64| {
            latencies
                .get((latencies.len() as f64 * share) as usize)
                .copied()
                .unwrap_or_default()
        };
        println!(
            "{} {} {} {}",
            latencies.len(),
            (seconds * 1e6) as u64,
            at(0.5),
            at(0.99)
        );
        Ok(())
    })
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
}

/// A message as people write them, from one of 64 users.
fn post(number: usize) -> Vec<u8> {
    let token = base64::engine::general_purpose::STANDARD.encode(format!("user{}", number % 64));
    let body = format!(
        r#"{{"text":"storage: compact the ranges of node {number} before the split","hashtags":["storage","tag{}"]}}"#,
        number % 16
    );
    format!("POST /message HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Latencies in nanoseconds of what was sent after the warm-up.
async fn one_connection(
    address: String,
    request: Vec<u8>,
    warm_until: Instant,
    end: Instant,
) -> Result<Vec<u64>> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let start = Instant::now();
        if start >= end {
            return Ok(latencies);
        }
        stream.write_all(&request).await?;
        read_answer(&mut stream, &mut buffer).await?;
        if start >= warm_until {
            latencies.push(start.elapsed().as_nanos() as u64);
        }
    }
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    let mut filled = 0;
    let mut whole = usize::MAX;
    while filled < whole {
        if filled == buffer.len() {
            buffer.resize(buffer.len() * 2, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        filled += read;
        if whole == usize::MAX
            && let Some(head) = buffer[..filled]
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
        {
            whole = head + 4 + content_length(&buffer[..head])?;
        }
    }
    Ok(())
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    if !head.starts_with("HTTP/1.1 20") {
        return Err(format!("the server answered {head}").into());
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())
            .flatten()
    });
    length.ok_or_else(|| format!("no content-length in {head}").into())
}
