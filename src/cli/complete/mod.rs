//! `dunder complete`, which the completion scripts call at every TAB:
//! hashtags and user names as the server knows them.
//!
//! It is silent, ends with 0 whatever happens, and takes [`PATIENCE`] at the
//! most, unless it is told otherwise. A server that is slower than that is asked again in the background,
//! so that the next TAB knows. Only real hashtags and user names are printed:
//! nothing that a terminal or a shell would obey.

mod cache;
mod fixed;
mod line;
pub(crate) mod shell;

pub(crate) use line::words;

use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::Utc;
use clap::Args;

use crate::api::{FeedPage, FeedQuery, Hashtags, HashtagsQuery, Users, UsersQuery};
use crate::cli::CliError;
use crate::cli::account::Access;
use crate::cli::args::{Common, timeout};
use crate::cli::client::{Answer, Client};
use crate::cli::command::help::TOPICS;
use crate::cli::complete::shell::Dialect;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::domain::{Hashtag, MessageId, UserName};
use crate::output::{counted, sanitize_line};
use cache::{Cache, Name};
use line::{Kind, Wanted};

/// How long a person at a prompt waits for the server; on a slow line they
/// may rather wait longer.
const PATIENCE: Duration = Duration::from_millis(60);
/// How long the background does.
const BACKGROUND: Duration = Duration::from_secs(5);
/// Names at a time.
const LIMIT: &str = "100";
/// From so many recent hashtags on, older ones are not asked for.
const ENOUGH: usize = 20;

/// What `dunder complete` takes.
#[derive(Debug, Args)]
pub struct CompleteArgs {
    /// The shell that asks
    #[arg(long, value_enum)]
    shell: Dialect,

    /// The command line up to the cursor
    #[arg(long, allow_hyphen_values = true)]
    line: String,

    /// How long to wait for the server
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    wait: Option<Duration>,

    /// Print nothing, ask the server and keep what it says
    #[arg(long)]
    refresh: bool,

    #[command(flatten)]
    common: Common,

    /// The server stands on the line
    #[arg(skip)]
    is_named: bool,
}

/// Prints the words that can stand at the end of the line, one a line, after
/// a TAB what to say about it.
///
/// # Errors
/// None: a shell that completes has no use for them.
pub(crate) async fn run(mut args: CompleteArgs, ui: &mut Ui) -> Result<(), CliError> {
    let words = line::words(&args.line);
    let Some(wanted) = line::wanted(&words) else {
        return Ok(());
    };
    if let Some(server) = line::value_of(&words, "--server") {
        args.common.server = Some(server.to_owned());
        args.is_named = true;
    }
    if let Some(cacert) = line::value_of(&words, "--cacert") {
        args.common.cacert = Some(cacert.into());
    }
    let shown = match fixed::candidates(wanted.kind) {
        Some(candidates) => candidates
            .into_iter()
            .filter(|name| name.name.starts_with(&wanted.prefix))
            .filter(|name| is_plain(&name.name, args.shell))
            .map(|name| candidate(&wanted.lead, &name, args.shell))
            .collect(),
        None => live(&args, &wanted).await,
    };
    // A shell that has stopped listening is no failure.
    let _ = ui.print(&shown);
    Ok(())
}

/// What the server says.
async fn live(args: &CompleteArgs, wanted: &Wanted) -> String {
    let Some(prefix) = folded(wanted) else {
        return String::new();
    };
    let names = names(args, wanted.kind, &prefix).await;
    names
        .iter()
        .filter(|name| is_whole(name, wanted.kind, args.shell))
        .map(|name| candidate(&wanted.lead, name, args.shell))
        .collect()
}

/// The prefix as the server keeps names; `None` when no name starts so.
fn folded(wanted: &Wanted) -> Option<String> {
    if wanted.prefix.is_empty() {
        return Some(String::new());
    }
    match wanted.kind {
        Kind::Hashtag => Some(wanted.prefix.parse::<Hashtag>().ok()?.to_string()),
        Kind::User => Some(wanted.prefix.parse::<UserName>().ok()?.to_string()),
        Kind::Message => Some(wanted.prefix.to_ascii_uppercase()),
        Kind::Date | Kind::Bucket | Kind::Wait | Kind::Server | Kind::Login | Kind::Setting => None,
    }
}

async fn names(args: &CompleteArgs, kind: Kind, prefix: &str) -> Vec<Name> {
    let Ok(settings) = Settings::load() else {
        return Vec::new();
    };
    let Ok(mut access) = Access::of(&args.common, &settings) else {
        return Vec::new();
    };
    if args.is_named {
        access = access.before_enter();
    }
    let mut cache = Cache::of(&access, kind);
    let now = Utc::now();
    let fresh = cache.as_ref().and_then(|cache| cache.fresh(prefix, now));
    if let Some(names) = fresh.filter(|_| !args.refresh) {
        return names;
    }
    let wait = args.wait.or(settings.completion_wait());
    let patience = if args.refresh {
        BACKGROUND
    } else {
        wait.unwrap_or(PATIENCE)
    };
    let asked = tokio::time::timeout(patience, ask(access, kind, prefix, patience)).await;
    if let Ok(Ok(names)) = asked {
        if let Some(cache) = &mut cache {
            cache.keep(prefix, &names, now);
        }
        return names;
    }
    let Some(cache) = cache.filter(|_| !args.refresh) else {
        return Vec::new();
    };
    let slow = asked.is_err() || matches!(asked, Ok(Err(CliError::Unreachable(_))));
    if slow && cache.take_turn() {
        ask_in_background(args);
    }
    cache.usable(prefix, now)
}

