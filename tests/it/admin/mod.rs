//! The operator's commands: over a store in this process where the outcome is
//! looked at closely, as processes where exit codes and streams matter.

mod announce;
mod check;
mod commands;
mod delete;
mod export;
mod import;
mod log;
mod retention;
mod service;
mod token;

use std::io::Cursor;
use std::process::{Output, Stdio};
use std::sync::Arc;

use dunder::app::admin::{AdminError, Input, Progress, Refusals, Summary, export, import};
use dunder::domain::Store;

use crate::place::{Backend, Place};

/// A fresh store, and where it is.
pub async fn store(on: Backend) -> (Place, Arc<dyn Store>) {
    let place = on.place();
    let store = place.open().await;
    (place, store)
}

/// Imports a text; what was reported, too.
pub async fn imported(
    store: &Arc<dyn Store>,
    text: impl Into<Vec<u8>>,
) -> (Result<Summary, AdminError>, String) {
    let input = Input {
        reader: Box::new(Cursor::new(text.into())),
        name: "the test".to_owned(),
        bytes: None,
    };
    let mut report = Vec::new();
    let (refusals, progress) = (Refusals::new(None).unwrap(), Progress::hidden());
    let done = import(Arc::clone(store), input, refusals, &mut report, &progress).await;
    (done, String::from_utf8(report).unwrap())
}

/// Everything in a store, as exported.
pub async fn exported(store: &Arc<dyn Store>) -> String {
    let mut out = Vec::new();
    let progress = Progress::hidden();
    export(store.as_ref(), &mut out, &progress).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// How many lines were read, stored, there already and refused.
pub fn counts(summary: &Summary) -> [u64; 4] {
    [
        summary.read,
        summary.stored,
        summary.already_there,
        summary.refused,
    ]
}

/// Runs `dunder` with arguments over a store to its end.
pub fn ran(place: &Place, arguments: &[&str]) -> Output {
    let mut command = place.command(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
