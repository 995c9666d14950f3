//! Answers that come line by line for as long as the server has something to
//! say. Only the head of such an answer has a limit of time; how long a line
//! may be waited for is the reader's affair.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Response, StatusCode};
use serde::de::IgnoredAny;

use super::{Answer, Client, failure, is_for_later, retry_after};
use crate::api::HEARTBEAT_HEADER;
use crate::cli::CliError;

/// The form that is asked for.
const NDJSON: &str = "application/x-ndjson";
/// The longest line that is read. A message of 8 KiB with its hashtags, every
/// character escaped, stays below.
const MAX_LINE: usize = 1 << 20;

/// An answer whose lines are read as they come.
pub(crate) struct Lines {
    response: Response,
    buffer: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// Up to where there is no line end.
    searched: usize,
}

/// Why there is no answer to read.
#[derive(Debug)]
pub(crate) struct NotOpened {
    /// In a sentence.
    pub error: CliError,
    /// Whether the same may be asked again later.
    pub is_for_later: bool,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why no further line comes.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The answer ended, in the middle of a line or not.
    Ended,
    /// The connection was lost.
    Lost,
    /// This is no line of dunder's.
    TooLong,
}

impl Client {
    /// Asks for lines.
    ///
    /// # Errors
    /// There is no answer, or one that has no lines.
    pub async fn lines(&self, path: &str, query: &str) -> Result<Lines, NotOpened> {
        let request = self.http.get(self.access.server.at(path, query));
        let request = request.header(ACCEPT, NDJSON);
        let later = |error| NotOpened {
            error,
            is_for_later: true,
            retry_after: None,
        };
        let never = |error| NotOpened {
            error,
            is_for_later: false,
            retry_after: None,
        };
        let deadline = self.deadline();
        let response = self.send(request, deadline).await.map_err(later)?;
        let response =
            response.map_err(|error| later(failure::unreachable(&self.access.server, &error)))?;
        let status = response.status();
        if status == StatusCode::OK && is_ndjson(&response) {
            return Ok(Lines::of(response));
        }
        let wait = retry_after(&response);
        let answer: Result<Answer<IgnoredAny>, CliError> = self.read(response, deadline).await;
        let error = match answer {
            Ok(_) => CliError::Failed(self.not_dunder("(it sent no stream)")),
            Err(error) => error,
        };
        if is_for_later(status) || status == StatusCode::INTERNAL_SERVER_ERROR {
            return Err(NotOpened {
                retry_after: wait,
                ..later(error)
            });
        }
        Err(match error {
            CliError::Refused { sentence, .. } if has_no_streams(status, &sentence) => {
                never(CliError::Failed(format!(
                    "{} cannot be followed: it is an older dunder without streams; update it, or ask again and again: dunder feed",
                    self.access.server
                )))
            }
            // The connection was lost while the answer was read.
            CliError::Unreachable(_) => later(error),
            CliError::Refused { .. }
            | CliError::Failed(_)
            | CliError::Usage(_)
            | CliError::ClosedPipe => never(error),
        })
    }
}

/// Servers from before streams take the path for a message's, or know none.
fn has_no_streams(status: StatusCode, sentence: &str) -> bool {
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => true,
        StatusCode::BAD_REQUEST => sentence.contains("\"stream\" is not a ULID"),
        _ => false,
    }
}

fn is_ndjson(response: &Response) -> bool {
    let header = response.headers().get(CONTENT_TYPE);
    let value = header.and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with(NDJSON))
}

impl Lines {
    fn of(response: Response) -> Lines {
        Lines {
            response,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
        }
    }

    /// After how long without anything to say the server sends a heartbeat, if it
    /// says so.
    pub fn heartbeat(&self) -> Option<Duration> {
        let value = self.response.headers().get(HEARTBEAT_HEADER)?;
        let seconds = value.to_str().ok()?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Whether the next line is here already.
    pub fn has_line(&mut self) -> bool {
        self.line_end().is_some()
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// There is none any more. What came of a last line without an end is
    /// dropped: it may be half of one.
    pub async fn next(&mut self) -> Result<&[u8], Broken> {
        loop {
            if let Some(end) = self.line_end() {
                let start = std::mem::replace(&mut self.start, end + 1);
                self.searched = self.start;
                return Ok(&self.buffer[start..end]);
            }
            if self.buffer.len() - self.start > MAX_LINE {
                return Err(Broken::TooLong);
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => {
                    self.buffer.drain(..self.start);
                    self.searched -= self.start;
                    self.start = 0;
                    self.buffer.extend_from_slice(&chunk);
                }
                Ok(None) => return Err(Broken::Ended),
                Err(_) => return Err(Broken::Lost),
            }
        }
    }

    fn line_end(&mut self) -> Option<usize> {
        let rest = &self.buffer[self.searched..];
        let found = rest.iter().position(|&byte| byte == b'\n');
        match found {
            Some(at) => Some(self.searched + at),
            None => {
                self.searched = self.buffer.len();
                None
            }
        }
    }
}
