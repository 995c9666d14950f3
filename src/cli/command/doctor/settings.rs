//! Settings and where each comes from, without a call.

use std::path::Path;
use std::time::Duration;

use crate::cli::account::credentials::{Access, Credentials, TokenSource, local_user};
use crate::cli::account::endpoint::Endpoint;
use crate::cli::args::Common;
use crate::cli::command::doctor::{fine, note, problem};
use crate::cli::settings::Settings;
use crate::cli::ui::terminal;
use crate::cli::zone;
use crate::domain::format_duration;
use crate::output::Charset;
use crate::output::checks::Check;

/// The checks, and whom to call if that is known.
pub(crate) fn checks(common: &Common) -> (Vec<Check>, Option<Access>) {
    let mut checks = vec![fine(
        "dunder",
        concat!("version ", env!("CARGO_PKG_VERSION")),
    )];
    let access = Access::of(common);
    match &access {
        Ok(access) => {
            let stored = Credentials::load().ok().flatten();
            checks.push(server(common, access, stored.as_ref()));
            checks.extend(login(access, stored.as_ref()));
            checks.push(token(access));
            checks.extend(cacert(common, access));
        }
        Err(error) => checks.push(problem("login", error.to_string(), None)),
    }
    checks.push(fine("timeout", timeout(common)));
    checks.push(queue());
    checks.push(display());
    checks.push(zone());
    (checks, access.ok())
}

/// `--name`, the variable, or what stands behind both.
fn origin<T: PartialEq>(
    flag: &str,
    variable: &str,
    value: Option<&T>,
    read: impl Fn(&str) -> Option<T>,
    otherwise: &str,
) -> String {
    let said = std::env::var(variable).ok();
    match value {
        None => otherwise.to_owned(),
        // The flag beats the variable; where they agree it makes no odds.
        Some(value) if said.and_then(|text| read(&text)).as_ref() == Some(value) => {
            variable.to_owned()
        }
        Some(_) => flag.to_owned(),
    }
}

fn server(common: &Common, access: &Access, stored: Option<&Credentials>) -> Check {
    let otherwise = match stored {
        Some(_) => "dunder login",
        None => "default",
    };
    let read = |text: &str| text.parse::<Endpoint>().ok();
    let from = origin(
        "--server",
        "DUNDER_SERVER",
        common.server.as_ref(),
        read,
        otherwise,
    );
    let found = format!("{} (from {from})", access.server).replace("(from default)", "(default)");
    if access.server.is_https() || access.server.is_loopback() {
        return fine("server", found);
    }
    note(
        "server",
        format!("{found}, not encrypted"),
        Some(
            "anyone on the way can read messages and the token: use https:// if the server has it",
        ),
    )
}

/// The file that `dunder login` writes.
fn login(access: &Access, stored: Option<&Credentials>) -> Option<Check> {
    let path = Credentials::path().ok()?;
    let Some(stored) = stored else {
        return Some(note(
            "login",
            format!("none kept (it would be in {})", path.display()),
            None,
        ));
    };
    let found = format!(
        "{} on {} (in {})",
        stored.user,
        stored.server,
        path.display()
    );
    if let Some(mode) = open_to_others(&path) {
        return Some(problem(
            "login",
            format!("{found}; others can read it (mode {mode:o})"),
            Some(&format!("run: chmod 600 {}", path.display())),
        ));
    }
    if access.source == TokenSource::Login {
        return Some(fine("login", found));
    }
    Some(note("login", format!("{found}, not used here"), None))
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<u32> {
    None
}

fn token(access: &Access) -> Check {
    match access.source {
        TokenSource::Environment => fine("token", "from DUNDER_TOKEN"),
        TokenSource::Login => fine("token", "from dunder login"),
        TokenSource::LocalUser => {
            let name = local_user().map_or_else(String::new, |name| name.to_string());
            fine(
                "token",
                format!("the name of this machine's user, {name}: the server is on this machine"),
            )
        }
        TokenSource::None => note(
            "token",
            "none: you can read what is open to all, and not post",
            Some(&format!("run: dunder login --server {}", access.server)),
        ),
    }
}

fn cacert(common: &Common, access: &Access) -> Option<Check> {
    let path = access.cacert.as_ref()?;
    let read = |text: &str| Some(text.into());
    let from = origin(
        "--cacert",
        "DUNDER_CACERT",
        common.cacert.as_ref(),
        read,
        "dunder login",
    );
    Some(fine("cacert", format!("{} (from {from})", path.display())))
}

fn timeout(common: &Common) -> String {
    const DEFAULT: Duration = Duration::from_secs(10);
    let read = |text: &str| crate::cli::args::timeout(text).ok();
    let from = origin(
        "--timeout",
        "DUNDER_TIMEOUT",
        Some(&common.timeout),
        read,
        "",
    );
    let shown = format_duration(common.timeout);
    if from == "--timeout" && common.timeout == DEFAULT {
        return format!("{shown} (default)");
    }
    format!("{shown} (from {from})")
}

/// Whether messages for a server that is away are kept.
fn queue() -> Check {
    if let Some(said) = std::env::var_os("DUNDER_QUEUE") {
        let said = said.to_string_lossy();
        return fine("queue", format!("{said} (from DUNDER_QUEUE)"));
    }
    let path = Settings::path().filter(|path| path.exists());
    match (Settings::load(), path) {
        (Err(error), _) => problem("queue", error.to_string(), None),
        (Ok(settings), Some(path)) => fine(
            "queue",
            format!("{} (in {})", settings.queue, path.display()),
        ),
        (Ok(settings), None) => fine("queue", format!("{} (default)", settings.queue)),
    }
}

/// What the terminal can show.
fn display() -> Check {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        Some(format!("{name}={value}"))
    });
    let columns = terminal::columns();
    match (terminal::charset(), said) {
        (Charset::Unicode, Some(said)) => {
            fine("terminal", format!("{columns} columns, UTF-8 ({said})"))
        }
        (_, Some(said)) => note(
            "terminal",
            format!("{columns} columns, drawn in ASCII ({said})"),
            Some("for lines and blocks use a UTF-8 locale, such as LC_ALL=C.UTF-8"),
        ),
        (_, None) => note(
            "terminal",
            format!("{columns} columns, drawn in ASCII: no locale is set"),
            Some("for lines and blocks set one, such as LC_ALL=C.UTF-8"),
        ),
    }
}

fn zone() -> Check {
    let found = zone::found();
    if let Some(wrong) = &found.problem {
        return problem("zone", format!("{wrong}; UTC is used"), Some(zone::ADVICE));
    }
    let now = found.zone.offset_name_at(chrono::Utc::now());
    fine(
        "zone",
        format!("{}, {now} now ({})", found.zone, found.source),
    )
}
