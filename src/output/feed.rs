//! Messages as people read them: a table of many, a card of one.
//!
//! A table has four columns where there is room for them, and two where there
//! is not: when, who and hashtags above one another, the text beside them.

use comfy_table::{Attribute, Cell};

use crate::api::Message;
use crate::output::table::{Frame, GAP, HASHTAG, code_of, color_of};
use crate::output::{Clock, Look, TimeFormat, columns, wrap};

/// A text column narrower than this is no pleasure to read.
const LEAST_TEXT: usize = 28;
/// The widest a column of users or hashtags becomes at first.
const SIDE_SHARE: usize = 5;

/// How times are told in a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// The present and the zone.
    pub clock: Clock,
    /// How a moment is written.
    pub format: TimeFormat,
}

/// A table whose columns were fitted to some messages, for these and for the
/// pages that follow them.
pub struct FeedTable {
    frame: Frame,
    times: Times,
    look: Look,
    wide: bool,
}

/// The whole table of some messages; a sentence when there are none.
pub fn feed_table(messages: &[Message], times: &Times, look: Look) -> String {
    if messages.is_empty() {
        return "no messages\n".to_owned();
    }
    let table = FeedTable::fit(messages, times, look);
    table.header() + &table.rows(messages)
}

impl FeedTable {
    /// Columns that suit `messages` and fill at most the width.
    pub fn fit(messages: &[Message], times: &Times, look: Look) -> FeedTable {
        let widest = |cell: &dyn Fn(&Message) -> usize| messages.iter().map(cell).max();
        let time = widest(&|m| columns(&show_time(times, m))).unwrap_or(0);
        let user = widest(&|m| columns(&look.line(&m.user.name))).unwrap_or(0);
        let tags = widest(&|m| columns(&hashtags(m, look))).unwrap_or(0);
        let text = widest(&|m| look.wanted(&look.text(&m.text))).unwrap_or(0);
        let widths = wide_widths([time.max(4), user.max(4), tags.max(8), text.max(4)], look);
        let wide = widths.is_some();
        let widths = widths.unwrap_or_else(|| {
            let side = (look.width() / 3).clamp(13, 22);
            vec![side, look.width() - side - GAP]
        });
        FeedTable {
            frame: Frame {
                widths,
                ruled: !wide,
            },
            times: times.clone(),
            look,
            wide,
        }
    }

    /// The head of the table.
    pub fn header(&self) -> String {
        let titles: &[&str] = if self.wide {
            &["TIME", "USER", "HASHTAGS", "TEXT"]
        } else {
            &["WHEN, WHO", "TEXT"]
        };
        self.frame.header(titles, self.look)
    }

    /// The rows of some messages, to stand below the head or other rows.
    pub fn rows(&self, messages: &[Message]) -> String {
        if self.wide {
            let rows = messages.iter().map(|message| self.row(message)).collect();
            return self.frame.rows(rows, self.look);
        }
        messages
            .iter()
            .map(|message| self.frame.rule(self.look) + &self.stack(message))
            .collect()
    }

    /// The rows of the first messages, as many as begin within so many bytes
    /// and at least one, and how many these are.
    pub fn first_rows(&self, messages: &[Message], bytes: usize) -> (String, usize) {
        let mut text = String::new();
        let mut drawn = 0;
        while drawn < messages.len() && (drawn == 0 || text.len() < bytes) {
            text += &self.rows(&messages[drawn..=drawn]);
            drawn += 1;
        }
        (text, drawn)
    }

    fn row(&self, message: &Message) -> Vec<Cell> {
        let widths = &self.frame.widths;
        let cell = |text: &str, width: usize| Cell::new(wrap(text, width).join("\n"));
        let time = show_time(&self.times, message);
        let user = self.look.line(&message.user.name);
        let tags = hashtags(message, self.look);
        let text = self.look.text(&message.text);
        vec![
            cell(&time, widths[0]).add_attribute(Attribute::Dim),
            cell(&user, widths[1]).fg(color_of(&message.user.name)),
            cell(&tags, widths[2]).fg(HASHTAG),
            Cell::new(self.look.cut(&text, widths[3]).join("\n")),
        ]
    }

