//! `dunder trend --follow`: the chart in place, drawn again when it changes.
//!
//! The server is asked every [`PAUSE`], which costs it next to nothing while
//! nothing was posted. The range moves along: `--since 1d` is a day before
//! the present, whenever that is.

use std::time::Duration;

use chrono::Utc;
use tokio::time::sleep;

use super::{TrendArgs, ask, filter, listing};
use crate::cli::CliError;
use crate::cli::args::date;
use crate::cli::command::form::Printed;
use crate::cli::follow::Backoff;
use crate::cli::session::Session;
use crate::cli::stop::Stop;
use crate::cli::ui::{Change, Changes, Screen, Ui};
use crate::output::format::{Format, write_all};

/// Between two looks at the server.
const PAUSE: Duration = Duration::from_secs(2);

/// Draws until it is told to stop; then the last picture stays.
///
/// # Errors
/// The output is no terminal to draw on, flags that cannot be meant, or a
/// server that refuses, or that cannot be reached at first.
pub(super) async fn run(args: &TrendArgs, ui: &mut Ui) -> Result<(), CliError> {
    check(args, ui)?;
    let mut stop = Stop::listen()?;
    let mut changes = Changes::watch()
        .map_err(|error| CliError::Failed(format!("cannot watch the terminal: {error}")))?;
    let session = tokio::select! {
        biased;
        () = stop.told() => return Ok(()),
        session = Session::open(&args.common, ui) => session?,
    };
    let mut screen = Screen::new();
    let mut picture = Picture::default();
    let mut backoff = Backoff::default();
    loop {
        let asked = tokio::select! {
            biased;
            () = stop.told() => break,
            asked = chart(args, &session, ui) => asked,
        };
        let pause = match asked {
            Ok(chart) => {
                backoff = Backoff::default();
                picture.chart = chart;
                picture.trouble = None;
                PAUSE
            }
            Err(error) if error.is_for_later() && !picture.chart.is_empty() => {
                picture.trouble = Some(error.to_string());
                PAUSE.max(backoff.wait(None, None))
            }
            // The guard leaves the screen before the error is said.
            Err(error) => return Err(error),
        };
        picture.show(&mut screen, ui)?;
        tokio::select! {
            biased;
            () = stop.told() => break,
            change = changes.next() => {
                if change == Change::Away {
                    screen.leave();
                    changes.stop();
                }
                ui.measure();
                picture.shown.clear();
            }
            () = sleep(pause) => {}
        }
    }
    screen.leave();
    ui.print(&picture.chart)
}

fn check(args: &TrendArgs, ui: &Ui) -> Result<(), CliError> {
    let refused = |why: &str| Err(CliError::Usage(why.to_owned()));
    if args.until.is_some() {
        return refused("--follow goes on with the present; leave --until out");
    }
    let is_chart = args.output.is_none_or(|format| format.name == "chart");
    if args.common.json || !is_chart {
        return refused("--follow draws a chart; for other forms ask again and again without it");
    }
    if !ui.is_interactive() || ui.terminal().is_dumb {
        return refused(
            "--follow draws in place on a terminal, and the output is none that can be drawn on; ask again and again without it, or read messages with 'dunder feed --follow'",
        );
    }
    Ok(())
}

/// The chart of the present.
async fn chart(args: &TrendArgs, session: &Session, ui: &Ui) -> Result<String, CliError> {
    let clock = args.times.clock();
    let now = Utc::now();
    let since = args.since.as_ref().map(|since| {
        // After midnight, a time of day is still that of the day before.
        let again = date(since.text()).ok().filter(|again| *again < now);
        again.unwrap_or(since.at())
    });
    let (filter, _) = filter(args, since, &clock.zone, now)?;
    let answer = ask(args, &filter, &session.client).await?;
    let printed = Printed {
        listing: listing(filter),
        format: Format::named("chart").unwrap_or(Format::JSON),
        clock,
        time_format: args.times.time_format.as_ref(),
        style: args.style.unwrap_or_default(),
    };
    let writer = args.form.live_writer(printed, ui)?;
    let chart = write_all(writer, &answer.data.trends);
    Ok(String::from_utf8_lossy(&chart).into_owned())
}

/// What is on the screen, and what should be.
#[derive(Default)]
struct Picture {
    chart: String,
    /// Why the chart is not that of the present.
    trouble: Option<String>,
    shown: String,
}

impl Picture {
    /// Draws, if it is not there already.
    fn show(&mut self, screen: &mut Screen, ui: &Ui) -> Result<(), CliError> {
        let look = ui.look(None);
        let mut text = self.chart.clone();
        if let Some(trouble) = &self.trouble {
            text.push('\n');
            let lines = crate::output::wrap(&format!("{trouble}; trying again"), look.width());
            text += &lines.join("\n");
        }
        if text != self.shown {
            screen.draw(&text, ui.terminal().rows)?;
            self.shown = text;
        }
        Ok(())
    }
}
