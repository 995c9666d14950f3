//! `dunder doctor`: which settings are in force and where each comes from,
//! and whether the server can be worked with.
//!
//! One line a check. It ends with 0 when all is well, with 1 when something
//! is wrong, with 3 when the server was not reached.

mod server;
mod settings;
mod tls;

use clap::Args;
use serde::Serialize;

use crate::api::Envelope;
use crate::cli::CliError;
use crate::cli::args::{Common, width};
use crate::cli::client::Client;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::output::checks::{Check, State, check_line, checks_table};

/// What `dunder doctor` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Marks: ok, -- (worth knowing), !! (to be mended, and how).

When the output is not a terminal each check is one line of fields separated
by TAB: ok, note or problem; what was looked at; what was found; what to do.")]
pub struct DoctorArgs {
    /// Draw so wide [default: the terminal's width]
    #[arg(long, value_name = "COLUMNS", value_parser = width)]
    width: Option<u16>,

    #[command(flatten)]
    common: Common,
}

/// The report as JSON.
#[derive(Serialize)]
struct Report<'a> {
    checks: Vec<Line<'a>>,
    problems: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    state: &'a str,
    found: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'a str>,
}

/// Checks everything there is to check, and prints it.
///
/// # Errors
/// A check found a problem, or the output is closed.
pub(crate) async fn run(args: DoctorArgs, ui: &mut Ui) -> Result<(), CliError> {
    let read = Settings::load();
    let known = read.as_ref().ok().cloned().unwrap_or_default();
    ui.set_color(known.color(args.common.color));
    let (mut checks, access) = settings::checks(&args.common, read, ui.terminal());
    let mut reached = true;
    if let Some(access) = access {
        match Client::new(access, known.timeout(args.common.timeout).value) {
            Ok(client) => reached = server::checks(&client, &mut checks).await,
            Err(error) => checks.push(problem("cacert", error.to_string(), None)),
        }
    }
    print(&args, &checks, ui)?;
    let problems = problems(&checks);
    match (reached, problems) {
        (false, _) => Err(CliError::Unreachable(
            "the server was not reached".to_owned(),
        )),
        (true, 0) => Ok(()),
        (true, 1) => Err(CliError::Failed("something is wrong".to_owned())),
        (true, many) => Err(CliError::Failed(format!("{many} things are wrong"))),
    }
}

fn problems(checks: &[Check]) -> usize {
    let wrong = checks.iter().filter(|check| check.state == State::Problem);
    wrong.count()
}

fn print(args: &DoctorArgs, checks: &[Check], ui: &mut Ui) -> Result<(), CliError> {
    if args.common.json {
        let report = Envelope {
            data: Report {
                checks: checks.iter().map(line).collect(),
                problems: problems(checks),
            },
        };
        let json = serde_json::to_string(&report)
            .map_err(|error| CliError::Failed(format!("cannot write JSON: {error}")))?;
        return ui.print_json(&json);
    }
    if ui.is_interactive() || args.width.is_some() {
        let look = ui.look(args.width);
        return ui.print(&checks_table(checks, look));
    }
    ui.print(&checks.iter().map(check_line).collect::<String>())
}

fn line(check: &Check) -> Line<'_> {
    Line {
        name: check.name,
        state: check.state.word(),
        found: &check.found,
        advice: check.advice.as_deref(),
    }
}

fn fine(name: &'static str, found: impl Into<String>) -> Check {
    Check {
        name,
        state: State::Fine,
        found: found.into(),
        advice: None,
    }
}

fn note(name: &'static str, found: impl Into<String>, advice: Option<&str>) -> Check {
    Check {
        name,
        state: State::Note,
        found: found.into(),
        advice: advice.map(str::to_owned),
    }
}

fn problem(name: &'static str, found: impl Into<String>, advice: Option<&str>) -> Check {
    Check {
        name,
        state: State::Problem,
        found: found.into(),
        advice: advice.map(str::to_owned),
    }
}
