//! `make install` and `make uninstall`, and the line in a shell's start-up
//! file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn make(target: &str, prefix: &Path) -> Output {
    Command::new("make")
        .arg(target)
        .arg(format!("PREFIX={}", prefix.display()))
        .arg(format!("BINARY={}", env!("CARGO_BIN_EXE_dunder")))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn what_was_installed_runs_and_is_removed_again() {
    let directory = tempfile::tempdir().unwrap();
    // A directory that is not there yet, with a blank in its name.
    let prefix = directory.path().join("a prefix/local");
    let installed = make("install", &prefix);
    assert!(installed.status.success(), "{installed:?}");
    let version = Command::new(prefix.join("bin/dunder"))
        .arg("--version")
        .output();
    assert!(version.unwrap().status.success());
    for path in [
        "share/man/man1/dunder-feed.1",
        "share/man/man7/dunder-dates.7",
        "share/bash-completion/completions/dunder",
        "share/zsh/site-functions/_dunder",
        "share/fish/vendor_completions.d/dunder.fish",
    ] {
        assert!(prefix.join(path).is_file(), "{path}");
    }
    let other = prefix.join("share/man/man1/other.1");
    std::fs::write(&other, "").unwrap();
    let removed = make("uninstall", &prefix);
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(files(&prefix), [other]);
}

#[test]
fn the_start_up_line_is_silent_where_there_is_no_dunder() {
    for (shell, line) in [
        (
            ["bash", "--norc"],
            r#"command -v dunder >/dev/null && eval "$(dunder completions bash)""#,
        ),
        (
            ["zsh", "-f"],
            r#"command -v dunder >/dev/null && eval "$(dunder completions zsh)""#,
        ),
        (
            ["fish", "--no-config"],
            "command -q dunder && dunder completions fish | source",
        ),
    ] {
        let [program, option] = shell;
        let output = Command::new(program)
            .args([option, "-c", line])
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap();
        assert_eq!(
            (output.stdout, output.stderr),
            (vec![], vec![]),
            "{program}"
        );
        let help = super::Person::at("http://127.0.0.1:1")
            .run(&["completions", "--help"])
            .ok();
        let shown = line.replace("zsh", "bash");
        assert!(help.contains(&shown), "{help}");
    }
}
