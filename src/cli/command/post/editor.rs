//! A text written in the person's editor, as `git commit` does it: a file with
//! a few words of help below a line that cuts them off. Lines that start with
//! `#` are not comments here, they may be hashtags.
//!
//! The file lies in the state directory, not in a shared temporary one, and
//! goes only when the message has been posted or kept.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use chrono::Local;

use crate::cli::account::Access;
use crate::cli::ui::Terminal;
use crate::cli::{CliError, private, state};

/// Everything from this line on is left out.
const CUT: &str = "------------------------ >8 ------------------------";
/// What there may be when neither VISUAL nor EDITOR says.
const FALLBACKS: [&str; 3] = ["editor", "nano", "vi"];

/// The file of a text that is not posted yet.
pub(crate) struct Draft {
    path: PathBuf,
    hashtags: Vec<String>,
}

impl Draft {
    fn start(hashtags: &[String], access: &Access) -> Result<Draft, CliError> {
        let directory = state::directory("drafts")?;
        let name = format!(
            "{}-{}.txt",
            Local::now().format("%Y%m%d-%H%M%S"),
            std::process::id()
        );
        let draft = Draft {
            path: directory.join(name),
            hashtags: hashtags.to_vec(),
        };
        let written = private::write(&draft.path, template(hashtags, access).as_bytes());
        written.map_err(|error| draft.failed("write", &error.to_string()))?;
        Ok(draft)
    }

    fn text(&self, template: &str) -> Result<String, CliError> {
        let bytes = std::fs::read(&self.path);
        let bytes = bytes.map_err(|error| self.failed("read", &error.to_string()))?;
        let file = String::from_utf8(bytes)
            .map_err(|_| self.failed("read", "it is not UTF-8 text; it was left there"))?;
        Ok(written(&file, template))
    }

    fn failed(&self, what: &str, why: &str) -> CliError {
        CliError::Failed(format!(
            "cannot {what} the draft {}: {why}",
            self.path.display()
        ))
    }

    /// Where the text is, and how to post it after all.
    pub fn kept(&self) -> String {
        let path = self.path.to_string_lossy().replace('\'', r"'\''");
        let tags: String = self
            .hashtags
            .iter()
            .map(|tag| format!(" -t {tag}"))
            .collect();
        format!("your text is kept: dunder post{tags} - < '{path}'")
    }

    /// The text is safe elsewhere.
    pub fn remove(self) {
        // A file too many is no reason to call a post failed.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Lets the person write a text.
///
/// # Errors
/// No editor, one that failed, or nothing was written.
pub(crate) fn write(
    hashtags: &[String],
    access: &Access,
    terminal: Terminal,
) -> Result<(String, Draft), CliError> {
    let editor = editor()?;
    let template = template(hashtags, access);
    let draft = Draft::start(hashtags, access)?;
    let ended = run(&editor, &draft.path, terminal);
    let text = draft.text(&template)?;
    let fault = match ended {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("the editor '{editor}' ended with {status}")),
        Err(error) => Some(format!("cannot start the editor '{editor}': {error}")),
    };
    match (fault, text.is_empty()) {
        (None, false) => {
            // Should it not be posted, the file is ready to be piped in.
            let cut = private::write(&draft.path, (text.clone() + "\n").as_bytes());
            cut.map_err(|error| draft.failed("write", &error.to_string()))?;
            Ok((text, draft))
        }
        (None, true) => {
            draft.remove();
            Err(CliError::Failed(
                "nothing was posted: the text is empty".to_owned(),
            ))
        }
        (Some(fault), true) => {
            draft.remove();
            Err(CliError::Failed(format!(
                "{fault}; nothing was posted. VISUAL and EDITOR name another one"
            )))
        }
        (Some(fault), false) => {
            let cut = private::write(&draft.path, (text + "\n").as_bytes());
            cut.map_err(|error| draft.failed("write", &error.to_string()))?;
            Err(CliError::Failed(format!("{fault}; nothing was posted")).with(&draft.kept()))
        }
    }
}

/// Lets the person change a file of their own.
///
/// # Errors
/// No editor, or one that failed.
pub(crate) fn open(path: &Path, terminal: Terminal) -> Result<(), CliError> {
    let editor = editor()?;
    match run(&editor, path, terminal) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(CliError::Failed(format!(
            "the editor '{editor}' ended with {status}"
        ))),
        Err(error) => Err(CliError::Failed(format!(
            "cannot start the editor '{editor}': {error}"
        ))),
    }
}

