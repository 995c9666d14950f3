//! The program itself: its memory when nobody asks anything, its size, and
//! how long it takes to build.

use std::process::Command;
use std::time::{Duration, Instant};

use super::server::{DISK, Dunder, StoreDir, binary};
use super::settings::Settings;
use super::table::{Row, Table};
use super::{Result, answer, process};

/// The rows that may be asked for by name.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let idle = "memory, idle";
    if settings.wants(idle) {
        let dunder = Dunder::start(StoreDir::temporary()?)?;
        answer::post(&dunder.address)?;
        answer::get(&dunder.address, "/message")?;
        std::thread::sleep(Duration::from_secs(2));
        let bytes = process::resident_memory(dunder.pid());
        table.push(Row::megabytes(idle, bytes, 20));
    }
    let size = "release binary";
    if settings.wants(size) {
        let bytes = std::fs::metadata(binary())?.len();
        table.push(Row::megabytes(size, bytes, 25));
    }
    let build = "clean release build";
    if settings.build && settings.wants(build) {
        table.push(Row::seconds(build, build_seconds()?, 300.0));
    }
    Ok(())
}

fn build_seconds() -> Result<f64> {
    let target = tempfile::TempDir::new_in(DISK)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let start = Instant::now();
    let status = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--release", "--locked", "--quiet", "--target-dir"])
        .arg(target.path())
        .status()?;
    if !status.success() {
        return Err(format!("the release build ended with {status}").into());
    }
    Ok(start.elapsed().as_secs_f64())
}
