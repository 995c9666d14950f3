//! The shape of the code: which module may use which.

use std::fs;
use std::path::{Path, PathBuf};

mod names;

/// The floors, from the top down, each with those below it that it may name:
/// never one above, and not every one below. The client knows servers by
/// their answers alone, the server knows stores by their traits alone, and
/// `app` alone puts them together.
const FLOORS: [(&str, &[&str]); 12] = [
    ("main", &["app"]),
    (
        "app",
        &[
            "cli", "server", "store", "output", "config", "api", "domain", "metrics", "trace",
        ],
    ),
    ("cli", &["output", "config", "api", "domain", "trace"]),
    (
        "server",
        &["output", "config", "api", "domain", "metrics", "trace"],
    ),
    ("store", &["domain", "metrics", "trace"]),
    ("output", &["api", "domain"]),
    ("config", &["domain", "trace"]),
    ("api", &["domain"]),
    ("domain", &["metrics"]),
    ("metrics", &[]),
    ("trace", &[]),
    ("lib", &[]),
];

/// What a source of one floor has no right to name.
fn wrong(floor: &str, module: &[&str], source: &str) -> Vec<String> {
    let allowed = |floor| FLOORS.iter().find(|(name, _)| *name == floor);
    let found = names::read(module, source);
    let mut wrong = found.errors;
    for name in &found.named {
        let (path, used) = (&name.path, name.module.as_str());
        if used == floor {
            continue;
        }
        match allowed(floor) {
            _ if allowed(used).is_none() => {
                wrong.push(format!("{path} is no module of the crate's root"));
            }
            Some((_, below)) if !below.contains(&used) => {
                wrong.push(format!("{path} is not below {floor}"));
            }
            Some(_) if name.is_reexported => {
                // Others could reach it here without an arrow to it.
                wrong.push(format!("{path} is not {floor}'s to give on"));
            }
            Some(_) => {}
            None => wrong.push(format!("{floor} is on no floor")),
        }
    }
    wrong
}

#[test]
fn the_arrows_point_down() {
    for (at, (floor, below)) in FLOORS.iter().enumerate() {
        let place = |name: &str| FLOORS.iter().position(|(floor, _)| *floor == name);
        for name in *below {
            assert!(place(name) > Some(at), "{floor} may not use {name}");
        }
    }
}

#[test]
fn every_module_names_only_what_is_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in files(&src) {
        let inside = file.strip_prefix(&src).unwrap().with_extension("");
        let mut module: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        let floor = module[0];
        if module.last() == Some(&"mod") || matches!(floor, "main" | "lib") {
            module.pop();
        }
        let text = fs::read_to_string(&file).unwrap();
        let found_here = wrong(floor, &module, &text);
        found.extend(
            found_here
                .iter()
                .map(|why| format!("{}: {why}", inside.display())),
        );
    }
    assert_eq!(found, [""; 0]);
}

/// Whatever else the root had could be named past the arrows.
#[test]
fn the_root_of_the_library_has_modules_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let file = syn::parse_file(&fs::read_to_string(root).unwrap()).unwrap();
    let modules = file.items.iter().map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() => module.ident.to_string(),
        _ => panic!("something in it is no module with a file of its own"),
    });
    let mut modules: Vec<String> = modules.collect();
    modules.extend(["lib".to_owned(), "main".to_owned()]);
    modules.sort();
    let mut floors: Vec<&str> = FLOORS.iter().map(|(floor, _)| *floor).collect();
    floors.sort_unstable();
    assert_eq!(modules, floors);
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

