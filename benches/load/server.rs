//! The release binary as it is started by people, and where its store is.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::client::{self, Load, Measured, Requests};
use super::{Result, process};

/// Beside the build, on a disk: /tmp may be memory, where a commit is for
/// free.
pub const DISK: &str = env!("CARGO_TARGET_TMPDIR");

/// The binary that is measured: this build's, unless `BENCH_BINARY` names
/// another.
pub fn binary() -> PathBuf {
    other_binary().unwrap_or_else(|| env!("CARGO_BIN_EXE_dunder").into())
}

/// What `BENCH_BINARY` names.
pub fn other_binary() -> Option<PathBuf> {
    std::env::var_os("BENCH_BINARY").map(PathBuf::from)
}

/// A store's directory.
#[derive(Clone)]
pub struct StoreDir {
    path: PathBuf,
    /// A temporary one is gone when its last holder is.
    _temporary: Option<Arc<TempDir>>,
}

impl StoreDir {
    pub fn temporary() -> Result<StoreDir> {
        let temporary = TempDir::new_in(DISK)?;
        Ok(StoreDir {
            path: temporary.path().to_owned(),
            _temporary: Some(Arc::new(temporary)),
        })
    }

    pub fn kept(path: PathBuf) -> StoreDir {
        StoreDir {
            path,
            _temporary: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self) -> PathBuf {
        self.path.join("dunder.sqlite")
    }
}

/// `dunder serve`.
pub struct Dunder {
    child: Child,
    pub address: String,
    _store: StoreDir,
}

impl Dunder {
    /// Over an embedded store.
    pub fn start(store: StoreDir) -> Result<Dunder> {
        let file = store.file().display().to_string();
        Dunder::with(&["--sqlite.path", &file], store)
    }

    /// Over whatever store the flags name.
    pub fn with(flags: &[&str], store: StoreDir) -> Result<Dunder> {
        let mut child = Command::new(binary())
            .args(["serve", "--port", "0", "--log_level", "warn"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim().rsplit("//").next().unwrap_or_default();
        if address.is_empty() {
            return Err("dunder serve did not say where it listens".into());
        }
        Ok(Dunder {
            child,
            address: address.to_owned(),
            _store: store,
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes resident at most, so far.
    pub fn peak_memory(&self) -> u64 {
        process::peak_memory(self.pid())
    }

    /// One measurement.
    pub fn load(&self, requests: &Requests, connections: usize, seconds: f64) -> Result<Measured> {
        client::load(&Load {
            address: &self.address,
            pid: self.pid(),
            connections,
            requests,
            seconds,
        })
    }
}

/// A command of the operator over a store.
pub fn operate(store: &StoreDir, arguments: &[&str]) -> Result<()> {
    let status = Command::new(binary())
        .args(arguments)
        .arg("--sqlite.path")
        .arg(store.file())
        .stdout(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{} ended with {status}", arguments[0]).into()),
    }
}

impl Drop for Dunder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
