//! A directory.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{FileError, Files, Listed, Spool};

/// How files begin that are not whole yet. A program that was killed leaves
/// them; they are no part of the archive.
const SPOOL: &str = ".dunder-";
/// One that was not written to for so long belongs to nobody.
const LEFT: Duration = Duration::from_secs(60 * 60);

/// Threads that read and write at once. Who does not wait for the disk any more
/// makes room for another one.
const THREADS: usize = 8;

/// Files below a directory.
pub(crate) struct Local {
    root: PathBuf,
    threads: Semaphore,
}

impl Local {
    /// Makes the directory where there is none, readable by its owner alone.
    pub(crate) fn open(root: PathBuf) -> io::Result<Local> {
        use std::os::unix::fs::DirBuilderExt;
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o700).create(&root)?;
        let threads = Semaphore::new(THREADS);
        Ok(Local { root, threads })
    }

    /// Does something with the disk, which may take its time.
    async fn blocking<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, FileError> {
        let path = self.root.join(name);
        // It is never closed.
        let _turn = self.threads.acquire().await.ok();
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        let done = done.map_err(|error| FileError::away(name, error))?;
        done.map_err(|error| match error.kind() {
            ErrorKind::NotFound => FileError::Missing(name.to_owned()),
            ErrorKind::UnexpectedEof => FileError::damaged(name, "it is shorter than it was"),
            _ => FileError::away(name, error),
        })
    }
}

#[async_trait]
impl Files for Local {
    async fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes, FileError> {
        let read = move |path: &Path| {
            let length = usize::try_from(range.end.saturating_sub(range.start));
            let mut bytes = vec![0; length.map_err(io::Error::other)?];
            File::open(path)?.read_exact_at(&mut bytes, range.start)?;
            Ok(Bytes::from(bytes))
        };
        self.blocking(name, read).await
    }

    fn spool(&self) -> io::Result<Spool> {
        // Where it is moved within a file system, in one step.
        let file = tempfile::Builder::new()
            .prefix(SPOOL)
            .tempfile_in(&self.root)?;
        let (file, path) = file.into_parts();
        let path = Some(path);
        Ok(Spool { file, path })
    }

    async fn clear_spools(&self) -> Result<(), FileError> {
        let clear = |root: &Path| {
            let now = SystemTime::now();
            for entry in fs::read_dir(root)? {
                let entry = entry?;
                let is_spool = entry.file_name().to_string_lossy().starts_with(SPOOL);
                let metadata = entry.metadata()?;
                let age = now.duration_since(metadata.modified()?);
                if is_spool && metadata.is_file() && age.is_ok_and(|age| age > LEFT) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        match self.blocking("", clear).await {
            // Its owner was just done with one.
            Err(FileError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    async fn put(&self, name: &str, file: Spool) -> Result<(), FileError> {
        let root = self.root.clone();
        let put = move |path: &Path| {
            file.file.sync_all()?;
            let spooled = file
                .path
                .ok_or_else(|| io::Error::other("it has no name"))?;
            let folder = path.parent().unwrap_or(&root);
            fs::create_dir_all(folder)?;
            spooled.persist_noclobber(path).map_err(io::Error::from)?;
            // The names too, up to the directory that was there.
            let folders = folder.ancestors();
            for folder in folders.take_while(|folder| folder.starts_with(&root)) {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        match self.blocking(name, put).await {
            Err(FileError::Missing(name)) => Err(FileError::away(&name, "its folder is gone")),
            done => done,
        }
    }

    async fn remove(&self, name: &str) -> Result<(), FileError> {
        let root = self.root.clone();
        let remove = move |path: &Path| {
            fs::remove_file(path)?;
            // Folders that are empty go with it; others refuse.
            let folders = path.ancestors().skip(1);
            let mut folders = folders.take_while(|folder| *folder != root);
            while folders
                .next()
                .is_some_and(|folder| fs::remove_dir(folder).is_ok())
            {}
            Ok(())
        };
        match self.blocking(name, remove).await {
            Err(FileError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    async fn list(&self, folder: Option<&str>) -> Result<Vec<Listed>, FileError> {
        let root = self.root.clone();
        let list = move |path: &Path| {
            let mut found = Vec::new();
            let mut folders = vec![path.to_owned()];
            while let Some(folder) = folders.pop() {
                let entries = match fs::read_dir(&folder) {
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    entries => entries?,
                };
                for entry in entries {
                    let entry = entry?;
                    let path = entry.path();
                    if entry.file_type()?.is_dir() {
                        folders.push(path);
                        continue;
                    }
                    let name = path.strip_prefix(&root).ok().and_then(Path::to_str);
                    if let Some(name) = name.filter(|name| !name.starts_with(SPOOL)) {
                        found.push(Listed {
                            name: name.to_owned(),
                            bytes: entry.metadata()?.len(),
                        });
                    }
                }
            }
            Ok(found)
        };
        self.blocking(folder.unwrap_or_default(), list).await
    }
}
