//! Prints what is listed, in whatever form, as it comes.

use crate::cli::CliError;
use crate::cli::ui::Ui;
use crate::output::format::{Format, Writer};
use crate::output::row::Record;

/// A listing on standard output.
pub(crate) struct Printer<'a> {
    /// The streams.
    pub ui: &'a mut Ui,
    writer: Box<dyn Writer>,
    format: &'static Format,
    buffer: Vec<u8>,
    has_begun: bool,
}

impl<'a> Printer<'a> {
    pub fn new(ui: &'a mut Ui, writer: Box<dyn Writer>, format: &'static Format) -> Printer<'a> {
        Printer {
            ui,
            writer,
            format,
            buffer: Vec::new(),
            has_begun: false,
        }
    }

    /// Prints some.
    ///
    /// # Errors
    /// As [`Ui::write`].
    pub fn rows<R: Record>(&mut self, records: &[R]) -> Result<(), CliError> {
        let rows: Vec<&dyn Record> = records.iter().map(|record| record as &dyn Record).collect();
        if !std::mem::replace(&mut self.has_begun, true) {
            self.writer.begin(&rows, &mut self.buffer);
        }
        self.writer.rows(&rows, &mut self.buffer);
        self.flush()
    }

    /// Prints what stands at the end; `next` leads to what is not listed.
    ///
    /// # Errors
    /// As [`Ui::write`].
    pub fn finish(mut self, next: Option<&str>) -> Result<(), CliError> {
        if !self.has_begun {
            self.writer.begin(&[], &mut self.buffer);
        }
        self.writer.end(next, &mut self.buffer);
        if self.format.name == "json" {
            self.buffer.push(b'\n');
        }
        self.flush()?;
        self.ui.finish()
    }

    fn flush(&mut self) -> Result<(), CliError> {
        let text = String::from_utf8_lossy(&self.buffer);
        if self.format.is_exact {
            let shown = self.ui.json(&text);
            self.ui.write(&shown)?;
        } else {
            self.ui.write(&text)?;
        }
        self.buffer.clear();
        Ok(())
    }
}
