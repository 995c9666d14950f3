//! Why a client command failed, as a sentence, and the exit code it means.

use crate::output::sanitize_line;

/// Every way in which a client command ends early.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The server said no. Its sentence is made harmless when shown.
    #[error("{}", sanitize_line(.sentence))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Whether it was dunder that answered, not something before it.
        by_dunder: bool,
        /// What the server answered, or what it means here.
        sentence: String,
    },
    /// It failed on this side, or the answer made no sense.
    #[error("{}", sanitize_line(.0))]
    Failed(String),
    /// The command cannot be meant as it was written.
    #[error("{}", sanitize_line(.0))]
    Usage(String),
    /// No answer came.
    #[error("{}", sanitize_line(.0))]
    Unreachable(String),
    /// Whoever read the output has gone: `| head`.
    #[error("the output was closed")]
    ClosedPipe,
}

impl CliError {
    /// The process's exit code: 0 done, 1 refused or failed, 2 wrong usage,
    /// 3 the server could not be reached.
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::ClosedPipe => 0,
            CliError::Refused { .. } | CliError::Failed(_) => 1,
            CliError::Usage(_) => 2,
            CliError::Unreachable(_) => 3,
        }
    }

    /// Whether the same call may succeed later, nothing being wrong with it:
    /// the server, or what it stands on, is away.
    pub(super) fn is_for_later(&self) -> bool {
        match self {
            CliError::Unreachable(_) => true,
            CliError::Refused { status, .. } => matches!(status, 502..=504),
            CliError::Failed(_) | CliError::Usage(_) | CliError::ClosedPipe => false,
        }
    }

    /// The same error, with more to be said about it.
    pub(super) fn with(self, more: &str) -> CliError {
        match self {
            CliError::Refused {
                status,
                by_dunder,
                sentence,
            } => CliError::Refused {
                status,
                by_dunder,
                sentence: format!("{sentence}; {more}"),
            },
            CliError::Failed(sentence) => CliError::Failed(format!("{sentence}; {more}")),
            CliError::Usage(sentence) => CliError::Usage(format!("{sentence}; {more}")),
            CliError::Unreachable(sentence) => CliError::Unreachable(format!("{sentence}; {more}")),
            CliError::ClosedPipe => CliError::ClosedPipe,
        }
    }
}

impl From<std::io::Error> for CliError {
    /// For writing output; reading names its file itself.
    fn from(error: std::io::Error) -> CliError {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => CliError::ClosedPipe,
            _ => CliError::Failed(format!("cannot write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_a_terminal_obeys_stands_in_an_error(sentence: String, sign in "[\u{1b}\u{9b}\u{202e}\u{200b}\n\r]") {
            let hostile = format!("{sentence}{sign}{sentence}");
            for error in [
                CliError::Refused { status: 400, by_dunder: true, sentence: hostile.clone() },
                CliError::Failed(hostile.clone()),
                CliError::Usage(hostile.clone()),
                CliError::Unreachable(hostile.clone()),
            ] {
                let shown = error.to_string();
                prop_assert!(!shown.contains(|c: char| c.is_control()), "{shown:?}");
                prop_assert!(!shown.contains(['\u{202e}', '\u{200b}']), "{shown:?}");
            }
        }
    }
}
