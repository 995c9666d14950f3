//! Which message a person means: by its whole id, by a start of it that no
//! other has, or by `-1`, the one they posted last.

use std::str::FromStr;

use crate::api::{FeedPage, FeedQuery, Message, ShownMessage, Whoami};
use crate::cli::CliError;
use crate::cli::client::{Answer, Client};
use crate::domain::{FeedLimit, MessageId, shown};
use crate::output::counted;

/// Characters of an id.
const LENGTH: usize = 26;
/// So many are named when a start is that of several.
const CANDIDATES: usize = 4;
/// The letters of an id, by their value.
const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A message as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// By its id.
    Id(String),
    /// By the start of its id.
    Start(String),
    /// By how many of the person's own were posted from it on: 1 is the last.
    Own(u16),
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Reference, String> {
        let refused = || {
            format!(
                "{} is not the id of a message, the start of one, or -1 for the one you posted last",
                shown(text)
            )
        };
        if let Some(back) = text.strip_prefix('-') {
            let back = back.parse().ok();
            let back = back.filter(|back| (1..=FeedLimit::MAX).contains(back));
            return back.map(Reference::Own).ok_or_else(refused);
        }
        if let Ok(id) = text.parse::<MessageId>() {
            return Ok(Reference::Id(id.to_string()));
        }
        let start = text.to_ascii_uppercase();
        let is_start = (1..LENGTH).contains(&start.len())
            && start.chars().all(|c| ALPHABET.contains(c))
            && start.starts_with(|c| matches!(c, '0'..='7'));
        if is_start {
            Ok(Reference::Start(start))
        } else {
            Err(refused())
        }
    }
}

impl Reference {
    /// The id that is meant.
    ///
    /// # Errors
    /// No message or several are meant, or the server does not answer.
    pub async fn id(&self, client: &Client) -> Result<String, CliError> {
        match self {
            Reference::Id(id) => Ok(id.clone()),
            Reference::Start(start) => only(start, client).await,
            Reference::Own(back) => own(*back, client).await,
        }
    }

    /// The message as the server shows it.
    ///
    /// # Errors
    /// As [`Reference::id`].
    pub async fn find(&self, client: &Client) -> Result<Answer<ShownMessage>, CliError> {
        let id = self.id(client).await?;
        client.get(&format!("/message/{id}"), "").await
    }
}

/// The only id that starts so. Ids are in the order of time, so those with one
/// start stand side by side.
async fn only(start: &str, client: &Client) -> Result<String, CliError> {
    // A page is older than its cursor, and the last id may be a message's.
    let last = format!("{start:Z<LENGTH$}").parse::<MessageId>().ok();
    let query = FeedQuery {
        cursor: last.map(|last| last.successor().to_string()),
        limit: Some(CANDIDATES.to_string()),
        ..FeedQuery::default()
    };
    let found = messages(client, &query).await?;
    let found: Vec<String> = found
        .into_iter()
        .map(|message| message.id)
        .filter(|id| id.starts_with(start))
        .collect();
    match found.as_slice() {
        [] => Err(CliError::Failed(format!(
            "there is no message whose id starts with {start}"
        ))),
        [id] => Ok(id.clone()),
        several => Err(CliError::Failed(format!(
            "{start} is the start of several ids ({}{}); write more of it",
            several.join(", "),
            if several.len() == CANDIDATES {
                ", ..."
            } else {
                ""
            }
        ))),
    }
}

/// The message that so many of the person's own were posted from on; of all
/// messages where the server does not know the person.
async fn own(back: u16, client: &Client) -> Result<String, CliError> {
    let user = match &client.access().user {
        Some(user) => Some(user.clone()),
        None if client.access().token.is_some() => {
            let answer: Answer<Whoami> = client.get("/whoami", "").await?;
            Some(answer.data.user.name.to_string())
        }
        None => None,
    };
    let query = FeedQuery {
        user_name: user.iter().cloned().collect(),
        limit: Some(back.to_string()),
        ..FeedQuery::default()
    };
    let found = messages(client, &query).await?;
    let who = user.unwrap_or_else(|| "anybody".to_owned());
    match found.get(usize::from(back) - 1) {
        Some(message) => Ok(message.id.clone()),
        None if found.is_empty() => Err(CliError::Failed(format!("there is no message by {who}"))),
        None => Err(CliError::Failed(format!(
            "there are only {} by {who}",
            counted(found.len() as u64, "message")
        ))),
    }
}

async fn messages(client: &Client, query: &FeedQuery) -> Result<Vec<Message>, CliError> {
    let answer: Answer<FeedPage> = client.get("/message", &query.to_query_string()).await?;
    Ok(answer.data.messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_starts_of_ids_and_steps_back_are_told_apart() {
        let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        let read = |text: &str| text.parse::<Reference>();
        assert_eq!(read(id), Ok(Reference::Id(id.to_owned())));
        assert_eq!(read("01arz3"), Ok(Reference::Start("01ARZ3".to_owned())));
        assert_eq!(read("-1"), Ok(Reference::Own(1)));
        assert_eq!(read("-12"), Ok(Reference::Own(12)));
        for wrong in [
            "",
            "-0",
            "-1001",
            "-x",
            "UUU",
            "8",
            "01ARZ3!",
            &format!("{id}0"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }
}
