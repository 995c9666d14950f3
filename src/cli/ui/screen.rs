//! A picture that is drawn again in place, on the terminal's second screen:
//! what was there before is there again afterwards.

use std::io::{self, Write};

/// The second screen without a cursor, until it is dropped.
pub(crate) struct Screen {
    out: io::Stdout,
    is_entered: bool,
}

impl Screen {
    /// Nothing happens before something is drawn.
    pub fn new() -> Screen {
        Screen {
            out: io::stdout(),
            is_entered: false,
        }
    }

    /// Draws lines from the top, as many as the terminal has rows. Nothing is
    /// cleared that is written anew, so nothing flickers.
    pub fn draw(&mut self, text: &str, rows: usize) -> io::Result<()> {
        let enter = if std::mem::replace(&mut self.is_entered, true) {
            ""
        } else {
            "\u{1b}[?1049h\u{1b}[?25l"
        };
        let lines = text.lines().take(rows);
        let lines: Vec<String> = lines.map(|line| format!("{line}\u{1b}[K")).collect();
        let lines = lines.join("\r\n");
        write!(self.out, "{enter}\u{1b}[H{lines}\u{1b}[J")?;
        self.out.flush()
    }

    /// Goes back to the first screen.
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.is_entered) {
            // A terminal that is gone needs no order.
            let _ = write!(self.out, "\u{1b}[?25h\u{1b}[?1049l");
            let _ = self.out.flush();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}
