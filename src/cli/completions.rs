//! `dunder completions`: generated from the command line's own definition,
//! followed by the shell integration.

use clap::Args;
use clap_complete::Shell;

use super::shell::{Dialect, integration};
use super::{CliError, terminal};

/// What `dunder completions` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The script holds completions, and the integration that lets hashtags be typed
bare: on Enter the line

  dunder post \"deploy done\" #prod

becomes dunder post \"deploy done\" '#prod', in the history too. On such lines a
bare # is a hashtag when a letter, a digit or _ follows, and starts a comment
as ever when a blank does. Other commands and quoted words are left as they
are. bash does this on the first line of a command only: inside a loop typed
over several lines, quote. DUNDER_SHELL_INTEGRATION=off, set before, leaves the
integration out.

At the end of ~/.bashrc:          eval \"$(dunder completions bash)\"
At the end of ~/.zshrc:           eval \"$(dunder completions zsh)\"
In ~/.config/fish/config.fish:    dunder completions fish | source")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Dialect,
}

/// Prints the completions.
///
/// # Errors
/// The output is closed.
pub(super) fn run(args: &CompletionsArgs, command: clap::Command) -> Result<(), CliError> {
    terminal::print(&generate(args.shell, command))
}

/// What a shell sources to know a command line.
pub fn generate(dialect: Dialect, command: clap::Command) -> String {
    let mut command = visible(&command);
    let shell = match dialect {
        Dialect::Bash => Shell::Bash,
        Dialect::Zsh => Shell::Zsh,
        Dialect::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "dunder", &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = match dialect {
        Dialect::Bash | Dialect::Fish => script.into_owned(),
        // Sourced where the completion system was not started, it would fail.
        Dialect::Zsh => script.replace(
            "else\n    compdef ",
            "elif (( $+functions[compdef] )); then\n    compdef ",
        ),
    };
    script + integration(dialect)
}

/// The command line without what is not for people; the generators would
/// offer that too.
fn visible(command: &clap::Command) -> clap::Command {
    let visible = command.get_subcommands().filter(|one| !one.is_hide_set());
    clap::Command::new("dunder")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .subcommand_required(true)
        .args(command.get_arguments().cloned())
        .subcommands(visible.cloned())
}

/// What someone with this shell (a path or a name) does to have completions
/// and bare hashtags.
pub(super) fn how_to_install(shell: &str) -> &'static str {
    match shell.rsplit('/').next() {
        Some("zsh") => "put 'eval \"$(dunder completions zsh)\"' at the end of ~/.zshrc",
        Some("fish") => "put 'dunder completions fish | source' into ~/.config/fish/config.fish",
        Some("bash") => "put 'eval \"$(dunder completions bash)\"' at the end of ~/.bashrc",
        _ => "see 'dunder completions --help'",
    }
}
