//! The one place that knows the terminal.

pub(crate) mod printer;
pub(crate) mod terminal;
