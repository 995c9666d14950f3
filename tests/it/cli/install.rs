//! `make install` and `make uninstall`, the files of the Debian package, and the
//! line in a shell's start-up file.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
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

/// The sources of what the Debian package has, as the manifest lists them.
fn sources() -> Vec<String> {
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    let (_, listed) = manifest.split_once("\nassets = [\n").unwrap();
    let (listed, _) = listed.split_once("\n]").unwrap();
    let source = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    listed.lines().map(source).collect()
}

#[test]
fn everything_that_the_debian_package_lists_is_there() {
    let made = Command::new("make")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "deb-files"])
        .arg(format!("BINARY={}", env!("CARGO_BIN_EXE_dunder")))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let sources = sources();
    assert!(sources.len() >= 10, "{sources:?}");
    for source in sources {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&source);
        match source.rsplit_once("/*.") {
            // What the package is built of is not what is tested.
            None if source == "target/release/dunder" => {}
            None => assert!(path.is_file(), "{source}"),
            Some((_, kind)) => {
                let pages = files(path.parent().unwrap());
                let are_all = pages
                    .iter()
                    .all(|page| page.extension() == Some(kind.as_ref()));
                assert!(are_all && pages.len() > 2, "{source}: {pages:?}");
            }
        }
    }
    let unit = std::fs::read_to_string("target/deb/systemd/dunder.service").unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/dunder serve"), "{unit}");
    assert!(!unit.contains("/usr/local"), "{unit}");
    let version = format!("dunder ({}-1) ", env!("CARGO_PKG_VERSION"));
    let changelog = std::fs::read_to_string("target/deb/changelog").unwrap();
    assert!(changelog.starts_with(&version), "{changelog}");
}

#[test]
fn the_scripts_of_the_debian_package_cope_with_any_machine_and_start_nothing_anew() {
    let tools = tempfile::TempDir::new().unwrap();
    let log = tools.path().join("log");
    // Nothing was enabled, and nothing works.
    for name in ["deb-systemd-helper", "deb-systemd-invoke", "systemctl"] {
        let tool = tools.path().join(name);
        let script = format!(
            "#!/bin/sh\necho {name} \"$*\" >> {}\nexit 1\n",
            log.display()
        );
        std::fs::write(&tool, script).unwrap();
        std::fs::set_permissions(&tool, Permissions::from_mode(0o755)).unwrap();
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/debian");
    for (script, arguments, told) in [
        (
            "postinst",
            &["configure", ""][..],
            "helper update-state dunder.socket",
        ),
        (
            "postinst",
            &["configure", "0.0.9-1"],
            "helper update-state dunder.service",
        ),
        (
            "postinst",
            &["abort-upgrade", "0.0.9-1"],
            "helper update-state",
        ),
        ("prerm", &["upgrade", "0.2.0-1"], ""),
        ("prerm", &["remove"], ""),
        ("postrm", &["upgrade", "0.2.0-1"], ""),
        (
            "postrm",
            &["remove"],
            "helper mask dunder.service dunder.socket",
        ),
        (
            "postrm",
            &["purge"],
            "helper purge dunder.service dunder.socket",
        ),
    ] {
        std::fs::write(&log, "").unwrap();
        let done = Command::new("sh")
            .arg(scripts.join(script))
            .args(arguments)
            .env("PATH", format!("{}:/usr/bin:/bin", tools.path().display()))
            .output()
            .unwrap();
        assert!(done.status.success(), "{script} {arguments:?}: {done:?}");
        let said = std::fs::read_to_string(&log).unwrap();
        assert!(said.contains(told), "{script} {arguments:?}: {said}");
        assert!(!said.contains("helper enable"), "{said}");
        let is_upgrade = arguments.last().is_some_and(|last| last.starts_with("0."));
        assert!(is_upgrade || !said.contains("restart"), "{said}");
    }
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
