//! A bucket of S3, or of what speaks like it. Who we are and where it is come
//! from the variables that all tools of S3 read (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`), or from the
//! machine's own role.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, RetryConfig};

use super::{FileError, Files, Listed, Spool};

/// Bytes sent at once of a long file; S3 takes no part below 5 MiB but the last.
const PIECE: u64 = 8 * 1024 * 1024;
/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Of a request and those that follow it when it failed.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
const RETRIES: usize = 3;

/// Files below a prefix of a bucket.
pub(crate) struct S3 {
    bucket: AmazonS3,
    prefix: String,
}

impl S3 {
    /// Reads the environment; asks nobody yet.
    ///
    /// # Errors
    /// What the environment says cannot be meant.
    pub(crate) fn open(bucket: &str, prefix: &str) -> Result<S3, String> {
        // reqwest takes the process's own; a second one is refused, which is
        // as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = std::env::var("AWS_ENDPOINT_URL");
        let is_plain = endpoint.is_ok_and(|endpoint| endpoint.starts_with("http://"));
        let options = ClientOptions::new()
            .with_timeout(TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_allow_http(is_plain);
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        let bucket = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_client_options(options)
            .with_retry(retry)
            .build();
        Ok(S3 {
            bucket: bucket.map_err(|error| error.to_string())?,
            prefix: prefix.to_owned(),
        })
    }

    fn path(&self, name: &str) -> Path {
        match self.prefix.is_empty() {
            true => Path::from(name),
            false => Path::from(format!("{}/{name}", self.prefix)),
        }
    }

    /// A long file in pieces: what was sent of one that broke off is given up.
    async fn put_pieces(&self, name: &str, file: Arc<File>, length: u64) -> Result<(), FileError> {
        let away = |error| FileError::away(name, error);
        let mut upload = self
            .bucket
            .put_multipart(&self.path(name))
            .await
            .map_err(away)?;
        let mut start = 0;
        let mut sent = Ok(());
        while start < length && sent.is_ok() {
            let end = length.min(start + PIECE);
            let piece = piece(name, Arc::clone(&file), start..end).await?;
            sent = upload.put_part(piece.into()).await;
            start = end;
        }
        let sent = match sent {
            Ok(()) => upload.complete().await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            // Whoever pays for parts that nobody asks for has a rule for them.
            let _ = upload.abort().await;
            return Err(away(error));
        }
        Ok(())
    }
}

fn length(name: &str, file: &File) -> Result<u64, FileError> {
    let metadata = file.metadata();
    Ok(metadata
        .map_err(|error| FileError::away(name, error))?
        .len())
}

/// A piece of a file on disk.
async fn piece(name: &str, file: Arc<File>, range: Range<u64>) -> Result<Bytes, FileError> {
    let read = move || {
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok::<_, io::Error>(Bytes::from(bytes))
    };
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(|error| FileError::away(name, error))?;
    read.map_err(|error| FileError::away(name, error))
}

fn failed(name: &str, error: object_store::Error) -> FileError {
    match error {
        object_store::Error::NotFound { .. } => FileError::Missing(name.to_owned()),
        error => FileError::away(name, error),
    }
}

#[async_trait]
impl Files for S3 {
    async fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes, FileError> {
        let read = self.bucket.get_range(&self.path(name), range.clone()).await;
        let bytes = read.map_err(|error| failed(name, error))?;
        match bytes.len() as u64 == range.end.saturating_sub(range.start) {
            true => Ok(bytes),
            false => Err(FileError::damaged(name, "it is shorter than it was")),
        }
    }

    fn spool(&self) -> io::Result<Spool> {
        let file = tempfile::tempfile()?;
        Ok(Spool { file, path: None })
    }

    async fn put(&self, name: &str, file: Spool) -> Result<(), FileError> {
        let opened = Arc::new(file.file);
        let length = length(name, &opened)?;
        if length > PIECE {
            return self.put_pieces(name, opened, length).await;
        }
        let whole = piece(name, opened, 0..length).await?;
        let put = self.bucket.put(&self.path(name), whole.into()).await;
        put.map(drop).map_err(|error| FileError::away(name, error))
    }

    async fn put_first(&self, name: &str, file: Spool) -> Result<(), FileError> {
        let away = |error| FileError::away(name, error);
        let opened = Arc::new(file.file);
        let length = length(name, &opened)?;
        let whole = piece(name, opened, 0..length).await?;
        let (path, first) = (self.path(name), PutMode::Create.into());
        match self
            .bucket
            .put_opts(&path, whole.clone().into(), first)
            .await
        {
            Ok(_) => Ok(()),
            // What speaks like S3 does not always know the condition.
            Err(object_store::Error::NotImplemented { .. }) => {
                let put = self.bucket.put(&path, whole.into()).await;
                put.map(drop).map_err(away)
            }
            Err(error) => Err(away(error)),
        }
    }

    async fn remove(&self, name: &str) -> Result<(), FileError> {
        match self.bucket.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(FileError::away(name, error)),
        }
    }

    async fn list(&self, folder: Option<&str>) -> Result<Vec<Listed>, FileError> {
        let folder = folder.unwrap_or_default();
        let prefix = self.path(folder);
        let mut listing = self.bucket.list(Some(&prefix));
        let mut found = Vec::new();
        // A stream, by hand: it is the only one here.
        while let Some(object) =
            std::future::poll_fn(|context| listing.as_mut().poll_next(context)).await
        {
            let object = object.map_err(|error| FileError::away(folder, error))?;
            let name = object.location.as_ref();
            let name = name.strip_prefix(self.prefix.as_str()).unwrap_or(name);
            found.push(Listed {
                name: name.trim_start_matches('/').to_owned(),
                bytes: object.size,
            });
        }
        Ok(found)
    }
}
