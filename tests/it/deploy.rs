//! What operators install: the Helm chart. Its tests are in `tests/deploy`,
//! in Python, because Helm's own engine is had there; they run this build of
//! the program as the chart's pods run it. `benches/cluster.sh` is tried there
//! too, with a stand-in for `cockroach`.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use crate::cockroach::postgres;

#[test]
fn the_chart_renders_what_kubernetes_takes_and_dunder_serves() {
    let binary = Path::new(env!("CARGO_BIN_EXE_dunder"));
    let target = binary.ancestors().nth(2).unwrap();
    let python = target.join("deploy-tools/bin/python");
    if !target.join("deploy-tools/installed.txt").is_file() {
        let missing = format!(
            "Helm's engine is not in {}: .ci/packages installs it where PyPI is reached",
            target.display()
        );
        // Not by a macro: what a test prints is seen only when it fails.
        let _ = writeln!(io::stderr(), "SKIPPED, the Helm chart: {missing}");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy");
    let done = Command::new(python)
        .args(["-B", "-m", "unittest", "discover", "-s"])
        .arg(tests)
        .env("DUNDER_TEST_BINARY", binary)
        .env(
            "DUNDER_TEST_POSTGRES",
            format!("127.0.0.1:{}", postgres::shared().port),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("\nOK\n"), "nothing may be skipped: {said}");
}
