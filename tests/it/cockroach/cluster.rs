//! CockroachDB for the tests, where there is one: the cluster that
//! `DUNDER_TEST_COCKROACH_URL` names, or a node of its own when a `cockroach`
//! binary is on the PATH.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use dunder::store::cockroach::CockroachOptions;

use super::postgres::{free_port, fresh_name};

/// Whether there is one.
pub fn is_there() -> bool {
    url().is_some()
}

/// How to reach it.
pub fn url() -> Option<&'static String> {
    static URL: OnceLock<Option<String>> = OnceLock::new();
    let url = URL.get_or_init(|| {
        let named = std::env::var("DUNDER_TEST_COCKROACH_URL").ok();
        named.or_else(|| binary().map(start))
    });
    url.as_ref()
}

/// Options for a database that no other test has.
pub fn fresh() -> Option<CockroachOptions> {
    let mut options = CockroachOptions::default();
    options.apply_url(url()?).expect("a URL");
    options.database = fresh_name();
    options.should_migrate = true;
    Some(options)
}

fn binary() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|place| place.join("cockroach"));
    found.find(|binary| binary.is_file())
}

/// One node that keeps everything in memory and ends with this process: its
/// shell waits for the end of its input. `start --join` and `init` are what
/// v19.1 and today's versions both have.
fn start(binary: PathBuf) -> String {
    let port = free_port();
    let script = r#""$1" start --insecure --store=type=mem,size=1GiB --join="127.0.0.1:$2" \
        --listen-addr="127.0.0.1:$2" --http-addr="127.0.0.1:$3" >/dev/null 2>&1 &
        node=$!
        # "successfully initialized", once the node takes connections.
        until "$1" init --insecure --host="127.0.0.1:$2" 2>&1 | grep -q initialized; do
            kill -0 "$node" || break
            sleep 0.2
        done
        cat >/dev/null; kill -9 "$node""#;
    let child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(binary)
        .args([port.to_string(), free_port().to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    // Its input closes with this process.
    std::mem::forget(child);
    format!("postgresql://root@127.0.0.1:{port}/defaultdb")
}
