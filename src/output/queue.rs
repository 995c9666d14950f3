//! Messages that wait on this machine for a server.

use chrono::{DateTime, Utc};
use comfy_table::{Attribute, Cell, Color};

use crate::api::time::format_millis;
use crate::output::lines::line;
use crate::output::table::{Frame, GAP};
use crate::output::{Clock, Look, TimeFormat, columns, wrap};

/// Below this width, text and state do not fit beside one another.
const LEAST_WIDE: usize = 72;

/// A message that waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueRow {
    /// What the queue calls it.
    pub number: u64,
    /// Unknown when its file cannot be read.
    pub written_at: Option<DateTime<Utc>>,
    /// The server it is for.
    pub server: String,
    /// Who wrote it.
    pub user: String,
    /// What it waits for, or why it was refused.
    pub state: String,
    /// Without `#`.
    pub hashtags: Vec<String>,
    /// What is to be posted.
    pub text: String,
}

impl QueueRow {
    fn tags(&self) -> String {
        let tags: Vec<String> = self.hashtags.iter().map(|tag| format!("#{tag}")).collect();
        tags.join(" ")
    }

    /// The text, and below it the hashtags that are not in it.
    fn shown(&self, look: Look) -> String {
        match self.hashtags.as_slice() {
            [] => look.text(&self.text),
            [..] => format!("{}\n{}", look.text(&self.text), look.line(&self.tags())),
        }
    }

    fn whereto(&self, look: Look) -> String {
        let whose = match self.user.as_str() {
            "" => String::new(),
            user => format!("{} as {}\n", look.line(&self.server), look.line(user)),
        };
        whose + &look.line(&self.state)
    }
}

/// `number, time, server, user, state, hashtags, text`, one line each.
pub fn queue_lines(rows: &[QueueRow]) -> String {
    rows.iter()
        .map(|row| {
            line(&[
                &row.number.to_string(),
                &row.written_at
                    .map(|at| format_millis(&at))
                    .unwrap_or_default(),
                &row.server,
                &row.user,
                &row.state,
                &row.tags(),
                &row.text,
            ])
        })
        .collect()
}

