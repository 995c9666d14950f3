//! `dunder import`: a file or standard input into the store.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::app::admin::AdminError;
use crate::app::admin::open::open;
use crate::app::admin::streams::{is_dash, say};
use crate::app::transfer::import::{Input, import};
use crate::app::transfer::progress::Progress;
use crate::app::transfer::refusals::Refusals;
use crate::config::StoreArgs;

/// Arguments of `dunder import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Lines of {"user_name", "text", "hashtags", "created_at", "id"?, "idempotency_key"?}; - or nothing for standard input
    pub file: Option<PathBuf>,
    /// Write refused lines' numbers and reasons to this file; without it, to a temporary one if there are more than 20
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl ImportArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let input = self.input()?;
        let refusals = Refusals::new(self.refused.as_deref())?;
        let opened = open(&self.store).await?;
        let opened = opened.with_archive(&self.store).await?;
        let store = &opened.store;
        let progress = Progress::on_terminal(input.bytes);
        let err = &mut io::stderr();
        let done = import(Arc::clone(store), input, refusals, err, &progress).await;
        store.close().await;
        let summary = done?;
        say(&mut io::stdout(), &summary.shown(self.json))?;
        Ok(u8::from(summary.refused > 0))
    }

    /// The file, or standard input.
    ///
    /// # Errors
    /// The file cannot be opened, or standard input is a person's terminal.
    fn input(&self) -> Result<Input, AdminError> {
        match self.file.as_ref().filter(|path| !is_dash(path)) {
            Some(path) => {
                let file = File::open(path).map_err(AdminError::file("open", path))?;
                let bytes = file
                    .metadata()
                    .ok()
                    .filter(|data| data.is_file())
                    .map(|data| data.len());
                Ok(Input {
                    reader: buffered(file),
                    name: path.display().to_string(),
                    bytes,
                })
            }
            None if self.file.is_none() && io::IsTerminal::is_terminal(&io::stdin()) => {
                Err(AdminError::Usage(
                    "there is nothing to import; name a file, or pipe one in: dunder import < FILE"
                        .to_owned(),
                ))
            }
            None => Ok(Input {
                reader: buffered(io::stdin()),
                name: "standard input".to_owned(),
                bytes: None,
            }),
        }
    }
}

fn buffered(input: impl Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(64 * 1024, input))
}
