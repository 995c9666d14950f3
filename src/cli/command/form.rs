//! In which form a command prints what it lists: the flags, and what suits
//! the output when there are none.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::CliError;
use crate::cli::args::width;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::cli::ui::printer::Printer;
use crate::output::chart::ChartStyle;
use crate::output::format::{FORMATS, Format, Listing, Options, Writer, templated};
use crate::output::row::{Fields, Kind};
use crate::output::template::Template;
use crate::output::{Clock, TimeFormat};

/// Lines of a text in a table on a terminal.
const LINES: usize = 10;

/// Flags of what lists.
#[derive(Debug, Args)]
pub(crate) struct FormArgs {
    /// One line each for people: -o oneline
    #[arg(long, conflicts_with_all = ["output", "json"])]
    oneline: bool,

    /// Only these, in this order, such as time,id,text
    #[arg(long, value_name = "NAMES", conflicts_with = "json")]
    fields: Option<String>,

    /// Print each as this says, such as '{time} {text}'
    #[arg(long, value_name = "TEXT",
        conflicts_with_all = ["output", "oneline", "fields", "json"])]
    template: Option<String>,

    /// Texts whole, however many lines they have
    #[arg(long)]
    full: bool,

    /// Do not start $PAGER for what is longer than the terminal is high
    #[arg(long)]
    no_pager: bool,

    /// Draw so wide [default: the terminal's width]
    #[arg(long, value_name = "COLUMNS", value_parser = width)]
    width: Option<u16>,
}

/// Reads `-o` of what lists things.
pub(crate) fn list_format() -> impl TypedValueParser<Value = &'static Format> {
    format_of(|format| !format.needs_range)
}

/// Reads `-o` of what counts over time.
pub(crate) fn trend_format() -> impl TypedValueParser<Value = &'static Format> {
    format_of(|_| true)
}

fn format_of(fits: fn(&Format) -> bool) -> impl TypedValueParser<Value = &'static Format> {
    let formats = FORMATS.into_iter().filter(move |format| fits(format));
    let values = formats.map(|format| PossibleValue::new(format.name).help(format.about));
    // Only these names come through.
    PossibleValuesParser::new(values).map(|name| Format::named(&name).unwrap_or(Format::JSON))
}

/// What is to be printed, and how it was asked for.
pub(crate) struct Printed<'a> {
    /// What the command lists.
    pub listing: Listing,
    /// In which form.
    pub format: &'static Format,
    /// The present, and where the person is.
    pub clock: Clock,
    /// How moments are written, if it was said.
    pub time_format: Option<&'a TimeFormat>,
    /// How a chart is drawn.
    pub style: ChartStyle,
}

impl FormArgs {
    /// The form that was asked for, or else what suits the output: `drawn` at
    /// a terminal, lines elsewhere.
    pub fn format(
        &self,
        asked: Option<&'static Format>,
        json: bool,
        drawn: &'static str,
        ui: &Ui,
    ) -> &'static Format {
        let name = match asked {
            Some(format) => format.name,
            None if json => "json",
            None if self.oneline => "oneline",
            None if ui.is_interactive() => drawn,
            None => "lines",
        };
        // All of these are forms.
        Format::named(name).unwrap_or(Format::JSON)
    }

    /// Begins to print; what is long goes through a pager.
    ///
    /// # Errors
    /// Fields that are none, or for a form that has all.
    pub fn printer<'a>(
        &self,
        printed: Printed<'_>,
        settings: &Settings,
        ui: &'a mut Ui,
    ) -> Result<Printer<'a>, CliError> {
        self.check_times(&printed)?;
        let options = self.options(&printed, ui)?;
        let format = printed.format;
        let writer = self.writer(printed.listing, format, options)?;
        if !self.no_pager && settings.pager() {
            ui.page();
        }
        Ok(Printer::new(ui, writer, format))
    }

    /// The form of rows that come one after another, nobody knows when.
    ///
    /// # Errors
    /// As [`FormArgs::printer`].
    pub fn live_writer(&self, printed: Printed<'_>, ui: &Ui) -> Result<Box<dyn Writer>, CliError> {
        self.check_times(&printed)?;
        let options = Options {
            is_live: true,
            ..self.options(&printed, ui)?
        };
        self.writer(printed.listing, printed.format, options)
    }

    fn writer(
        &self,
        listing: Listing,
        format: &Format,
        options: Options,
    ) -> Result<Box<dyn Writer>, CliError> {
        Ok(match &self.template {
            Some(text) => {
                let template = Template::parse(listing.kind, text);
                templated(template.map_err(usage)?, options)
            }
            None => format.open(listing, options),
        })
    }

    /// Whether a template says how each is printed.
    pub fn is_templated(&self) -> bool {
        self.template.is_some()
    }

    /// Refuses a way to write times where the form has its own.
    fn check_times(&self, printed: &Printed<'_>) -> Result<(), CliError> {
        let is_free = self.template.is_some() || takes_times(printed.format);
        if printed.time_format.is_none() || is_free {
            return Ok(());
        }
        Err(no_times(printed.format))
    }

    /// Whether the server's own document is what was asked for.
    ///
    /// # Errors
    /// It is, and times were asked for that it has not.
    pub fn is_document(
        &self,
        format: &Format,
        times: Option<&TimeFormat>,
    ) -> Result<bool, CliError> {
        let is_document = format.name == "json" && self.template.is_none();
        match times {
            Some(_) if is_document => Err(no_times(format)),
            _ => Ok(is_document),
        }
    }

    fn options(&self, printed: &Printed<'_>, ui: &Ui) -> Result<Options, CliError> {
        let look = ui.look(self.width);
        let is_cut = ui.is_interactive() && !self.full;
        let lines = if is_cut { LINES } else { usize::MAX };
        Ok(Options {
            time_format: printed.time_format.cloned(),
            style: printed.style,
            fields: self.fields(printed.format, printed.listing.kind)?,
            ..Options::new(look.with_lines(lines), printed.clock.clone())
        })
    }

    fn fields(&self, format: &Format, kind: &Kind) -> Result<Option<Fields>, CliError> {
        let Some(text) = &self.fields else {
            return Ok(None);
        };
        if !format.has_columns {
            return Err(CliError::Usage(format!(
                "--fields goes with forms that have columns; {} has everything",
                format.name
            )));
        }
        Fields::parse(kind, text).map(Some).map_err(usage)
    }
}

/// Whether a form writes times as it is told.
fn takes_times(format: &Format) -> bool {
    !format.is_exact && !format.needs_range
}

fn no_times(format: &Format) -> CliError {
    CliError::Usage(match format.needs_range {
        true => format!(
            "--time-format goes with what lists times; a {} labels its own axis: add -o lines, csv or table",
            format.name
        ),
        false => format!(
            "--time-format goes with forms for people, lines and csv; {} has times as the server does (RFC 3339, UTC)",
            format.name
        ),
    })
}

fn usage(error: impl ToString) -> CliError {
    CliError::Usage(error.to_string())
}
