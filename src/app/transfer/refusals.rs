//! The lines that an import refused: the first are shown, all are counted,
//! and once there are more than are shown, all are written to a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::app::admin::{AdminError, written};
use crate::app::transfer::progress::Progress;

/// Refusals that are shown.
const SHOWN: usize = 20;

/// A line that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Counted from 1.
    pub line: u64,
    /// A sentence, safe on a terminal.
    pub reason: String,
}

/// Refusals as they are found.
#[derive(Debug)]
pub struct Refusals {
    count: u64,
    shown: Vec<Refusal>,
    file: Option<RefusedFile>,
    /// A file was tried and cannot be written.
    is_without: bool,
}

/// A JSON object a line, as in the summary.
#[derive(Debug)]
struct RefusedFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl RefusedFile {
    fn new(path: PathBuf, file: File) -> RefusedFile {
        let out = BufWriter::new(file);
        RefusedFile { path, out }
    }

    /// A new file among the system's temporary ones, for this user's eyes,
    /// that stays.
    fn temporary() -> io::Result<RefusedFile> {
        let mut name = tempfile::Builder::new();
        let made = name
            .prefix("dunder-refused-")
            .suffix(".ndjson")
            .tempfile()?;
        let (file, path) = made.keep()?;
        Ok(RefusedFile::new(path, file))
    }

    fn write(&mut self, refusal: &Refusal) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, refusal)?;
        self.out.write_all(b"\n")
    }
}

impl Refusals {
    /// With all refusals in the file named, however few they are; without a
    /// name in one of the system's temporary files, and only if they are too
    /// many to be shown.
    ///
    /// # Errors
    /// The file named cannot be made.
    pub fn new(file: Option<&Path>) -> Result<Refusals, AdminError> {
        let file = match file {
            Some(path) => {
                let made = File::create(path).map_err(AdminError::file("write", path))?;
                Some(RefusedFile::new(path.to_owned(), made))
            }
            None => None,
        };
        Ok(Refusals {
            count: 0,
            shown: Vec::new(),
            file,
            is_without: false,
        })
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn add(
        &mut self,
        refusal: Refusal,
        report: &mut (dyn Write + Send),
        progress: &Progress,
    ) -> Result<(), AdminError> {
        self.count += 1;
        let is_shown = self.shown.len() < SHOWN;
        if is_shown {
            let line = format!("line {}: {}", refusal.line, refusal.reason);
            written(progress.above(report, &line))?;
        } else if self.file.is_none() && !self.is_without {
            self.begin_file(report, progress)?;
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.write(&refusal)
        {
            let path = file.path.clone();
            self.give_up_file(&path, &error, report, progress)?;
        }
        if is_shown {
            self.shown.push(refusal);
        }
        Ok(())
    }

    /// Begins the file with those that were shown.
    fn begin_file(
        &mut self,
        report: &mut (dyn Write + Send),
        progress: &Progress,
    ) -> Result<(), AdminError> {
        let mut file = match RefusedFile::temporary() {
            Ok(file) => file,
            Err(error) => {
                let folder = std::env::temp_dir();
                return self.give_up_file(&folder, &error, report, progress);
            }
        };
        let mut shown = self.shown.iter();
        match shown.try_for_each(|refusal| file.write(refusal)) {
            Ok(()) => self.file = Some(file),
            Err(error) => self.give_up_file(&file.path, &error, report, progress)?,
        }
        Ok(())
    }

    /// What can be stored is stored all the same.
    fn give_up_file(
        &mut self,
        path: &Path,
        error: &io::Error,
        report: &mut (dyn Write + Send),
        progress: &Progress,
    ) -> Result<(), AdminError> {
        self.file = None;
        self.is_without = true;
        let line = format!(
            "cannot write {}: {error}; further refused lines are counted and not named, --refused FILE writes them elsewhere",
            path.display()
        );
        written(progress.above(report, &line))
    }

    /// Says where those are that were not shown; gives the first ones and the
    /// file.
    pub(super) fn finish(
        mut self,
        report: &mut (dyn Write + Send),
        progress: &Progress,
    ) -> Result<(Vec<Refusal>, Option<PathBuf>), AdminError> {
        if let Some(file) = &mut self.file
            && let Err(error) = file.out.flush()
        {
            let path = file.path.clone();
            self.give_up_file(&path, &error, report, progress)?;
        }
        let more = self.count - self.shown.len() as u64;
        let path = self.file.map(|file| file.path);
        let line = match &path {
            Some(path) if more > 0 => Some(format!(
                "and {more} more; all {} refused lines and their reasons are in {}",
                self.count,
                path.display()
            )),
            None if more > 0 => Some(format!("and {more} more lines refused")),
            Some(_) | None => None,
        };
        if let Some(line) = line {
            written(progress.above(report, &line))?;
        }
        Ok((self.shown, path))
    }
}
