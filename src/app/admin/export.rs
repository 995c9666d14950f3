//! `dunder export`: the store into a file or to standard output.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::app::admin::AdminError;
use crate::app::admin::open::open_for_reading;
use crate::app::admin::streams::{is_dash, is_file, say};
use crate::app::transfer::export::export;
use crate::app::transfer::progress::Progress;
use crate::config::StoreArgs;
use crate::domain::Store;

/// Arguments of `dunder export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Write to this file instead of standard output; it appears when it is complete
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print one JSON document, {"data": ...}, when the file is complete
    #[arg(long, requires = "output")]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl ExportArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let opened = open_for_reading(&self.store).await?;
        let opened = opened.with_archive(&self.store).await?;
        let store = &opened.store;
        let done = self.write(store.as_ref()).await;
        store.close().await;
        let messages = done?;
        if self.json {
            let document = json!({ "data": { "messages": messages, "file": self.output } });
            return say(&mut io::stdout(), &document.to_string());
        }
        Ok(0)
    }

    /// Exports to the file or to standard output; how many messages.
    async fn write(&self, store: &dyn Store) -> Result<u64, AdminError> {
        let path = match self.output.as_ref().filter(|path| !is_dash(path)) {
            Some(path) => path,
            None => {
                // Beside what a reader of the pipe shows, a bar only disturbs.
                let progress = if is_file() {
                    Progress::on_terminal(None)
                } else {
                    Progress::hidden()
                };
                return export(store, &mut io::stdout(), &progress).await;
            }
        };
        let progress = Progress::on_terminal(None);
        let failed = || AdminError::file("write", path);
        if std::fs::metadata(path).is_ok_and(|data| !data.is_file()) {
            let mut pipe = File::options().write(true).open(path).map_err(failed())?;
            return export(store, &mut pipe, &progress).await;
        }
        // An export that breaks off must not have replaced a complete one.
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(failed())?;
        let messages = export(store, file.as_file_mut(), &progress).await?;
        file.as_file().sync_all().map_err(failed())?;
        let kept = file.persist(path).map_err(io::Error::from);
        kept.map_err(failed())?;
        Ok(messages)
    }
}
