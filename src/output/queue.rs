//! Messages that wait on this machine for a server.

use chrono::{DateTime, Utc};

use crate::api::time::format_millis;
use crate::output::row::{Column, Kind, Record, Role, Value};

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

/// Messages that wait.
pub static QUEUE: Kind = Kind {
    plural: "queue",
    columns: &[
        Column::new("number", "number", "ID", Role::Fixed),
        Column::new("written_at", "time", "WRITTEN", Role::Fixed),
        Column::new("server", "server", "SERVER", Role::Side),
        Column::new("user_name", "user", "USER", Role::Side),
        Column::new("state", "state", "STATE", Role::Side),
        Column::new("hashtags", "hashtags", "HASHTAGS", Role::Side),
        Column::new("text", "text", "TEXT", Role::Main),
    ],
    table: &[
        "number", "time", "server", "user", "state", "hashtags", "text",
    ],
    beside: "WAITING",
};

impl Record for QueueRow {
    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Word(self.number.to_string().into()),
            self.written_at.map_or(Value::Empty, Value::Moment),
            Value::Word(self.server.as_str().into()),
            Value::Name(self.user.as_str().into()),
            Value::State(self.state.as_str().into()),
            Value::Hashtags(self.hashtags.iter().map(String::as_str).collect()),
            Value::Text(self.text.as_str().into()),
        ]
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let hashtags: Vec<&str> = self.hashtags.iter().map(String::as_str).collect();
        let row = serde_json::json!({
            "number": self.number,
            "written_at": self.written_at.map(|at| format_millis(&at)),
            "server": self.server,
            "user": { "name": self.user },
            "state": self.state,
            "hashtags": hashtags,
            "text": self.text,
        });
        out.extend_from_slice(row.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use insta::assert_snapshot;

    use super::*;
    use crate::domain::Zone;
    use crate::output::format::{Format, Listing, Options, write_all};
    use crate::output::{Charset, Clock, Look, columns};

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
            zone: Zone::UTC,
        };
        let options = Options::new(Look::new(width, false, Charset::Unicode), clock);
        let writer = Format::named("table")
            .unwrap()
            .open(Listing::of(&QUEUE), options);
        String::from_utf8(write_all(writer, &rows())).unwrap()
    }

    #[test]
    fn a_narrow_terminal_gets_one_column_of_messages() {
        assert_snapshot!(table(40), @r"
        WAITING        TEXT
        ────────────────────────────────────────
        3  8 min ago   first line
        https://dunde  and a second one that is
        r.example      longer than the others
        ann
        waits for the
        server
        #ops #世界
        ────────────────────────────────────────
        12  1 min ago  \u{1b}[2Jhi
        http://127.0.
        0.1:9000  bob
        refused:
        \u{1b}[31mno\
        u{202e}
        ────────────────────────────────────────
        13
        cannot read
        00000013.json
        ");
    }

    #[test]
    fn a_wide_one_gets_four() {
        assert_snapshot!(table(80), @r"
        WAITING                     TEXT
        ────────────────────────────────────────────────────────────────────────────────
        3  8 min ago                first line
        https://dunder.example      and a second one that is longer than the others
        ann  waits for the server
        #ops #世界
        ────────────────────────────────────────────────────────────────────────────────
        12  1 min ago               \u{1b}[2Jhi
        http://127.0.0.1:9000  bob
        refused:
        \u{1b}[31mno\u{202e}
        ────────────────────────────────────────────────────────────────────────────────
        13
        cannot read 00000013.json
        ");
        assert_snapshot!(table(200), @r"
        ID  WRITTEN    SERVER                  USER  STATE                          HASHTAGS    TEXT
        ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        3   8 min ago  https://dunder.example  ann   waits for the server           #ops #世界  first line
                                                                                                and a second one that is longer than the others
        12  1 min ago  http://127.0.0.1:9000   bob   refused: \u{1b}[31mno\u{202e}              \u{1b}[2Jhi
        13                                           cannot read 00000013.json
        ");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_or_obeyed_by_it() {
        for width in [40, 60, 71, 72, 80, 200] {
            let table = table(width);
            assert!(table.lines().all(|line| columns(line) <= width), "{table}");
            assert!(!table.contains(['\u{1b}', '\u{202e}']), "{table:?}");
        }
    }
}
