//! Messages printed as they come, in whatever form.

use std::collections::BTreeSet;

use crate::api::Message;
use crate::cli::CliError;
use crate::cli::command::feed::FeedArgs;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::domain::MessageId;
use crate::output::format::{Format, Listing, Writer};
use crate::output::records::MESSAGES;
use crate::output::row::Record;

/// Messages that a person may remember having seen.
const REMEMBERED: usize = 10_000;

/// A listing without an end.
pub(super) struct Live<'a> {
    args: &'a FeedArgs,
    settings: &'a Settings,
    format: &'static Format,
    writer: Option<Box<dyn Writer>>,
    seen: BTreeSet<MessageId>,
}

impl<'a> Live<'a> {
    /// Begins to list; what other programs expect at the top is printed.
    ///
    /// # Errors
    /// Fields or a template that cannot be used, or a closed output.
    pub fn new(
        args: &'a FeedArgs,
        settings: &'a Settings,
        format: &'static Format,
        ui: &mut Ui,
    ) -> Result<Live<'a>, CliError> {
        let mut live = Live {
            args,
            settings,
            format,
            writer: None,
            seen: BTreeSet::new(),
        };
        let mut writer = live.open(ui)?;
        if !format.is_drawn {
            let mut head = Vec::new();
            writer.begin(&[], &mut head);
            live.writer = Some(writer);
            live.write(&head, ui)?;
            ui.finish()?;
        }
        Ok(live)
    }

    /// Prints a message.
    ///
    /// # Errors
    /// The output is closed.
    pub fn message(&mut self, message: &Message, ui: &mut Ui) -> Result<(), CliError> {
        if ui.measure() && self.format.is_drawn {
            // What follows fits the new width, under a head of its own.
            self.writer = None;
        }
        let mut text = Vec::new();
        let row: [&dyn Record; 1] = [message];
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let mut writer = self.open(ui)?;
                writer.begin(&row, &mut text);
                self.writer.insert(writer)
            }
        };
        writer.rows(&row, &mut text);
        self.remember(message);
        self.write(&text, ui)
    }

    /// Tells that a message was deleted: people if they have seen it here,
    /// programs that read objects by an object. Other forms have rows of
    /// messages and nothing else.
    ///
    /// # Errors
    /// The output is closed.
    pub fn deleted(&mut self, id: &str, ui: &mut Ui) -> Result<(), CliError> {
        if self.is_objects() {
            let object = serde_json::json!({ "event": "deleted", "id": id });
            return self.write(format!("{object}\n").as_bytes(), ui);
        }
        let was_seen = id.parse().is_ok_and(|id| self.seen.contains(&id));
        if was_seen && self.format.is_drawn && !self.args.form.is_templated() {
            let look = ui.look(None);
            let line = look.remark(&format!("{id} was deleted by its author"));
            return ui.write(&format!("{line}\n"));
        }
        Ok(())
    }

    /// A message alone, as the form has it, for a command to read.
    ///
    /// # Errors
    /// As [`Live::new`].
    pub fn alone(&self, message: &Message, ui: &Ui) -> Result<Vec<u8>, CliError> {
        let mut text = Vec::new();
        let row: [&dyn Record; 1] = [message];
        let mut writer = self.open(ui)?;
        writer.begin(&row, &mut text);
        writer.rows(&row, &mut text);
        Ok(text)
    }

    fn is_objects(&self) -> bool {
        self.format.is_exact && !self.args.form.is_templated()
    }

    fn remember(&mut self, message: &Message) {
        if let Ok(id) = message.id.parse() {
            self.seen.insert(id);
        }
        if self.seen.len() > REMEMBERED {
            self.seen.pop_first();
        }
    }

    fn open(&self, ui: &Ui) -> Result<Box<dyn Writer>, CliError> {
        let listing = Listing::of(&MESSAGES);
        let times = &self.args.times;
        let printed = times.printed(listing, self.format, self.settings);
        self.args.form.live_writer(printed, ui)
    }

    fn write(&self, text: &[u8], ui: &mut Ui) -> Result<(), CliError> {
        let text = String::from_utf8_lossy(text);
        if self.is_objects() {
            let shown = ui.json(&text).into_owned();
            return ui.write(&shown);
        }
        ui.write(&text)
    }
}
