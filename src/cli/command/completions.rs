//! `dunder completions`: generated from the command line's own definition,
//! followed by the shell integration.

use clap::{Args, ValueHint};
use clap_complete::Shell;
use serde_json::json;

use crate::cli::command::help::TOPICS;
use crate::cli::complete::shell::{Dialect, integration};
use crate::cli::ui::Ui;
use crate::cli::{CliError, complete};

/// What `dunder completions` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The script holds completions (TAB asks the server for hashtags and users), and
the integration that lets hashtags be typed bare: on Enter the line

  dunder post \"deploy done\" #prod

becomes dunder post \"deploy done\" '#prod', in the history too. On such lines a
bare # is a hashtag when a letter, a digit or _ follows, and starts a comment
as ever when a blank does. Other commands and quoted words are left as they
are. bash does this on the first line of a command only: inside a loop typed
over several lines, quote. DUNDER_SHELL_INTEGRATION=off, set before, leaves the
integration out.

At the end of ~/.bashrc or ~/.zshrc, with the shell's name:
  command -v dunder >/dev/null && eval \"$(dunder completions bash)\"
In ~/.config/fish/config.fish:
  command -q dunder && dunder completions fish | source

Where dunder is not on the path these lines do nothing.")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Dialect,

    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    json: bool,
}

/// Prints the completions.
///
/// # Errors
/// The output is closed.
pub(crate) fn run(
    args: &CompletionsArgs,
    command: clap::Command,
    ui: &mut Ui,
) -> Result<(), CliError> {
    let script = generate(args.shell, command);
    if args.json {
        let document = json!({ "data": { "script": script } });
        return ui.print_json(&document.to_string());
    }
    ui.print(&script)
}

/// What a shell sources to know a command line.
pub fn generate(dialect: Dialect, command: clap::Command) -> String {
    let mut command = hinted(visible(&command));
    let shell = match dialect {
        Dialect::Bash => Shell::Bash,
        Dialect::Zsh => Shell::Zsh,
        Dialect::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "dunder", &mut script);
    let script = complete::added_to(dialect, &String::from_utf8_lossy(&script));
    let script = match dialect {
        Dialect::Bash | Dialect::Fish => script,
        // A new ~/.zshrc does not start the completion system; without it
        // the line would fail.
        Dialect::Zsh => script.replace(
            "else\n    compdef ",
            "else\n    \
             if [[ -o interactive ]] && (( ! $+functions[compdef] )); then\n        \
             autoload -Uz compinit && compinit -i\n    fi\n    \
             (( ! $+functions[compdef] )) || compdef ",
        ),
    };
    script + integration(dialect)
}

/// The command line with every value told apart from a file: a shell offers
/// files where it knows nothing, and some insert one.
fn hinted(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned())
        .collect();
    let command = command.mut_args(|argument| {
        let is_path = argument.get_value_names().is_some_and(|names| {
            let mut names = names.iter();
            names.any(|name| matches!(name.as_str(), "FILE" | "PATH" | "DIR"))
        });
        match argument.get_value_hint() {
            _ if !argument.get_action().takes_values() => argument,
            ValueHint::Unknown if is_path => argument.value_hint(ValueHint::AnyPath),
            ValueHint::Unknown => argument.value_hint(ValueHint::Other),
            _ => argument,
        }
    });
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, hinted)
    })
}

/// The command line without what is hidden, which bash would offer; `help`
/// knows what it can explain.
pub(crate) fn visible(command: &clap::Command) -> clap::Command {
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

/// What someone with this shell (a path or a name) does to have completions
/// and bare hashtags.
pub(crate) fn how_to_install(shell: &str) -> &'static str {
    match shell.rsplit('/').next() {
        Some("zsh") => {
            "put 'command -v dunder >/dev/null && eval \"$(dunder completions zsh)\"' at the end of ~/.zshrc"
        }
        Some("fish") => {
            "put 'command -q dunder && dunder completions fish | source' into ~/.config/fish/config.fish"
        }
        Some("bash") => {
            "put 'command -v dunder >/dev/null && eval \"$(dunder completions bash)\"' at the end of ~/.bashrc"
        }
        _ => "see 'dunder completions --help'",
    }
}