/// The names that start so: hashtags of the last days, then of all time
/// when there are few.
async fn ask(
    access: Access,
    kind: Kind,
    prefix: &str,
    patience: Duration,
) -> Result<Vec<Name>, CliError> {
    let client = Client::new(access, patience)?;
    if kind == Kind::Message {
        return last_messages(&client, prefix).await;
    }
    let prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
    if kind == Kind::User {
        let query = UsersQuery {
            prefix,
            limit: Some(LIMIT.to_owned()),
            ..UsersQuery::default()
        };
        let answer: Answer<Users> = client.get("/user", &query.to_query_string()).await?;
        let names = answer.data.users.into_iter().map(|user| Name {
            name: user.name.to_string(),
            about: None,
        });
        return Ok(names.collect());
    }
    let mut names: Vec<Name> = Vec::new();
    for from_date in ["30d", "1970-01-01"] {
        let query = HashtagsQuery {
            from_date: Some(from_date.to_owned()),
            prefix: prefix.clone(),
            limit: Some(LIMIT.to_owned()),
            ..HashtagsQuery::default()
        };
        let query = query.to_query_string();
        let answer: Answer<Hashtags> = client.get("/trend/hashtags", &query).await?;
        for tag in answer.data.hashtags {
            if !names.iter().any(|known| known.name == tag.hashtag) {
                names.push(Name {
                    name: tag.hashtag,
                    about: Some(counted(tag.count, "message")),
                });
            }
        }
        if names.len() >= ENOUGH {
            break;
        }
    }
    Ok(names)
}

/// The last messages, each with its author and the start of its text.
async fn last_messages(client: &Client, prefix: &str) -> Result<Vec<Name>, CliError> {
    const ABOUT: usize = 60;
    let query = FeedQuery {
        limit: Some(LIMIT.to_owned()),
        ..FeedQuery::default()
    };
    let answer: Answer<FeedPage> = client.get("/message", &query.to_query_string()).await?;
    let messages = answer.data.messages.into_iter();
    let messages = messages.filter(|message| message.id.starts_with(prefix));
    Ok(messages
        .map(|message| {
            let about = format!("{}: {}", message.user.name, message.text);
            let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
            Name {
                name: message.id,
                about: Some(about.chars().take(ABOUT).collect()),
            }
        })
        .collect())
}

/// Lets another process wait for the server.
fn ask_in_background(args: &CompleteArgs) {
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let shell = match args.shell {
        Dialect::Bash => "bash",
        Dialect::Zsh => "zsh",
        Dialect::Fish => "fish",
    };
    let mut command = Command::new(program);
    command
        .args(["complete", "--refresh", "--shell", shell, "--line"])
        .arg(&args.line)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Ctrl-C at the prompt is not for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let _ = command.spawn();
}

/// Whether it is a name, whatever the server says, and one that this shell
/// takes as one word as it stands.
fn is_whole(name: &Name, kind: Kind, shell: Dialect) -> bool {
    let text = name.name.as_str();
    let real = match kind {
        Kind::Hashtag => text
            .parse::<Hashtag>()
            .is_ok_and(|tag| tag.as_str() == text),
        Kind::User => text.parse::<UserName>().is_ok(),
        Kind::Message => text.parse::<MessageId>().is_ok(),
        Kind::Date | Kind::Bucket | Kind::Wait | Kind::Server | Kind::Login | Kind::Setting => true,
    };
    real && is_plain(text, shell) && sanitize_line(text) == text
}

/// Whether a shell takes it as one word: bash does not quote what it inserts.
fn is_plain(text: &str, shell: Dialect) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "@._-+=:,/%".contains(c);
    match shell {
        Dialect::Bash => text.chars().all(plain),
        Dialect::Zsh | Dialect::Fish => true,
    }
}

fn candidate(lead: &str, name: &Name, shell: Dialect) -> String {
    let Name { name, about } = name;
    match (shell, about) {
        (Dialect::Bash, _) | (_, None) => format!("{lead}{name}\n"),
        (Dialect::Zsh | Dialect::Fish, Some(about)) => {
            format!("{lead}{name}\t{}\n", sanitize_line(about))
        }
    }
}

/// A completion script with the part that asks the server.
pub(crate) fn added_to(shell: Dialect, script: &str) -> String {
    match shell {
        Dialect::Bash => format!("{script}\n{}", include_str!("live.bash")),
        Dialect::Fish => {
            // The generator leaves out what a word without an option can be.
            let topics = TOPICS.map(|topic| topic.name).join(" ");
            let live = include_str!("live.fish").replace("TOPICS", &topics);
            format!("{script}\n{live}")
        }
        // The script's own function is called by ours, which takes its name:
        // that is what zsh loads the file for.
        Dialect::Zsh => script
            .replacen("\n_dunder() {", "\n_dunder_fixed() {", 1)
            .replacen(
                "\nif [ \"$funcstack[1]\"",
                concat!("\n", include_str!("live.zsh"), "\nif [ \"$funcstack[1]\""),
                1,
            ),
    }
}
