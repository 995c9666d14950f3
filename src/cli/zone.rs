//! The person's own time zone: what TZ says, else the machine's.
//!
//! Dates without an offset are read by its clocks, tables and charts show
//! them, and trends are counted in its days. A TZ that cannot be read is no
//! silent UTC: every command that needs the zone says so.

use std::env::VarError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use super::ui;
use crate::domain::{Zone, shown};

/// Where a zone was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The zone; UTC when there is a problem.
    pub zone: Zone,
    /// Such as `TZ=Europe/Berlin`.
    pub source: String,
    /// What is wrong, as a sentence without an end.
    pub problem: Option<String>,
}

/// What to do about a zone that cannot be read.
pub(crate) const ADVICE: &str =
    "set TZ to an IANA name, as in TZ=Europe/Berlin, or to a POSIX rule";

/// Where systems keep their zones and say which is theirs.
struct System {
    zones: PathBuf,
    localtime: PathBuf,
    name: PathBuf,
}

/// The person's zone. The first call says on standard error what is wrong
/// with it.
pub(crate) fn here() -> &'static Zone {
    static WARNED: Once = Once::new();
    let found = found();
    if let Some(problem) = &found.problem {
        WARNED.call_once(|| {
            ui::warning(&format!(
                "{problem}; times are read and shown in UTC: {ADVICE}"
            ));
        });
    }
    &found.zone
}

/// The person's zone, where it is from, and what is wrong with it.
pub(crate) fn found() -> &'static Found {
    static FOUND: OnceLock<Found> = OnceLock::new();
    FOUND.get_or_init(|| {
        let system = System {
            zones: std::env::var_os("TZDIR")
                .map_or_else(|| PathBuf::from("/usr/share/zoneinfo"), PathBuf::from),
            localtime: PathBuf::from("/etc/localtime"),
            name: PathBuf::from("/etc/timezone"),
        };
        find(std::env::var("TZ"), &system)
    })
}

fn find(variable: Result<String, VarError>, system: &System) -> Found {
    let text = match variable {
        Err(VarError::NotPresent) => return of_machine(system),
        Err(VarError::NotUnicode(text)) => text.to_string_lossy().into_owned(),
        Ok(text) => text,
    };
    let source = format!("TZ={text}");
    // As the C library has it: empty is UTC, a colon means a file.
    let name = text.strip_prefix(':').unwrap_or(&text);
    let zone = match name {
        "" => Some(Zone::UTC),
        path if path.starts_with('/') => of_path(Path::new(path)),
        name => named(name, system).or_else(|| Zone::rule(name).ok()),
    };
    let problem = zone
        .is_none()
        .then(|| format!("TZ is {}, which is no time zone", shown(&text)));
    Found {
        zone: zone.unwrap_or(Zone::UTC),
        source,
        problem,
    }
}

/// Of the program's own database, or only of the system's.
fn named(name: &str, system: &System) -> Option<Zone> {
    let file = || {
        let is_inside = !name.split('/').any(|part| part == "..");
        is_inside
            .then(|| of_file(&system.zones.join(name)))
            .flatten()
    };
    Zone::named(name).ok().or_else(file)
}

/// By the name in the path, where systems keep their zones by name.
fn of_path(path: &Path) -> Option<Zone> {
    name_in(path).or_else(|| of_file(path))
}

fn name_in(path: &Path) -> Option<Zone> {
    let (_, name) = path.to_str()?.rsplit_once("/zoneinfo/")?;
    Zone::named(name).ok()
}

/// A zone's file has some kilobytes.
fn of_file(path: &Path) -> Option<Zone> {
    const MOST: u64 = 1 << 20;
    let is_small = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() < MOST);
    let bytes = is_small.then(|| fs::read(path)).and_then(Result::ok)?;
    Zone::of_file(&bytes)
}

/// The zone that the machine is set to. A link says its name; of a copy the
/// name is elsewhere, and true while the files are the same.
fn of_machine(system: &System) -> Found {
    let path = &system.localtime;
    let source = path.display().to_string();
    if !path.exists() {
        return Found {
            zone: Zone::UTC,
            source: format!("there is no {source}"),
            problem: None,
        };
    }
    let linked = fs::read_link(path).ok().and_then(|link| name_in(&link));
    let named = || {
        let name = fs::read_to_string(&system.name).ok()?;
        let name = name.trim();
        let same = fs::read(system.zones.join(name)).ok()? == fs::read(path).ok()?;
        same.then(|| Zone::named(name).ok()).flatten()
    };
    let zone = linked.or_else(named).or_else(|| of_file(path));
    let problem = zone.is_none().then(|| format!("{source} is no time zone"));
    Found {
        zone: zone.unwrap_or(Zone::UTC),
        source,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with no zones but those put there.
    fn system(folder: &Path) -> System {
        System {
            zones: folder.join("zoneinfo"),
            localtime: folder.join("localtime"),
            name: folder.join("timezone"),
        }
    }

    fn found(text: &str) -> Found {
        let folder = tempfile::tempdir().unwrap();
        find(Ok(text.to_owned()), &system(folder.path()))
    }

    #[test]
    fn tz_is_read_as_a_name_a_path_or_a_rule() {
        for (text, name) in [
            ("", "UTC"),
            ("UTC", "UTC"),
            ("Europe/Berlin", "Europe/Berlin"),
            (":Europe/Berlin", "Europe/Berlin"),
            ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
            ("CET-1CEST", "CET-1CEST"),
            ("IST-2IDT,M3.4.4/26,M10.5.0", "IST-2IDT,M3.4.4/26,M10.5.0"),
        ] {
            let found = found(text);
            assert_eq!(found.zone.name(), Some(name), "{text}");
            assert_eq!(found.problem, None);
        }
    }

    #[test]
    fn what_is_no_zone_is_a_problem_that_names_it() {
        for text in ["Europe/Berlni", "CEST", "../../etc/passwd", "/nowhere", "/"] {
            let found = found(text);
            assert!(found.zone.is_utc());
            let problem = found.problem.unwrap();
            assert!(problem.contains(&shown(text)), "{problem}");
        }
    }

    #[test]
    fn the_machines_zone_is_that_of_its_link_or_of_the_name_beside_its_copy() {
        let folder = tempfile::tempdir().unwrap();
        let system = system(folder.path());
        let machine = || find(Err(VarError::NotPresent), &system);
        assert!(machine().zone.is_utc() && machine().problem.is_none());

        fs::write(&system.localtime, "nonsense").unwrap();
        assert!(machine().problem.unwrap().contains("is no time zone"));

        let zone = system.zones.join("Europe/Berlin");
        fs::create_dir_all(zone.parent().unwrap()).unwrap();
        fs::write(&zone, "nonsense").unwrap();
        fs::write(&system.name, "Europe/Berlin\n").unwrap();
        assert_eq!(machine().zone.name(), Some("Europe/Berlin"));

        fs::remove_file(&system.localtime).unwrap();
        std::os::unix::fs::symlink(system.zones.join("Asia/Tokyo"), &system.localtime).unwrap();
        // A link to nowhere is none.
        assert!(machine().zone.is_utc());
        fs::create_dir_all(system.zones.join("Asia")).unwrap();
        fs::write(system.zones.join("Asia/Tokyo"), "").unwrap();
        assert_eq!(machine().zone.name(), Some("Asia/Tokyo"));
    }
}
