//! What the server says: whether it answers, how fast, as what, and for whom
//! it takes us.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;

use crate::api::{Envelope, ErrorBody, Whoami};
use crate::cli::account::TokenSource;
use crate::cli::client::{Client, Probe};
use crate::cli::command::doctor::{fine, note, problem, tls};
use crate::output::checks::{Check, State};

/// A clock that is further off makes ages and `--since 5m` wrong.
const SKEW: i64 = 5;

/// What `GET /healthz` says.
#[derive(Deserialize)]
struct Health {
    version: String,
}

/// What `GET /readyz` says.
#[derive(Deserialize)]
struct Ready {
    #[serde(default)]
    warnings: Vec<String>,
}

/// Adds the checks; whether the server was reached.
pub(crate) async fn checks(client: &Client, checks: &mut Vec<Check>) -> bool {
    // The first call finds the name, connects, and agrees on keys.
    let first = match client.probe("/healthz").await {
        Ok(first) => first,
        Err(error) => {
            checks.push(problem("reach", error.to_string(), None));
            return false;
        }
    };
    let answers = version(client, &first);
    let is_dunder = answers.state != State::Problem;
    checks.push(answers);
    if !is_dunder {
        // What something else says to the rest means nothing.
        return true;
    }
    if let Ok(second) = client.probe("/healthz").await {
        checks.push(speed(&first, &second));
        checks.extend(clock(&second));
    }
    checks.push(tls::check(client).await);
    if let Ok(ready) = client.probe("/readyz").await {
        checks.push(store(&ready));
        checks.extend(warnings(&ready));
    }
    if let Ok(whoami) = client.probe("/whoami").await {
        checks.push(user(client, &whoami));
    }
    if let Ok(page) = client.probe("/message?limit=1").await {
        checks.push(reading(&page));
    }
    true
}

fn version(client: &Client, health: &Probe) -> Check {
    const OURS: &str = env!("CARGO_PKG_VERSION");
    let said: Result<Envelope<Health>, _> = serde_json::from_str(&health.document);
    match said {
        Ok(said) if said.data.version == OURS => fine("reach", format!("dunder {OURS} answers")),
        Ok(said) => note(
            "reach",
            format!(
                "dunder {} answers; this is dunder {OURS}",
                said.data.version
            ),
            Some("if something does not work, bring both to one version"),
        ),
        Err(_) => problem(
            "reach",
            format!("something answers ({}), not a dunder server", health.status),
            Some(&format!("check the address {}", client.access().server)),
        ),
    }
}

fn speed(first: &Probe, second: &Probe) -> Check {
    fine(
        "speed",
        format!(
            "{} there and back; {} with the connection set up",
            in_millis(second.took),
            in_millis(first.took)
        ),
    )
}

fn in_millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.0} ms")
    }
}

/// The server's clock tells whole seconds, and its answer was on the way.
fn clock(answer: &Probe) -> Option<Check> {
    let theirs = DateTime::parse_from_rfc2822(answer.date.as_deref()?).ok()?;
    let asked = answer.at - chrono::Duration::from_std(answer.took).ok()?;
    Some(clocks(theirs.to_utc(), asked, answer.at))
}

/// Compares a whole second of the server's clock with the time from the call
/// to the answer on ours.
fn clocks(theirs: DateTime<Utc>, asked: DateTime<Utc>, answered: DateTime<Utc>) -> Check {
    let late = (asked - (theirs + chrono::Duration::seconds(1))).num_seconds();
    let early = (theirs - answered).num_seconds();
    let (seconds, which) = if late > early {
        (late.max(0), "ahead of")
    } else {
        (early.max(0), "behind")
    };
    match seconds {
        0 => fine("clock", "the same as the server's"),
        1..SKEW => fine("clock", format!("{seconds} s {which} the server's")),
        _ => problem(
            "clock",
            format!("this machine's clock is {seconds} s {which} the server's"),
            Some("ages and dates such as 5m are off by that: set the clock that is wrong"),
        ),
    }
}

fn store(ready: &Probe) -> Check {
    if ready.status.is_success() {
        return fine("store", "the server can read and write");
    }
    problem(
        "store",
        format!("the server is up and its store is not: {}", sentence(ready)),
        Some("posts are refused until it is back; its operator finds more in the server's log"),
    )
}

/// What the store's operator should know.
fn warnings(ready: &Probe) -> Vec<Check> {
    let said: Result<Envelope<Ready>, _> = serde_json::from_str(&ready.document);
    let warnings = said.map_or_else(|_| Vec::new(), |said| said.data.warnings);
    let advice = "look at the clocks of the server and of those who posted; the README says how to date messages anew";
    let warning = |warning| problem("dates", warning, Some(advice));
    warnings.into_iter().map(warning).collect()
}

fn user(client: &Client, whoami: &Probe) -> Check {
    let said: Result<Envelope<Whoami>, _> = serde_json::from_str(&whoami.document);
    match (said, whoami.status) {
        (Ok(said), _) => fine(
            "user",
            format!("you are {} (by {})", said.data.user.name, said.data.mode),
        ),
        (Err(_), StatusCode::UNAUTHORIZED) if client.access().source == TokenSource::None => {
            note("user", "you are nobody to it", None)
        }
        (Err(_), StatusCode::UNAUTHORIZED) => problem(
            "user",
            match client.access().source {
                TokenSource::LocalUser => "the server takes tokens, not names",
                TokenSource::Environment | TokenSource::Login | TokenSource::None => {
                    "the server does not know this token; it may have expired or been revoked"
                }
            },
            Some(&format!(
                "run: dunder login --server {}",
                client.access().server
            )),
        ),
        (Err(_), _) => problem("user", sentence(whoami), None),
    }
}

fn reading(page: &Probe) -> Check {
    match page.status {
        StatusCode::OK => fine("reading", "messages can be read"),
        StatusCode::UNAUTHORIZED => problem(
            "reading",
            "this server shows messages only to those who log in",
            Some("run: dunder login"),
        ),
        _ => problem("reading", sentence(page), None),
    }
}

/// The server's own sentence, or its status.
fn sentence(answer: &Probe) -> String {
    let said: Result<ErrorBody, _> = serde_json::from_str(&answer.document);
    said.map_or_else(|_| answer.status.to_string(), |said| said.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_differ_by_what_the_call_cannot_explain() {
        let at = |millis: i64| DateTime::from_timestamp_millis(1_000_000_000 + millis).unwrap();
        for (asked, answered, state, said) in [
            (100, 900, State::Fine, "the same"),
            (-9_000, 9_000, State::Fine, "the same"),
            (3_500, 3_600, State::Fine, "2 s ahead of"),
            (-2_600, -2_500, State::Fine, "2 s behind"),
            (61_000, 61_100, State::Problem, "60 s ahead of"),
            (-3_600_100, -3_600_000, State::Problem, "3600 s behind"),
        ] {
            let check = clocks(at(0), at(asked), at(answered));
            assert_eq!(check.state, state, "{check:?}");
            assert!(check.found.contains(said), "{check:?}");
        }
    }
}
