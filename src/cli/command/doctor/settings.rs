//! Settings and where each comes from, without a call.

use std::path::Path;

use crate::cli::CliError;
use crate::cli::account::access::{local_user, server};
use crate::cli::account::{Access, Logins, TokenSource};
use crate::cli::args::Common;
use crate::cli::command::doctor::{fine, note, problem};
use crate::cli::outbox::store::{Entry, Store};
use crate::cli::outbox::waiting::Waiting;
use crate::cli::settings::{Origin, Settings};
use crate::cli::ui::{Terminal, said};
use crate::cli::zone;
use crate::domain::format_duration;
use crate::output::checks::Check;
use crate::output::{Charset, counted};

/// The checks, and whom to call if that is known.
pub(crate) fn checks(
    common: &Common,
    settings: Result<Settings, CliError>,
    terminal: Terminal,
) -> (Vec<Check>, Option<Access>) {
    let mut checks = vec![fine(
        "dunder",
        concat!("version ", env!("CARGO_PKG_VERSION")),
    )];
    let mut access = None;
    match settings {
        Ok(settings) => {
            match connection(common, &settings, &mut checks) {
                Ok(known) => access = Some(known),
                Err(error) => checks.push(problem("login", error.to_string(), None)),
            }
            let timeout = settings.timeout(common.timeout);
            checks.push(fine(
                "timeout",
                from(&format_duration(timeout.value), &timeout.origin),
            ));
            let queue = settings.queue(None);
            checks.push(fine("queue", from(&queue.value.to_string(), &queue.origin)));
            checks.extend(waiting());
        }
        Err(error) => checks.push(problem("settings", error.to_string(), None)),
    }
    checks.push(display(terminal));
    checks.push(zone());
    (checks, access)
}

fn connection(
    common: &Common,
    settings: &Settings,
    checks: &mut Vec<Check>,
) -> Result<Access, CliError> {
    let logins = Logins::load()?;
    let access = Access::of(common, settings)?;
    let (_, origin) = server(common, settings, &logins)?;
    checks.push(address(&access, &origin));
    checks.extend(login(&access, &logins));
    checks.push(token(&access));
    if let Some(path) = &access.cacert {
        let origin = settings.cacert(common).map(|said| said.origin);
        let found = from(
            &path.display().to_string(),
            &origin.unwrap_or(Origin::Login),
        );
        checks.push(fine("cacert", found));
    }
    Ok(access)
}

/// Messages that wait for a server, and those that one has refused.
fn waiting() -> Option<Check> {
    let entries = Store::existing()?.entries().ok()?;
    let is_refused = |one: &Waiting| one.refused.is_some();
    let refused = |entry: &&Entry| entry.waiting.as_ref().is_ok_and(is_refused);
    let refused = entries.iter().filter(refused).count();
    let all = counted(entries.len() as u64, "message");
    let found = match (entries.len(), refused) {
        (0, _) => return None,
        (_, 0) => format!("{all} not sent yet"),
        (_, refused) => format!("{all} not sent yet, {refused} of them refused"),
    };
    let advice = "look at them with 'dunder queue', send them with 'dunder queue send'";
    Some(note("waiting", found, Some(advice)))
}

/// A value and where it comes from.
fn from(value: &str, origin: &Origin) -> String {
    match origin {
        Origin::Default => format!("{value} (default)"),
        Origin::File => {
            let path = Settings::path().unwrap_or_default();
            format!("{value} (in {})", path.display())
        }
        Origin::Flag(_) | Origin::Variable(_) | Origin::Login => format!("{value} (from {origin})"),
    }
}

fn address(access: &Access, origin: &Origin) -> Check {
    let found = from(&access.server.to_string(), origin);
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
fn login(access: &Access, logins: &Logins) -> Option<Check> {
    let path = Logins::path().ok()?;
    let login = logins.of(&access.server).or(logins.current());
    let Some(login) = login.or(logins.all().first()) else {
        return Some(note(
            "login",
            format!("none kept (it would be in {})", path.display()),
            None,
        ));
    };
    let others = match logins.all().len() - 1 {
        0 => String::new(),
        others => format!(", and {others} more: dunder login list"),
    };
    let found = format!(
        "{} on {} (in {}){others}",
        login.user,
        login.server,
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

/// What the terminal can show.
fn display(terminal: Terminal) -> Check {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let mut locale = locale.filter_map(|name| Some(format!("{name}={}", said(name)?)));
    let columns = terminal.columns;
    match (terminal.charset, locale.next()) {
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
