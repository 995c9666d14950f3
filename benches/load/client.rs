//! One measurement: what is asked, and what came of it. The asking is done by
//! `drive` in a process of its own.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Result;
use super::settings::Client;

/// What the connections ask for, each going through it from another start.
pub enum Requests {
    /// Messages of 64 users under 17 hashtags.
    Posts,
    /// Messages of 10,000 users under 10,000 hashtags, the n-th as busy as 1/n.
    ManyPosts,
    /// These paths.
    Gets(Vec<String>),
}

pub struct Load<'a> {
    pub address: &'a str,
    /// Of the server, whose CPU time is told.
    pub pid: u32,
    pub connections: usize,
    pub requests: &'a Requests,
    pub seconds: f64,
}

/// What came back.
#[derive(Clone, Default)]
pub struct Measured {
    pub requests: u64,
    pub seconds: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// Bytes of an answer, on average.
    pub answer: u64,
    /// CPU seconds of the load generator,
    pub client_cpu: f64,
    /// of the server,
    pub server_cpu: f64,
    /// and of the whole machine, others' work included.
    pub machine_cpu: f64,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Runs the load.
pub fn load(load: &Load) -> Result<Measured> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("client")
        .arg(load.address)
        .arg(load.pid.to_string())
        .arg(load.connections.to_string())
        .arg(load.seconds.to_string())
        .arg(Client::wanted()?.name())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let lines = match load.requests {
        Requests::Posts => "POST few".to_owned(),
        Requests::ManyPosts => "POST many".to_owned(),
        Requests::Gets(paths) => paths.join("\n"),
    };
    let mut stdin = child.stdin.take().ok_or("no input")?;
    stdin.write_all(lines.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("load generator: {said}").into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse);
    let numbers: Vec<f64> = numbers.collect::<std::result::Result<_, _>>()?;
    let [requests, seconds, p50, p99, bytes, client, server, machine] = numbers[..] else {
        return Err(format!("load generator said {text:?}").into());
    };
    if requests == 0.0 {
        return Err(format!("{} answered nothing in {seconds} s", load.address).into());
    }
    Ok(Measured {
        requests: requests as u64,
        seconds,
        p50: Duration::from_secs_f64(p50),
        p99: Duration::from_secs_f64(p99),
        answer: (bytes / requests) as u64,
        client_cpu: client,
        server_cpu: server,
        machine_cpu: machine,
    })
}
