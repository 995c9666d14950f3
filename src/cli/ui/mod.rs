//! The one place that knows the streams of the process and the person behind
//! them. One [`Ui`] is made when a command starts and handed down, so that a
//! test can put its own in its place.
//!
//! Results go to standard output, everything else to standard error. Failing
//! to write to standard error is nobody's failure: there is no one left to
//! tell.

mod changes;
mod json;
mod left;
mod pager;
pub(crate) mod printer;
mod screen;
mod terminal;

use std::io::{BufWriter, Read, Write};

use crate::cli::CliError;
use crate::cli::args::ColorWhen;
use crate::output::{Look, sanitize_line};
pub(crate) use changes::{Change, Changes};
pub(crate) use left::reader_left;
use pager::Pager;
pub(crate) use screen::Screen;
pub(crate) use terminal::{Terminal, said};

/// The streams of a command.
pub(crate) struct Ui {
    terminal: Terminal,
    out: Out,
    err: Box<dyn Write>,
    input: Box<dyn Read>,
    color: ColorWhen,
    /// A line of progress stands on standard error.
    has_progress: bool,
}

enum Out {
    Direct(BufWriter<Box<dyn Write>>),
    Paged(Pager),
}

impl Ui {
    /// That of this process.
    pub fn of_process() -> Ui {
        Ui::over(
            Terminal::of_process(),
            Box::new(std::io::stdout()),
            Box::new(std::io::stderr()),
            Box::new(std::io::stdin()),
        )
    }

    fn over(
        terminal: Terminal,
        out: Box<dyn Write>,
        err: Box<dyn Write>,
        input: Box<dyn Read>,
    ) -> Ui {
        Ui {
            terminal,
            out: Out::Direct(BufWriter::new(out)),
            err,
            input,
            color: ColorWhen::Auto,
            has_progress: false,
        }
    }

    /// What the streams are.
    pub fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// Whether a person at a terminal reads the output.
    pub fn is_interactive(&self) -> bool {
        self.terminal.output
    }

    /// When colours are used from now on.
    pub fn set_color(&mut self, color: ColorWhen) {
        self.color = color;
    }

    /// How output is to look here, in the terminal's width or another.
    pub fn look(&self, width: Option<u16>) -> Look {
        self.terminal.look(self.color, width)
    }

    /// Looks again how large the terminal is; whether that has changed.
    pub fn measure(&mut self) -> bool {
        self.terminal.measure()
    }

    /// What follows goes through a pager if it is longer than the terminal
    /// is high. Nothing changes where the output is no terminal.
    pub fn page(&mut self) {
        if self.terminal.output && self.terminal.input && !self.terminal.is_dumb {
            self.out = Out::Paged(Pager::new(self.terminal));
        }
    }

    /// Writes a part of the result.
    ///
    /// # Errors
    /// The reader has gone, or the disk is full.
    pub fn write(&mut self, text: &str) -> Result<(), CliError> {
        self.clear_progress();
        match &mut self.out {
            Out::Direct(out) => Ok(out.write_all(text.as_bytes())?),
            Out::Paged(pager) => Ok(pager.write(text)?),
        }
    }

    /// Writes what is still held; waits for the reader of a pager.
    ///
    /// # Errors
    /// As [`Ui::write`].
    pub fn finish(&mut self) -> Result<(), CliError> {
        self.clear_progress();
        match &mut self.out {
            Out::Direct(out) => Ok(out.flush()?),
            Out::Paged(pager) => Ok(pager.finish()?),
        }
    }

    /// Writes a whole result.
    ///
    /// # Errors
    /// As [`Ui::write`].
    pub fn print(&mut self, text: &str) -> Result<(), CliError> {
        self.write(text)?;
        self.finish()
    }

    /// Writes what a command has done. It is done whether or not this can be
    /// written, so a failure is a warning: a script must not do it again.
    pub fn print_done(&mut self, text: &str) {
        match self.print(text) {
            Ok(()) | Err(CliError::ClosedPipe) => {}
            Err(error) => {
                // What could not be written is not tried again at the end.
                self.out = Out::Direct(BufWriter::new(Box::new(std::io::sink())));
                self.warn(&format!("it is done, but {error}"));
            }
        }
    }

    /// Writes a JSON document: exact for a program, indented for a person,
    /// with what a terminal would obey escaped the way JSON allows.
    ///
    /// # Errors
    /// As [`Ui::write`].
    pub fn print_json(&mut self, document: &str) -> Result<(), CliError> {
        let shown = self.document(document);
        self.print(&shown)
    }

    /// The same for what a command has done, see [`Ui::print_done`].
    pub fn print_json_done(&mut self, document: &str) {
        let shown = self.document(document);
        self.print_done(&shown);
    }

    fn document(&self, document: &str) -> String {
        if self.terminal.output {
            return json::for_terminal(document, self.terminal.color(self.color));
        }
        let end = if document.ends_with('\n') { "" } else { "\n" };
        format!("{document}{end}")
    }

