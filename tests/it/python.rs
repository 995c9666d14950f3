//! Tests that are written in Python, because what they need is had there. It is
//! in an environment that `.ci/packages` makes where PyPI is reached.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// The tests of a folder of `tests/`, or `None`, said aloud, where the
/// environment is not.
pub fn tests(folder: &str, about: &str) -> Option<Command> {
    let target = Path::new(env!("CARGO_BIN_EXE_dunder")).ancestors().nth(2);
    let tools = target.unwrap().join("deploy-tools");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let wanted = std::fs::read(tests.join("deploy/requirements.txt")).unwrap();
    if std::fs::read(tools.join("installed.txt")).ok() != Some(wanted) {
        let missing = format!(
            "{} is not there, or is an older one: .ci/packages makes it where PyPI is reached",
            tools.display()
        );
        // Not by a macro: what a test prints is seen only when it fails.
        let _ = writeln!(io::stderr(), "SKIPPED, {about}: {missing}");
        return None;
    }
    let mut command = Command::new(tools.join("bin/python"));
    command
        .args(["-B", "-m", "unittest", "discover", "-s"])
        .arg(tests.join(folder));
    Some(command)
}
