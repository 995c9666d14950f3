//! `dunder migrate`: the store knows how; a command of its own
//! lets one machine do it before the others are started.

use clap::Args;

use crate::config::StoreArgs;

/// Arguments of `dunder migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}
