//! `dunder completions`: generated from the command line's own definition.

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::{CliError, terminal, words};

/// What `dunder completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: CompletionShell,
}

/// The shells whose completions are kept and tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompletionShell {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

/// Prints the completions.
///
/// # Errors
/// The output is closed.
pub(super) fn run(args: &CompletionsArgs, command: clap::Command) -> Result<(), CliError> {
    terminal::print(&generate(args.shell, command))
}

/// The completions of a shell for a command line.
pub fn generate(shell: CompletionShell, command: clap::Command) -> String {
    let mut command = visible(&command);
    let generator = match shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut command, "dunder", &mut script);
    words::added_to(shell, String::from_utf8_lossy(&script).into_owned())
}

/// The command line without what is hidden: bash would offer it.
fn visible(command: &clap::Command) -> clap::Command {
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    clap::Command::new("dunder")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .subcommands(shown.cloned())
}
