//! Where old messages are kept, and from when on.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::sources::Settings;
use super::value;
use super::{ConfigError, RetentionConfig};
use crate::domain::{Rule, parse_duration};

/// The archive that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveConfig {
    /// Where its files are.
    pub url: ArchiveUrl,
    /// How old messages are when they are moved there, by rule; a command moves
    /// them, where there is none.
    pub rules: Vec<(Rule, Duration)>,
    /// Whether answers have what is in it.
    pub is_read: bool,
}

/// What `archive.url` can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveUrl {
    /// `file:///var/lib/dunder/archive`
    Directory(PathBuf),
    /// `s3://bucket/prefix`
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// Before each name, without slashes around it; may be empty.
        prefix: String,
    },
}

impl fmt::Display for ArchiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveUrl::Directory(path) => write!(f, "file://{}", path.display()),
            ArchiveUrl::Bucket { bucket, prefix } if prefix.is_empty() => {
                write!(f, "s3://{bucket}")
            }
            ArchiveUrl::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// A day of the archive is moved whole.
const SHORTEST: Duration = Duration::from_secs(24 * 60 * 60);

fn url(text: &str) -> Result<ArchiveUrl, String> {
    let wrong = || "write file:///DIRECTORY or s3://BUCKET/PREFIX".to_owned();
    if let Some(path) = text.strip_prefix("file://") {
        return match path.len() > 1 && path.starts_with('/') {
            true => Ok(ArchiveUrl::Directory(PathBuf::from(path))),
            false => Err(wrong()),
        };
    }
    let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // What a query or a user would be is not part of a bucket's name.
    let is_name = |name: &str| !name.contains(['?', '#', '@', ' ', '\\']);
    let prefix = prefix.trim_matches('/');
    let is_path = prefix.split('/').all(|part| part != "." && part != "..");
    match !bucket.is_empty() && is_name(bucket) && is_name(prefix) && is_path {
        true => Ok(ArchiveUrl::Bucket {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        }),
        false => Err(wrong()),
    }
}

fn after(text: &str) -> Result<Option<Duration>, String> {
    if text == "never" {
        return Ok(None);
    }
    let time = parse_duration(text).ok().filter(|time| *time >= SHORTEST);
    let wrong = "write a time of at least a day, such as 30d, or never";
    time.map(Some).ok_or_else(|| wrong.to_owned())
}

impl ArchiveConfig {
    /// The archive, if one is named. What retention would drop goes there too.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_settings(settings: &Settings) -> Result<Option<ArchiveConfig>, ConfigError> {
        let Some(url) = settings.written("archive.url", url)? else {
            let section = |key: &super::Key| key.section() == Some("archive");
            return match settings.first_written(section) {
                Some((key, origin)) => Err(ConfigError::Combination(format!(
                    "{key} ({origin}) needs to know where the archive is; set archive.url too"
                ))),
                None => Ok(None),
            };
        };
        let after = settings.value("archive.after", after)?;
        let mut rules = RetentionConfig::from_settings(settings)?.rules;
        rules.extend(after.map(|after| (Rule::All, after)));
        Ok(Some(ArchiveConfig {
            url,
            rules,
            is_read: settings.value("archive.read", value::boolean)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_a_directory_or_a_bucket() {
        let directory = |path: &str| Ok(ArchiveUrl::Directory(PathBuf::from(path)));
        assert_eq!(url("file:///srv/old"), directory("/srv/old"));
        for (text, name, before) in [
            ("s3://bucket", "bucket", ""),
            ("s3://bucket/", "bucket", ""),
            ("s3://bucket/a/b/", "bucket", "a/b"),
        ] {
            let (bucket, prefix) = (name.to_owned(), before.to_owned());
            assert_eq!(
                url(text),
                Ok(ArchiveUrl::Bucket { bucket, prefix }),
                "{text}"
            );
        }
        for text in [
            "",
            "/srv/old",
            "file://",
            "file:///",
            "file://srv/old",
            "s3://",
            "s3:///a",
            "s3://user@bucket",
            "s3://bucket/../a",
            "s3://bucket?region=x",
            "gs://bucket",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn messages_are_archived_after_days_or_never() {
        assert_eq!(after("30d"), Ok(Some(30 * SHORTEST)));
        assert_eq!(after("never"), Ok(None));
        for text in ["", "0", "23h", "soon"] {
            assert!(after(text).is_err(), "{text}");
        }
    }
}
