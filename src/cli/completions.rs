//! `dunder completions`: generated from the command line's own definition.

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::{CliError, terminal};

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
pub fn generate(shell: CompletionShell, mut command: clap::Command) -> String {
    let shell = match shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "dunder", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// What someone with this shell (a path or a name) does to have completions
/// and bare hashtags.
pub(super) fn how_to_install(shell: &str) -> &'static str {
    match shell.rsplit('/').next() {
        Some("zsh") => "put 'eval \"$(dunder completions zsh)\"' into ~/.zshrc",
        Some("fish") => "put 'dunder completions fish | source' into ~/.config/fish/config.fish",
        Some("bash") => "put 'eval \"$(dunder completions bash)\"' into ~/.bashrc",
        _ => "see 'dunder completions --help'",
    }
}
