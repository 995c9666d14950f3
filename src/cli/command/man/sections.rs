//! The sections of a manual page below the options: what the help says after
//! them, and what every page has.

use clap::Command;
use clap_mangen::roff::{Roff, bold, roman};

/// A variable, and what it is for.
type Variable = (&'static str, &'static str);

/// Variables of commands that call a server.
const CLIENT: [Variable; 9] = [
    (
        "DUNDER_SERVER",
        "the server: its address, or the name of a login",
    ),
    ("DUNDER_TOKEN", "who is calling, in place of a login"),
    ("DUNDER_TIMEOUT", "how long to wait for the server"),
    ("DUNDER_CACERT", "a PEM file of authorities to trust too"),
    ("NO_COLOR", "no colours, whatever it is set to"),
    ("PAGER", "the pager, less if it is not set; cat for none"),
    ("TZ", "the zone that dates are read and shown in"),
    ("LC_ALL, LC_CTYPE, LANG", "whether the terminal shows UTF-8"),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME",
        "where the files below are",
    ),
];
/// Variables of `dunder post` besides.
const POST: [Variable; 2] = [
    (
        "DUNDER_QUEUE",
        "true keeps messages for a server that is away",
    ),
    (
        "VISUAL, EDITOR",
        "what a text is written in when there is none",
    ),
];
/// Variables of `dunder feed` besides.
const FEED: [Variable; 1] = [(
    "DUNDER_ID, DUNDER_USER, DUNDER_TEXT, DUNDER_HASHTAGS, DUNDER_CREATED_AT",
    "the message, for the command of --exec; dunder itself reads none of them",
)];
/// Files of the client.
const CLIENT_FILES: [Variable; 4] = [
    (
        "~/.config/dunder/client.yaml",
        "settings, see dunder-configuration(7)",
    ),
    (
        "~/.config/dunder/credentials.json",
        "the logins, readable by their owner alone",
    ),
    ("~/.local/state/dunder/", "messages that wait, drafts"),
    ("~/.cache/dunder/", "what TAB was told by servers"),
];
/// Files of the commands that open a store.
const STORE_FILES: [Variable; 1] = [(
    "~/.local/share/dunder/dunder.sqlite",
    "the embedded store, unless --sqlite.path names another",
)];

/// What a command works with.
#[derive(PartialEq, Eq)]
enum Side {
    /// A server, through HTTP.
    Client,
    /// A store, by itself.
    Store,
    /// Neither.
    None,
}

impl Side {
    fn of(command: &Command) -> Side {
        let takes = |name| {
            command
                .get_arguments()
                .any(|one| one.get_long() == Some(name))
        };
        if takes("server") && takes("timeout") {
            Side::Client
        } else if takes("sqlite.path") {
            Side::Store
        } else {
            Side::None
        }
    }
}

/// The sections, in the order in which manual pages have them.
pub(super) fn of(command: &Command) -> String {
    let mut page = Roff::new();
    let after = command.get_after_long_help().or(command.get_after_help());
    let (notes, examples) = parted(&after.map(ToString::to_string).unwrap_or_default());
    let side = Side::of(command);
    plain(&mut page, "NOTES", &notes);
    table(&mut page, "EXIT STATUS", &exits(&side));
    let mut variables = Vec::new();
    let mut files = Vec::new();
    match side {
        Side::Client => {
            variables.extend(CLIENT);
            files.extend(CLIENT_FILES);
            if command.get_name().ends_with("post") {
                variables.extend(POST);
            }
            if command.get_name().ends_with("feed") {
                variables.extend(FEED);
            }
        }
        Side::Store => {
            variables.push((
                "DUNDER_...",
                "every setting: DUNDER_COCKROACH_HOST for --cockroach.host",
            ));
            files.extend(STORE_FILES);
        }
        Side::None => {}
    }
    table(&mut page, "ENVIRONMENT", &variables);
    table(&mut page, "FILES", &files);
    plain(&mut page, "EXAMPLES", &examples);
    see_also(&mut page, command, &side);
    page.render()
}

fn exits(side: &Side) -> Vec<Variable> {
    let mut exits = vec![
        ("0", "done; also when the reader of the output left early"),
        ("1", "refused or failed"),
        ("2", "the command or a setting is wrong as it is written"),
    ];
    if *side == Side::Client {
        exits.push(("3", "the server could not be reached within --timeout"));
    }
    exits
}

/// The help after the options: what it says, and the lines to type, which are
/// indented.
fn parted(help: &str) -> (String, String) {
    let is_example = |line: &&str| line.starts_with("  ") && line.contains("dunder ");
    let example = |line: &str| format!("{}\n", line.trim_start());
    let examples = help.lines().filter(is_example).map(example).collect();
    let notes: Vec<&str> = help.lines().filter(|line| !is_example(line)).collect();
    (notes.join("\n").trim().to_owned(), examples)
}

/// A text as it stands.
fn plain(page: &mut Roff, title: &str, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    page.control("SH", [title]);
    page.control("nf", []);
    for line in text.lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

fn table(page: &mut Roff, title: &str, rows: &[Variable]) {
    if rows.is_empty() {
        return;
    }
    page.control("SH", [title]);
    for (name, about) in rows {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*about)]);
    }
}

fn see_also(page: &mut Roff, command: &Command, side: &Side) {
    let own = command.get_display_name().unwrap_or(command.get_name());
    let mut pages: Vec<String> = Vec::new();
    if own != "dunder" {
        pages.push("dunder(1)".to_owned());
    }
    let below = command.get_subcommands().map(Command::get_display_name);
    pages.extend(below.flatten().map(|name| format!("{name}(1)")));
    let topics: &[&str] = match side {
        Side::Client => &[
            "hashtags",
            "dates",
            "output",
            "following",
            "configuration",
            "exit-codes",
        ],
        Side::Store => &["exit-codes"],
        Side::None => &["configuration", "exit-codes"],
    };
    pages.extend(topics.iter().map(|topic| format!("dunder-{topic}(7)")));
    page.control("SH", ["SEE ALSO"]);
    let last = pages.len() - 1;
    for (at, name) in pages.iter().enumerate() {
        let (name, section) = name.split_at(name.len() - 3);
        let comma = if at == last { "" } else { "," };
        page.text([bold(name), roman(format!("{section}{comma}"))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_an_example() {
        let help = "Dates: 3d.\n\n  dunder feed\n  git log | dunder post -\n\nMore:\n  indented";
        let (notes, examples) = parted(help);
        assert_eq!(notes, "Dates: 3d.\n\n\nMore:\n  indented");
        assert_eq!(examples, "dunder feed\ngit log | dunder post -\n");
    }
}