fn template(hashtags: &[String], access: &Access) -> String {
    let tags: String = hashtags.iter().map(|tag| format!(" #{tag}")).collect();
    let tags = if tags.is_empty() {
        String::new()
    } else {
        format!("It gets the hashtags{tags}.\n")
    };
    let user = match &access.user {
        Some(user) => format!(" as {user}"),
        None => String::new(),
    };
    format!(
        "\n{CUT}\n\
         Write the message above this line; an empty one is not posted.\n\
         Words such as #this are hashtags.\n\
         {tags}It will be posted to {}{user}.\n",
        access.server
    )
}

/// What a person wrote into the template. The line that cuts may be gone, the
/// help below it is still not theirs.
fn written(file: &str, template: &str) -> String {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let help: Vec<&str> = template.lines().filter(|line| !line.is_empty()).collect();
    let mut lines: Vec<&str> = file.lines().take_while(|line| *line != CUT).collect();
    while lines
        .last()
        .is_some_and(|line| line.trim().is_empty() || help.contains(line))
    {
        lines.pop();
    }
    let start = lines.iter().position(|line| !line.trim().is_empty());
    let text = lines[start.unwrap_or(lines.len())..].join("\n");
    text.trim_end().to_owned()
}

fn editor() -> Result<String, CliError> {
    let said = ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|command| !command.trim().is_empty());
    if let Some(command) = said {
        return Ok(command);
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    FALLBACKS
        .into_iter()
        .find(|name| std::env::split_paths(&paths).any(|path| path.join(name).is_file()))
        .map(str::to_owned)
        .ok_or_else(|| {
            CliError::Usage(format!(
                "there is no editor: VISUAL and EDITOR are not set, and none of {} is installed; a text can stand after 'dunder post', or be piped in",
                FALLBACKS.join(", ")
            ))
        })
}

/// Runs the editor on the file, on the terminal even when the output of this
/// command goes elsewhere.
fn run(editor: &str, file: &Path, terminal: Terminal) -> std::io::Result<ExitStatus> {
    let mut command = if cfg!(unix) {
        // As git does: the value may hold arguments, quotes and variables.
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{editor} \"$@\"")).arg(editor);
        shell
    } else {
        let mut words = editor.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    };
    if !terminal.output
        && let Ok(terminal) = std::fs::File::options().write(true).open("/dev/tty")
    {
        command.stdout(Stdio::from(terminal));
    }
    // Ctrl-C is for the editor; it must not take this process away from under
    // the text.
    #[cfg(unix)]
    let _received = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    command.arg(file).status()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::account::TokenSource;

    fn access() -> Access {
        Access {
            server: "http://127.0.0.1:9000".parse().unwrap(),
            token: None,
            cacert: None,
            source: TokenSource::LocalUser,
            user: Some("ann".to_owned()),
        }
    }

    #[test]
    fn what_stands_above_the_line_is_the_text() {
        let template = template(&["ops".to_owned()], &access());
        assert!(
            template.contains("#ops.") && template.contains("as ann"),
            "{template}"
        );
        for (before, text) in [
            ("", ""),
            ("\n \n", ""),
            ("one\n", "one"),
            (
                "\n\n#prod is back\n\n# not a comment\n#eu\n\n",
                "#prod is back\n\n# not a comment\n#eu",
            ),
            ("  indented\n\n", "  indented"),
        ] {
            assert_eq!(written(&format!("{before}{template}"), &template), text);
            // The line gone, the help left.
            let without = format!("{before}{}", template.replace(&format!("{CUT}\n"), ""));
            assert_eq!(written(&without, &template), text);
            // Nothing but the text left.
            assert_eq!(written(before, &template), text);
        }
        let below = format!("one\n{template}two\n");
        assert_eq!(written(&below, &template), "one");
        assert_eq!(written("one\r\ntwo\r\n", &template), "one\ntwo");
    }
}
