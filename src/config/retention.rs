//! How long messages are kept.

use std::time::Duration;

use super::ConfigError;
use super::sources::Settings;
use crate::domain::{Hashtag, Rule, format_duration, parse_duration};

/// How long messages are kept; for ever, where no rule says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Each rule with its time, that of all messages first, then by hashtag.
    pub rules: Vec<(Rule, Duration)>,
}

/// Nothing is evicted before it is as old: what a retried post, an import or a
/// follower that was away needs is still there.
const SHORTEST: Duration = Duration::from_secs(60 * 60);
const LONGEST: Duration = Duration::from_secs(1_000 * 365 * 86_400);

impl RetentionConfig {
    pub(super) fn from_settings(settings: &Settings) -> Result<RetentionConfig, ConfigError> {
        let all = settings.written("retention.messages", time)?;
        let by_hashtag = settings.written_list("retention.hashtags", of_hashtag)?;
        let mut rules: Vec<(Rule, Duration)> = Vec::new();
        for (hashtag, time) in by_hashtag.unwrap_or_default() {
            let origin = settings.origin("retention.hashtags");
            let shorter = all.filter(|all| *all <= time);
            if let Some(all) = shorter {
                return Err(ConfigError::Combination(format!(
                    "retention.hashtags ({origin}) keeps #{hashtag} for {}, and retention.messages nothing for longer than {}; make the first shorter, or leave #{hashtag} out",
                    format_duration(time),
                    format_duration(all)
                )));
            }
            let rule = Rule::Hashtag(hashtag);
            if rules.iter().any(|(other, _)| *other == rule) {
                return Err(ConfigError::Combination(format!(
                    "retention.hashtags ({origin}) says twice how long {rule} is kept; keep one"
                )));
            }
            rules.push((rule, time));
        }
        rules.extend(all.map(|time| (Rule::All, time)));
        rules.sort();
        Ok(RetentionConfig { rules })
    }

    /// Whether anything is ever evicted.
    pub fn is_any(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// How long something is kept.
fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok()
        .filter(|time| (SHORTEST..=LONGEST).contains(time))
        .ok_or_else(|| "write a time of 1h or more, such as 90d or 1year".to_owned())
}

fn of_hashtag(text: &str) -> Result<(Hashtag, Duration), String> {
    let (hashtag, kept) = text
        .split_once('=')
        .ok_or_else(|| "write a hashtag and a time, ci=7d, or ci: 7d in the file".to_owned())?;
    let hashtag = hashtag.trim().parse::<Hashtag>();
    Ok((
        hashtag.map_err(|error| error.to_string())?,
        time(kept.trim())?,
    ))
}
