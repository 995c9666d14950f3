//! `dunder completions`: generated from the command line's own definition.

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::topics::TOPICS;
use super::{CliError, terminal, words};

/// What `dunder completions` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Hashtags and users are asked of the server while you type.

  bash   dunder completions bash > ~/.local/share/bash-completion/completions/dunder
  zsh    dunder completions zsh > ~/.zfunc/_dunder, and in ~/.zshrc:
         fpath=(~/.zfunc $fpath); autoload -U compinit; compinit
  fish   dunder completions fish > ~/.config/fish/completions/dunder.fish")]
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

/// The command line without what is hidden, which bash would offer; `help`
/// knows what it can explain.
pub(super) fn visible(command: &clap::Command) -> clap::Command {
    let shown = || command.get_subcommands().filter(|one| !one.is_hide_set());
    let names = shown().map(|one| one.get_name().to_owned());
    let topics = TOPICS.iter().map(|topic| topic.name.to_owned());
    let explained: Vec<String> = names.chain(topics).collect();
    clap::Command::new("dunder")
        .about(command.get_about().cloned().unwrap_or_default())
        .after_help(command.get_after_help().cloned().unwrap_or_default())
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .disable_help_subcommand(true)
        .subcommands(shown().cloned())
        .mut_subcommand("help", |help| {
            help.mut_arg("words", |word| word.value_parser(explained))
        })
}