    /// A message where there is little room: who, when and hashtags above one
    /// another, each of its colour, beside the text.
    fn stack(&self, message: &Message) -> String {
        let [side_width, text_width] = self.frame.widths[..] else {
            return String::new();
        };
        let parts = [
            (show_time(&self.times, message), "2"),
            (
                self.look.line(&message.user.name),
                code_of(color_of(&message.user.name)),
            ),
            (hashtags(message, self.look), code_of(HASHTAG)),
        ];
        let side: Vec<(String, &str)> = parts
            .iter()
            .filter(|(part, _)| !part.is_empty())
            .flat_map(|(part, code)| wrap(part, side_width).into_iter().map(|line| (line, *code)))
            .collect();
        let text = self.look.cut(&self.look.text(&message.text), text_width);
        let mut lines = String::new();
        for at in 0..side.len().max(text.len()) {
            let (beside, code) = side.get(at).map_or(("", ""), |(line, code)| (line, code));
            let blanks = (side_width + GAP).saturating_sub(columns(beside));
            let line = text.get(at).map_or("", String::as_str);
            let painted = self.look.painted(beside, code);
            lines += format!("{painted}{:blanks$}{line}", "").trim_end();
            lines.push('\n');
        }
        lines
    }
}

/// The widths of the four columns, given what each would like; `None` when
/// they do not fit side by side.
fn wide_widths(wanted: [usize; 4], look: Look) -> Option<Vec<usize>> {
    let [time, user, tags, text] = wanted;
    let room = look.width().checked_sub(time + 3 * GAP)?;
    let share = (look.width() / SIDE_SHARE).max(8);
    let mut user_width = user.min(share);
    let mut tags_width = tags.min(share);
    let mut text_width = room.checked_sub(user_width + tags_width)?;
    if text_width < LEAST_TEXT.min(text) {
        return None;
    }
    // What the text does not need goes to who and hashtags.
    let mut spare = text_width.saturating_sub(text);
    text_width -= spare;
    for (width, wanted) in [(&mut user_width, user), (&mut tags_width, tags)] {
        let more = spare.min(wanted - *width);
        *width += more;
        spare -= more;
    }
    Some(vec![time, user_width, tags_width, text_width])
}

fn show_time(times: &Times, message: &Message) -> String {
    // A pattern is the reader's own, but may hold a newline.
    crate::output::sanitize_line(&times.clock.show(message.created_at, &times.format))
}

/// `#a #b`, harmless.
pub(crate) fn hashtags(message: &Message, look: Look) -> String {
    let tags: Vec<String> = message
        .hashtags
        .iter()
        .map(|tag| format!("#{}", look.line(tag)))
        .collect();
    tags.join(" ")
}

/// One message with everything there is to say about it.
pub fn message_card(message: &Message, clock: Clock, look: Look) -> String {
    let when = format!(
        "{} ({})",
        clock.show(message.created_at, &TimeFormat::Absolute),
        clock.show(message.created_at, &TimeFormat::Relative)
    );
    let fields = [
        ("id", look.line(&message.id)),
        ("time", when),
        ("user", look.line(&message.user.name)),
        ("hashtags", hashtags(message, look)),
    ];
    let mut card = String::new();
    for (name, value) in fields {
        const NAME: usize = 10;
        for (at, line) in wrap(&value, look.width() - NAME).iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            let name = look.painted(&format!("{name:<NAME$}"), "2");
            card += format!("{name}{line}").trim_end();
            card.push('\n');
        }
    }
    card.push('\n');
    for line in wrap(&look.text(&message.text), look.width()) {
        card += line.trim_end();
        card.push('\n');
    }
    card
}
