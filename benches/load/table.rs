//! The table at the end: every row with its goal and whether it was met.

use super::client::Measured;
use super::pairs::Pairs;

/// What a row has to reach.
#[derive(Clone, Copy)]
pub enum Goal {
    /// At least this share of the limit.
    AtLeast(f64),
    /// At most this many times the comparison.
    AtMost(f64),
    /// Less than this many megabytes.
    Megabytes(u64),
    /// Less than this many seconds.
    Seconds(f64),
    /// Less than this many thousandths of a second.
    Milliseconds(f64),
    /// Nothing; the row informs.
    None,
}

/// Whatever a row has; the rest stays empty.
pub struct Row {
    name: String,
    goal: Goal,
    pub connections: Option<usize>,
    pub measured: Option<Measured>,
    /// Per second, where nothing else was measured.
    pub rate: Option<f64>,
    pub peak_memory: Option<u64>,
    pub limit: String,
    /// What the goal is about, and how far it varied.
    result: Option<f64>,
    spread: Option<(f64, f64)>,
}

impl Row {
    pub fn new(name: &str, goal: Goal) -> Row {
        Row {
            name: name.to_owned(),
            goal,
            connections: None,
            measured: None,
            rate: None,
            peak_memory: None,
            limit: String::new(),
            result: None,
            spread: None,
        }
    }

    /// A row of the pair in the middle.
    pub fn of_pairs(name: &str, connections: usize, pairs: &Pairs, goal: Goal) -> Row {
        let pair = pairs.median();
        let mut row = Row::new(name, goal);
        row.connections = Some(connections);
        row.measured = Some(pair.row.clone());
        row.ratio(pair.ratio, pairs.spread());
        row
    }

    pub fn megabytes(name: &str, bytes: u64, most: u64) -> Row {
        let mut row = Row::new(name, Goal::Megabytes(most));
        row.result = Some(bytes as f64 / 1e6);
        row
    }

    pub fn seconds(name: &str, seconds: f64, most: f64) -> Row {
        let mut row = Row::new(name, Goal::Seconds(most));
        row.result = Some(seconds);
        row
    }

    pub fn milliseconds(name: &str, millis: f64, most: f64) -> Row {
        let mut row = Row::new(name, Goal::Milliseconds(most));
        row.result = Some(millis);
        row
    }

    pub fn ratio(&mut self, ratio: f64, spread: (f64, f64)) {
        self.result = Some(ratio);
        self.spread = Some(spread);
    }

    fn is_met(&self) -> Option<bool> {
        let result = self.result?;
        match self.goal {
            Goal::AtLeast(least) => Some(result >= least),
            Goal::AtMost(most) | Goal::Seconds(most) | Goal::Milliseconds(most) => {
                Some(result <= most)
            }
            Goal::Megabytes(most) => Some(result <= most as f64),
            Goal::None => None,
        }
    }

    fn cells(&self) -> Vec<String> {
        let measured = self.measured.as_ref();
        let of = |cell: &dyn Fn(&Measured) -> String| measured.map_or(String::new(), cell);
        let rate = measured.map(Measured::per_second).or(self.rate);
        let unit = match self.goal {
            Goal::Megabytes(_) => " MB",
            Goal::Seconds(_) => " s",
            Goal::Milliseconds(_) => " ms",
            Goal::AtLeast(_) | Goal::AtMost(_) | Goal::None => "",
        };
        let result = match (self.result, self.spread) {
            (Some(result), Some((low, high))) => format!("{result:.2} ({low:.2}–{high:.2})"),
            (Some(result), None) => format!("{result:.1}{unit}"),
            (None, _) => String::new(),
        };
        let goal = match self.goal {
            Goal::AtLeast(least) => format!("≥ {least}"),
            Goal::AtMost(most) => format!("≤ {most}"),
            Goal::Seconds(most) | Goal::Milliseconds(most) => format!("≤ {most}{unit}"),
            Goal::Megabytes(most) => format!("≤ {most}{unit}"),
            Goal::None => String::new(),
        };
        let met = match self.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        vec![
            self.name.clone(),
            self.connections.map_or(String::new(), |n| n.to_string()),
            rate.map_or(String::new(), |rate| format!("{rate:.0}")),
            of(&|m| m.p50.as_micros().to_string()),
            of(&|m| m.p99.as_micros().to_string()),
            of(&|m| format!("{:.3}", m.server_cpu * 1000.0 / m.requests as f64)),
            self.peak_memory
                .map_or(String::new(), |bytes| format!("{:.0}", bytes as f64 / 1e6)),
            of(&|m| format!("{:.0} %", 100.0 * m.client_cpu / m.seconds)),
            self.limit.clone(),
            result,
            goal,
            met.to_owned(),
        ]
    }
}

pub struct Table(Vec<Row>);

const HEAD: [&str; 12] = [
    "operation",
    "connections",
    "per s",
    "p50 µs",
    "p99 µs",
    "CPU s per 1000",
    "peak MB",
    "client CPU",
    "limit",
    "result",
    "goal",
    "",
];

impl Table {
    pub fn new() -> Table {
        Table(Vec::new())
    }

    pub fn push(&mut self, row: Row) {
        eprintln!("| {} |", row.cells().join(" | "));
        self.0.push(row);
    }

    /// Markdown, so that it can stand in a document as it is.
    pub fn print(&self) {
        println!("| {} |", HEAD.join(" | "));
        println!("|---|--:|--:|--:|--:|--:|--:|--:|---|--:|---|---|");
        for row in &self.0 {
            println!("| {} |", row.cells().join(" | "));
        }
        let met = |met| {
            self.0
                .iter()
                .filter(|row| row.is_met() == Some(met))
                .count()
        };
        println!("\n{} met, {} missed.", met(true), met(false));
    }
}
