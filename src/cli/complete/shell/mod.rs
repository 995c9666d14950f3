//! The shell integration: what makes `dunder post "text" #tag` work as typed.
//!
//! A shell drops everything behind a bare `#` before any program runs, so the
//! line has to be changed between the Enter key and the shell's parser. The
//! scripts here hook into that moment of bash, zsh and fish and ask the hidden
//! command of this module, `dunder shell-line`, for the line with its hashtags
//! quoted; lines without `#` and `dunder` are not asked about.

mod line;

use clap::{Args, ValueEnum};

use crate::cli::CliError;
use crate::cli::complete::shell::line::{Alias, check};
use crate::cli::ui::Ui;

/// Whose syntax a line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

/// What `dunder shell-line` takes; only the integration calls it.
#[derive(Debug, Args)]
pub struct ShellLineArgs {
    #[arg(value_enum)]
    dialect: Dialect,

    /// The line that is about to be run
    #[arg(value_name = "LINE", allow_hyphen_values = true)]
    line: String,

    /// Lines above it that belong to the same command
    #[arg(
        long,
        value_name = "LINES",
        allow_hyphen_values = true,
        default_value = ""
    )]
    before: String,

    /// Print a post that ends inside quotes with a newline, to go on with
    #[arg(long)]
    open: bool,

    /// Leave comments behind a post out: this shell would post them
    #[arg(long)]
    cut_comments: bool,

    /// An alias of the shell
    #[arg(long = "alias", value_name = "NAME=VALUE")]
    aliases: Vec<String>,
}

/// Prints the line as it is to be run, and nothing when it is right as it is.
///
/// # Errors
/// The output is closed.
pub(crate) fn run(args: &ShellLineArgs, ui: &mut Ui) -> Result<(), CliError> {
    let aliases: Vec<Alias<'_>> = args
        .aliases
        .iter()
        .filter_map(|a| a.split_once('='))
        .collect();
    let checked = check(
        args.dialect,
        &args.before,
        &args.line,
        &aliases,
        args.cut_comments,
    );
    if args.open && checked.is_open {
        let line = checked.quoted.as_deref().unwrap_or(&args.line);
        return ui.print(&format!("{line}\n"));
    }
    match checked.quoted {
        Some(line) => ui.print(line.trim_end_matches('\n')),
        None => Ok(()),
    }
}

/// The script that a shell sources.
pub(crate) fn integration(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Bash => include_str!("integration.bash"),
        Dialect::Zsh => include_str!("integration.zsh"),
        Dialect::Fish => include_str!("integration.fish"),
    }
}
