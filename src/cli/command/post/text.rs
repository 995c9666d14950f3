//! Where the text of a message comes from: the command line, standard input
//! or an editor; and the check that saves a call to the server. A fault of
//! what stands on the command line is wrong usage, a fault of a text that
//! came another way is a failure.

use crate::api::PostBody;
use crate::cli::CliError;
use crate::cli::client::Client;
use crate::cli::command::post::editor;
use crate::cli::command::post::editor::Draft;
use crate::cli::command::post::words::{Text, without_mark};
use crate::cli::ui::Ui;
use crate::domain::{self, DraftError, Hashtag, MAX_HASHTAGS, MAX_TEXT_BYTES, UserName};

/// How a text came.
pub(crate) enum Origin {
    /// With the command.
    CommandLine,
    /// Through standard input.
    Input,
    /// From an editor; the file keeps it until it is posted.
    Editor(Draft),
}

impl Origin {
    /// Adds to an error where the text is, when it would be lost otherwise.
    pub fn keep(&self, error: CliError) -> CliError {
        match self {
            Origin::CommandLine | Origin::Input => error,
            Origin::Editor(draft) => error.with(&draft.kept()),
        }
    }

    /// The text is safe elsewhere.
    pub fn done(self) {
        match self {
            Origin::CommandLine | Origin::Input => {}
            Origin::Editor(draft) => draft.remove(),
        }
    }
}

/// Reads or asks for the text.
///
/// # Errors
/// It cannot be read, or nothing was written.
pub(crate) fn read(
    text: Text,
    hashtags: &[String],
    client: &Client,
    ui: &mut Ui,
) -> Result<(String, Origin), CliError> {
    match text {
        Text::Given(text) => Ok((text, Origin::CommandLine)),
        Text::Missing | Text::OnlyHashtags if ui.terminal().input => {
            let (text, draft) = editor::write(hashtags, client.access(), ui.terminal())?;
            Ok((text, Origin::Editor(draft)))
        }
        // Standard input may be somebody else's, such as a loop's.
        Text::OnlyHashtags => Err(CliError::Usage(
            "there is no text beside the hashtags; write one, or - to read it from standard input"
                .to_owned(),
        )),
        Text::Dash | Text::Missing => Ok((standard_input(ui)?, Origin::Input)),
    }
}

fn standard_input(ui: &mut Ui) -> Result<String, CliError> {
    if ui.terminal().input {
        ui.remark("(write the text, end it with Ctrl-D on a line of its own)");
    }
    // One byte more than a text may have, its last newline, and a mark.
    let bytes = ui
        .read_input(MAX_TEXT_BYTES as u64 + 6)
        .map_err(|error| CliError::Failed(format!("cannot read standard input: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::Failed("standard input is not UTF-8 text".to_owned()))?;
    let text = without_mark(&text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(CliError::Failed(
            "standard input holds no text; nothing was posted".to_owned(),
        ));
    }
    Ok(text.to_owned())
}

/// What the server would refuse is refused here, where it costs nothing.
///
/// # Errors
/// The first fault of the message.
pub(crate) fn check(body: &PostBody, origin: &Origin) -> Result<(), CliError> {
    let anyone = UserName::from_stored("anyone");
    let Err(error) = domain::Draft::new(anyone, body.text.clone(), &body.hashtags) else {
        return Ok(());
    };
    let from_command_line = match (&error, origin) {
        (_, Origin::CommandLine) => true,
        (DraftError::TooManyHashtags(_), _) => distinct(&body.hashtags) > MAX_HASHTAGS,
        (DraftError::Text(_) | DraftError::Hashtag(_), _) => false,
    };
    // A text longer than allowed was not read to its end.
    let sentence = match (&error, origin) {
        (DraftError::Text(domain::TextError::TooLong(_)), Origin::Input) => {
            format!(
                "the text on standard input is too long; at most {MAX_TEXT_BYTES} bytes are allowed"
            )
        }
        _ => error.to_string(),
    };
    Err(if from_command_line {
        CliError::Usage(sentence)
    } else {
        CliError::Failed(sentence)
    })
}

fn distinct(hashtags: &[String]) -> usize {
    let mut tags: Vec<Hashtag> = hashtags.iter().filter_map(|tag| tag.parse().ok()).collect();
    tags.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    tags.dedup();
    tags.len()
}
