//! The shape of the code: which module may use which.

use std::fs;
use std::path::{Path, PathBuf};

/// Every top-level module with the ones it may name.
const ARROWS: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("api", &["domain"]),
    ("config", &["domain"]),
    ("output", &["api", "domain"]),
    ("store", &["domain"]),
    ("server", &["api", "config", "domain", "output"]),
    ("cli", &["api", "domain", "output"]),
    (
        "app",
        &["cli", "config", "domain", "output", "server", "store"],
    ),
    ("main", &["app"]),
];

#[test]
fn arrows_between_modules_point_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, allowed) in ARROWS {
        for file in sources(&src, module) {
            let text = fs::read_to_string(&file).unwrap();
            for (name, _) in ARROWS {
                let names = text.contains(&format!("crate::{name}::"))
                    || text.contains(&format!("crate::{name};"));
                if names && name != module && !allowed.contains(&name) {
                    wrong.push(format!("{} uses {name}", file.display()));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_file_can_be_read_in_one_sitting() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut long = Vec::new();
    for folder in ["src", "tests"] {
        for file in files(&root.join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            if lines > 450 {
                long.push(format!("{} has {lines} lines", file.display()));
            }
        }
    }
    assert_eq!(long, [""; 0]);
}

/// `dunder serve` stops at a variable that it does not know.
#[test]
fn every_variable_that_the_program_reads_is_known_as_one() {
    let known = |name: &str| {
        dunder::config::CLIENT_VARIABLES.contains(&name)
            || dunder::config::KEYS
                .iter()
                .any(|key| key.variable() == name)
    };
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut unknown = Vec::new();
    for file in files(&src)
        .iter()
        .filter(|file| !file.starts_with(src.join("config")))
    {
        let text = fs::read_to_string(file).unwrap();
        for part in text.split("\"DUNDER_").skip(1) {
            let name = format!("DUNDER_{}", part.split('"').next().unwrap());
            let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            if is_name && !known(&name) {
                unknown.push(format!("{name} in {}", file.display()));
            }
        }
    }
    assert_eq!(unknown, [""; 0]);
}

fn sources(src: &Path, module: &str) -> Vec<PathBuf> {
    let mut found = files(&src.join(module));
    found.extend(Some(src.join(format!("{module}.rs"))).filter(|file| file.exists()));
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
