//! The one place that knows the terminal.

pub(crate) mod terminal;