#[test]
fn no_source_hides_what_it_names() {
    for source in [
        "use crate::app::serve;",
        "use crate::app;",
        "pub use crate::app::serve as other;",
        "use crate::{domain, app::{self, store}};",
        "use {std::fmt, crate::{domain::{Hashtag, UserName}, app::log}};",
        "use super::super::app::store;",
        "use super::{super::{app::store}, feed};",
        "use self::super::super::{app as below};",
        "use crate::r#app::serve;",
        "use ::dunder::app::serve;",
        "fn f() { crate::app::serve::serve(); }",
        "fn f() { ::dunder::app::serve::serve(); }",
        "fn f() -> Box<dyn crate::app::Name<u8>> { todo!() }",
        "fn f(x: impl Fn() -> super::super::app::Name) {}",
        "fn f() { let _ = <crate::app::Name as Clone>::clone; }",
        "fn f() { mod inner { use super::super::super::app::log; } }",
        "mod inner { mod deeper { fn f() { super::super::super::super::app::run() } } }",
        "fn f() { println!(\"{}\", crate::app::name()); }",
        "fn f() { vec![vec![super::super::app::name()]]; }",
        "macro_rules! m { () => { $crate::app::name() } }",
        "macro_rules! m { () => { use $crate::{domain, app::log}; } }",
        "m! { use crate::{domain::{self, Hashtag}, app}; }",
        "#[derive(Deserialize)] struct A { #[serde(with = \"crate::app::time\")] b: u8 }",
        "#[arg(default_value_t = crate::app::DEFAULT)] struct A;",
        "#[path_of = \"crate::app::DEFAULT\"] struct A;",
        "impl crate::app::Trait for A {}",
        "type A = crate::app::A;",
        "pub(crate) use crate::app::A;",
        "const _: () = { use crate::app::A; };",
    ] {
        let wrong = wrong("cli", &["cli", "feed"], source);
        assert!(
            wrong
                .iter()
                .any(|why| why.contains("app") && why.ends_with("is not below cli")),
            "{source}: {wrong:?}"
        );
    }
}

#[test]
fn no_source_makes_names_that_cannot_be_followed() {
    for (source, why) in [
        ("use crate as root;", "another name"),
        ("use crate::{self as root};", "another name"),
        ("use {crate as root};", "another name"),
        ("use super::super as root;", "another name"),
        ("use super::{super as root};", "another name"),
        ("m! { use crate as root; }", "another name"),
        ("use crate::*;", "the whole root"),
        ("use super::super::{domain, *};", "the whole root"),
        ("m! { use crate::{*}; }", "the whole root"),
        ("extern crate self as root;", "by extern"),
        ("#[path = \"../app/log.rs\"] mod log;", "at another path"),
        ("include!(\"../app/log.rs\");", "included text"),
        (
            "fn f() { std::include!(\"../app/log.rs\"); }",
            "included text",
        ),
        ("use crate::Draft;", "no module of the crate's root"),
        (
            "fn f() { crate::exported_macro!(); }",
            "no module of the crate's root",
        ),
        ("use super::super::super::app;", "out of the crate"),
        ("pub use crate::domain::Draft;", "not cli's to give on"),
        (
            "pub(super) use crate::{api::{self, Message}};",
            "not cli's to give on",
        ),
        ("fn f( {", "is not Rust"),
    ] {
        let wrong = wrong("cli", &["cli", "feed"], source);
        assert!(
            wrong.iter().any(|found| found.contains(why)),
            "{source}: {wrong:?}"
        );
    }
}

#[test]
fn what_is_below_or_ones_own_or_another_crates_may_be_named() {
    for source in [
        "use crate::domain::{Draft, feed::{self as pages}}; use crate::output;",
        "use super::{feed, ui::*}; use self::inner::A; use super::super::api::Message;",
        "use std::app::store; use app::serve; pub use serde::de::{self as app};",
        "pub(crate) use crate::cli::ui::terminal; pub(super) fn f() {}",
        "pub(in crate::cli) struct A { pub(crate) b: u8 }",
        "/// See [`crate::app::serve`].\nfn f() { let app = app::serve; println!(\"crate::app\"); }",
        "fn f() { let text = \"use crate::app;\"; m!(self.app, super_app::x, $crate::domain::X); }",
        "mod inner { use super::*; use super::super::shared; pub(crate) fn f() {} }",
    ] {
        let wrong = wrong("cli", &["cli", "feed"], source);
        assert_eq!(wrong, [""; 0], "{source}");
    }
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
