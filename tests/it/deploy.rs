//! What operators install: the Helm chart. Its tests are in `tests/deploy`,
//! in Python, because Helm's own engine is had there; they run this build of
//! the program as the chart's pods run it. `benches/cluster.sh` is tried there
//! too, with a stand-in for `cockroach`.

use std::path::Path;

use crate::cockroach::postgres;
use crate::python;

#[test]
fn the_chart_renders_what_kubernetes_takes_and_dunder_serves() {
    let binary = Path::new(env!("CARGO_BIN_EXE_dunder"));
    let Some(mut tests) = python::tests("deploy", "the Helm chart") else {
        return;
    };
    let done = tests
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