    /// One object of a longer output.
    pub fn json<'a>(&self, object: &'a str) -> std::borrow::Cow<'a, str> {
        if self.terminal.output {
            crate::output::sanitize::sanitize_json(object).into()
        } else {
            object.into()
        }
    }

    /// A line on standard error.
    pub fn say(&mut self, line: &str) {
        self.clear_progress();
        let _ = writeln!(self.err, "{line}");
    }

    /// A sentence on standard error: on a terminal in lines of its width, that
    /// end between words.
    pub fn tell(&mut self, sentence: &str) {
        let lines = self.terminal.told(sentence);
        self.say(&lines);
    }

    /// What went wrong though the command goes on.
    pub fn warn(&mut self, line: &str) {
        // It may name what a server or a message says.
        self.tell(&format!("dunder: warning: {}", sanitize_line(line)));
    }

    /// A remark for the person at the terminal; nothing when standard error
    /// goes elsewhere.
    pub fn remark(&mut self, line: &str) {
        if self.terminal.error {
            self.say(line);
        }
    }

    /// Shows how far the work is, in place of what was shown before. Only
    /// while the output goes elsewhere: on the same terminal it would stand
    /// in the middle of it.
    pub fn progress(&mut self, text: &str) {
        if self.terminal.error && !self.terminal.output && !self.terminal.is_dumb {
            self.has_progress = true;
            let _ = write!(self.err, "\r\u{1b}[K{text}");
        }
    }

    fn clear_progress(&mut self) {
        if std::mem::take(&mut self.has_progress) {
            let _ = write!(self.err, "\r\u{1b}[K");
        }
    }

    /// Reads standard input, at most so many bytes of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_input(&mut self, most: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input.as_mut().take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Asks for something that is not shown while it is typed.
    ///
    /// # Errors
    /// There is no terminal.
    pub fn ask_secret(&mut self, question: &str) -> std::io::Result<String> {
        self.clear_progress();
        rpassword::prompt_password(question)
    }

    /// Asks whether to go on; no answer is a no.
    pub fn confirm(&mut self, question: &str) -> bool {
        self.clear_progress();
        let _ = write!(self.err, "{question} [y/N] ");
        let _ = self.err.flush();
        let mut answer = String::new();
        // A line, not all there is.
        let mut byte = [0];
        while answer.len() < 64 && matches!(self.input.read(&mut byte), Ok(1)) {
            match byte[0] {
                b'\n' => break,
                letter => answer.push(char::from(letter)),
            }
        }
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

/// What a person must not miss, from where no [`Ui`] is at hand: values of the
/// command line are read before there is one.
pub(crate) fn warning(text: &str) {
    // Who closed standard error wants no warnings.
    let _ = writeln!(std::io::stderr(), "{}", told(&format!("dunder: {text}")));
}

/// A sentence as standard error shows it best: on a terminal in lines of its
/// width, elsewhere on one.
pub(crate) fn told(sentence: &str) -> String {
    Terminal::of_process().told(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;

    /// What was written, readable while the [`Ui`] lives.
    #[derive(Clone, Default)]
    pub(crate) struct Written(Rc<RefCell<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    fn ui(terminal: Terminal, input: &'static str) -> (Ui, Written, Written) {
        let (out, err) = (Written::default(), Written::default());
        let ui = Ui::over(
            terminal,
            Box::new(out.clone()),
            Box::new(err.clone()),
            Box::new(input.as_bytes()),
        );
        (ui, out, err)
    }

    #[test]
    fn results_and_remarks_go_to_their_own_streams() {
        let (mut piped, out, err) = ui(Terminal::for_tests(), "");
        piped.write("one\n").unwrap();
        piped.remark("(a remark)");
        piped.progress("half");
        piped.say("a word");
        piped.print("two\n").unwrap();
        assert_eq!(out.text(), "one\ntwo\n");
        assert_eq!(err.text(), "a word\n");
        let watched = Terminal {
            error: true,
            ..Terminal::for_tests()
        };
        let (mut watched, _, err) = ui(watched, "");
        watched.progress("half");
        watched.remark("(a remark)");
        assert_eq!(err.text(), "\r\u{1b}[Khalf\r\u{1b}[K(a remark)\n");
    }

    #[test]
    fn what_is_done_stays_done_when_it_cannot_be_said() {
        let err = Written::default();
        let mut full = Ui::over(
            Terminal::for_tests(),
            Box::new(Full),
            Box::new(err.clone()),
            Box::new(io::empty()),
        );
        full.print_done("01ARZ3NDEKTSV4RRFFQ69G5FAV\n");
        assert!(err.text().starts_with("dunder: warning: it is done, but"));
        assert!(full.finish().is_ok());
        full.out = Out::Direct(BufWriter::new(Box::new(Full)));
        assert!(matches!(full.print("x"), Err(CliError::Failed(_))));
        full.err = Box::new(Full);
        full.say("nobody hears this");
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, meant) in [
            ("y\nmore", true),
            ("Yes\n", true),
            ("n\n", false),
            ("", false),
        ] {
            let (mut asked, ..) = ui(Terminal::for_tests(), answer);
            assert_eq!(asked.confirm("Replace it?"), meant, "{answer:?}");
        }
    }
}
