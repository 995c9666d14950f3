//! `dunder man`: manual pages, made from the command line's own definition
//! and from the help topics.

mod sections;

use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::json;

use crate::cli::CliError;
use crate::cli::command::completions::visible;
use crate::cli::command::help::{TOPICS, Topic};
use crate::cli::ui::Ui;

/// What `dunder man` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The pages go into man1 (a page a command) and man7 (a page a topic of
'dunder help') below DIR, which is created where needed.

  dunder man ~/.local/share/man && man dunder-feed
  dunder man | man -l -")]
pub struct ManArgs {
    /// Write all pages below this directory; without it the first page is
    /// printed
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    json: bool,
}

/// A page: its place below the directory, and its source.
struct Page {
    path: PathBuf,
    roff: String,
}

/// Writes the pages.
///
/// # Errors
/// A directory or file cannot be written, or the output is closed.
pub(crate) fn run(args: &ManArgs, whole: &clap::Command, ui: &mut Ui) -> Result<(), CliError> {
    let pages = pages(whole).map_err(|error| failed(Path::new("the pages"), &error))?;
    let Some(directory) = &args.directory else {
        let first = pages.last().map(|page| page.roff.as_str());
        let first = first.unwrap_or_default();
        if args.json {
            return ui.print_json(&json!({ "data": { "page": first } }).to_string());
        }
        return ui.print(first);
    };
    if is_name(directory, whole) {
        let name = directory.display();
        return Err(CliError::Usage(format!(
            "dunder man takes a directory; for help on {name} run 'dunder help {name}' (for a directory of this name write ./{name})"
        )));
    }
    for page in &pages {
        let path = directory.join(&page.path);
        let written = std::fs::create_dir_all(path.parent().unwrap_or(directory))
            .and_then(|()| std::fs::write(&path, &page.roff));
        written.map_err(|error| failed(&path, &error))?;
    }
    if args.json {
        let paths: Vec<String> = pages
            .iter()
            .map(|page| directory.join(&page.path).display().to_string())
            .collect();
        ui.print_json_done(&json!({ "data": { "pages": paths } }).to_string());
        return Ok(());
    }
    ui.say(&format!(
        "wrote {} pages below {}; read them with 'man -M {1} dunder', and search them with 'man -k' after 'mandb {1}'",
        pages.len(),
        directory.display()
    ));
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::Failed(format!("cannot write {}: {error}", path.display()))
}

/// Whether it is more likely a command or a topic than a directory.
fn is_name(directory: &Path, whole: &clap::Command) -> bool {
    let Some(name) = directory.to_str() else {
        return false;
    };
    let known = whole.find_subcommand(name).is_some();
    known || TOPICS.iter().any(|topic| topic.name == name)
}

/// Every page; that of the program itself is the last.
fn pages(whole: &clap::Command) -> std::io::Result<Vec<Page>> {
    let mut whole = visible(whole);
    whole.build();
    let mut pages = Vec::new();
    for topic in &TOPICS {
        pages.push(Page {
            path: Path::new("man7").join(format!("dunder-{}.7", topic.name)),
            roff: of_topic(topic),
        });
    }
    of_commands(&whole, &mut pages)?;
    Ok(pages)
}

fn of_commands(command: &clap::Command, pages: &mut Vec<Page>) -> std::io::Result<()> {
    for one in command.get_subcommands() {
        of_commands(one, pages)?;
    }
    let man = Man::new(command.clone()).source(source());
    let mut roff = Vec::new();
    man.render_title(&mut roff)?;
    man.render_name_section(&mut roff)?;
    man.render_synopsis_section(&mut roff)?;
    man.render_description_section(&mut roff)?;
    man.render_options_section(&mut roff)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut roff)?;
    }
    let roff = String::from_utf8_lossy(&roff).into_owned() + &sections::of(command);
    pages.push(Page {
        path: Path::new("man1").join(man.get_filename()),
        roff,
    });
    Ok(())
}

fn source() -> String {
    format!("dunder {}", env!("CARGO_PKG_VERSION"))
}

/// A topic as a page; its text stands as it is.
fn of_topic(topic: &Topic) -> String {
    let name = format!("dunder-{}", topic.name);
    let source = source();
    let mut page = Roff::new();
    page.control("TH", [name.as_str(), "7", "", source.as_str(), ""]);
    page.control("SH", ["NAME"]);
    page.text([bold(name.as_str()), roman(" - "), roman(topic.title())]);
    page.control("SH", ["DESCRIPTION"]);
    page.control("nf", []);
    for line in topic.body().lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("dunder"), roman("(1)")]);
    page.render()
}