/// A table of what waits, the oldest first.
pub fn queue_table(rows: &[QueueRow], clock: Clock, look: Look) -> String {
    let when = |row: &QueueRow| match row.written_at {
        Some(at) => clock.show(at, &TimeFormat::Auto),
        None => String::new(),
    };
    let widest = |cells: &mut dyn Iterator<Item = String>, title: &str| {
        let widest = cells.map(|cell| columns(&cell)).max().unwrap_or(0);
        widest.max(title.len())
    };
    let id = widest(&mut rows.iter().map(|row| row.number.to_string()), "ID");
    if look.width() < LEAST_WIDE {
        let room = look.width() - id - GAP;
        let cell = |row: &QueueRow| {
            let parts = [row.shown(look), when(row), row.whereto(look)];
            let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let text = parts.join("\n");
            vec![
                Cell::new(row.number),
                Cell::new(wrap(&text, room).join("\n")),
            ]
        };
        let frame = Frame {
            widths: vec![id, room],
            ruled: true,
        };
        let rows = rows.iter().map(cell).collect();
        return frame.header(&["ID", "MESSAGE"], look) + &frame.rows(rows, look);
    }
    let time = widest(&mut rows.iter().map(when), "WRITTEN");
    let room = look.width() - id - time - 3 * GAP;
    let lines = |cell: fn(&QueueRow, Look) -> String| {
        rows.iter().flat_map(move |row| {
            let lines = cell(row, look);
            lines.lines().map(str::to_owned).collect::<Vec<_>>()
        })
    };
    let state = widest(&mut lines(QueueRow::whereto), "STATE").min(room / 2);
    let text = widest(&mut lines(QueueRow::shown), "TEXT").min(room - state);
    let cells = |row: &QueueRow| {
        vec![
            Cell::new(row.number),
            Cell::new(when(row)).add_attribute(Attribute::Dim),
            Cell::new(wrap(&row.shown(look), text).join("\n")),
            Cell::new(wrap(&row.whereto(look), state).join("\n")).fg(Color::DarkYellow),
        ]
    };
    let frame = Frame {
        widths: vec![id, time, text, state],
        ruled: false,
    };
    let titles = ["ID", "WRITTEN", "TEXT", "STATE"];
    frame.header(&titles, look) + &frame.rows(rows.iter().map(cells).collect(), look)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use insta::assert_snapshot;

    use super::super::{Charset, Zone};
    use super::*;

    fn rows() -> Vec<QueueRow> {
        let at = |minute| Utc.with_ymd_and_hms(2019, 9, 23, 10, minute, 0).single();
        vec![
            QueueRow {
                number: 3,
                written_at: at(0),
                server: "https://dunder.example".to_owned(),
                user: "ann".to_owned(),
                state: "waits for the server".to_owned(),
                hashtags: vec!["ops".to_owned(), "世界".to_owned()],
                text: "first line\nand a second one that is longer than the others".to_owned(),
            },
            QueueRow {
                number: 12,
                written_at: at(7),
                server: "http://127.0.0.1:9000".to_owned(),
                user: "bob".to_owned(),
                state: "refused: \u{1b}[31mno\u{202e}".to_owned(),
                hashtags: Vec::new(),
                text: "\u{1b}[2Jhi".to_owned(),
            },
            QueueRow {
                number: 13,
                state: "cannot read 00000013.json".to_owned(),
                ..QueueRow::default()
            },
        ]
    }

    fn table(width: usize) -> String {
        let clock = Clock {
            now: Utc.with_ymd_and_hms(2019, 9, 23, 10, 8, 0).unwrap(),
            zone: Zone::Utc,
        };
        queue_table(&rows(), clock, Look::new(width, false, Charset::Unicode))
    }

    #[test]
    fn a_narrow_terminal_gets_one_column_of_messages() {
        assert_snapshot!(table(40), @r"
        ID  MESSAGE
        ────────────────────────────────────────
        3   first line
            and a second one that is longer than
            the others
            #ops #世界
            8 min ago
            https://dunder.example as ann
            waits for the server
        ────────────────────────────────────────
        12  \u{1b}[2Jhi
            1 min ago
            http://127.0.0.1:9000 as bob
            refused: \u{1b}[31mno\u{202e}
        ────────────────────────────────────────
        13  cannot read 00000013.json
        ");
    }

    #[test]
    fn a_wide_one_gets_four() {
        assert_snapshot!(table(80), @r"
        ID  WRITTEN    TEXT                                STATE
        ────────────────────────────────────────────────────────────────────────────────
        3   8 min ago  first line                          https://dunder.example as ann
                       and a second one that is longer     waits for the server
                       than the others
                       #ops #世界
        12  1 min ago  \u{1b}[2Jhi                         http://127.0.0.1:9000 as bob
                                                           refused: \u{1b}[31mno\u{202e}
        13                                                 cannot read 00000013.json
        ");
        assert_snapshot!(table(200), @r"
        ID  WRITTEN    TEXT                                             STATE
        ─────────────────────────────────────────────────────────────────────────────────────────────
        3   8 min ago  first line                                       https://dunder.example as ann
                       and a second one that is longer than the others  waits for the server
                       #ops #世界
        12  1 min ago  \u{1b}[2Jhi                                      http://127.0.0.1:9000 as bob
                                                                        refused: \u{1b}[31mno\u{202e}
        13                                                              cannot read 00000013.json
        ");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_or_obeyed_by_it() {
        for width in [40, 60, 71, 72, 80, 200] {
            let table = table(width);
            assert!(table.lines().all(|line| columns(line) <= width), "{table}");
            assert!(!table.contains(['\u{1b}', '\u{202e}']), "{table:?}");
        }
        let lines = queue_lines(&rows());
        assert_eq!(lines.lines().count(), 3);
        assert!(!lines.contains(['\u{1b}', '\u{202e}']), "{lines:?}");
    }
}
