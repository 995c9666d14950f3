//! The release binary as it is started by people.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::Result;

/// A store's directory; gone when the last holder is.
pub struct StoreDir(pub Arc<TempDir>);

impl StoreDir {
    pub fn new() -> Result<StoreDir> {
        // Beside the build, on a disk: /tmp may be memory, where a commit is
        // for free.
        Ok(StoreDir(Arc::new(TempDir::new_in(env!(
            "CARGO_TARGET_TMPDIR"
        ))?)))
    }

    pub fn file(&self) -> PathBuf {
        self.0.path().join("dunder.sqlite")
    }
}

/// `dunder serve`.
pub struct Dunder {
    child: Child,
    pub address: String,
    _store: StoreDir,
}

impl Dunder {
    pub fn start(store: Option<StoreDir>) -> Result<Dunder> {
        let store = match store {
            Some(store) => store,
            None => StoreDir::new()?,
        };
        let file = store.file().display().to_string();
        Dunder::with(&["--sqlite.path", &file], store)
    }

    /// Over whatever store the flags name.
    pub fn with(flags: &[&str], store: StoreDir) -> Result<Dunder> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dunder"))
            .args(["serve", "--port", "0", "--log_level", "warn"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line
            .trim()
            .rsplit("//")
            .next()
            .ok_or("no address")?
            .to_owned();
        Ok(Dunder {
            child,
            address,
            _store: store,
        })
    }

    /// The body of an answer.
    pub fn body(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("{path}: {head}").into());
        }
        Ok(body.to_owned())
    }

    pub fn newest_id(&self) -> Result<String> {
        let page: serde_json::Value = serde_json::from_str(&self.body("/message?limit=1")?)?;
        let id = page["data"]["messages"][0]["id"].as_str();
        Ok(id.ok_or("no message")?.to_owned())
    }

    /// Spent so far, in user and system mode.
    pub fn cpu_seconds(&self) -> f64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        // Fields 14 and 15 of proc(5), in ticks of a hundredth of a second.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Bytes resident at most, so far.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.child.id())
    }
}

impl Drop for Dunder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `VmHWM` of a process, in bytes.
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
