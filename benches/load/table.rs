//! The table at the end: every row with its goal and whether it was met.

use std::time::Duration;

use super::client::Measured;

/// What a row has to reach.
pub enum Goal {
    /// At least this share of the limit.
    AtLeast(f64),
    /// At most this many times the comparison.
    AtMost(f64),
    /// A median of at most this.
    LatencyAtMost(Duration),
    /// Nothing; the row informs.
    None,
}

pub struct Row {
    name: String,
    connections: usize,
    measured: Measured,
    cpu_per_thousand: Option<f64>,
    pub peak_memory: u64,
    ratio: Option<f64>,
    pub limit: String,
    pub goal: Goal,
}

impl Row {
    pub fn new(name: &str, connections: usize, measured: Measured) -> Row {
        Row {
            name: name.to_owned(),
            connections,
            measured,
            cpu_per_thousand: None,
            peak_memory: 0,
            ratio: None,
            limit: String::new(),
            goal: Goal::None,
        }
    }

    pub fn cpu(&mut self, seconds: f64) {
        self.cpu_per_thousand = Some(seconds * 1000.0 / self.measured.requests.max(1) as f64);
    }

    /// Throughput against a limit measured in this run.
    pub fn ratio_to(&mut self, name: &str, limit: &Measured, goal: f64) {
        self.ratio = Some(self.measured.per_second() / limit.per_second());
        self.limit = format!("{name} {:.0}/s", limit.per_second());
        self.goal = Goal::AtLeast(goal);
    }

    /// The median against the same query on fewer messages.
    pub fn growth_from(&mut self, few: &Measured, goal: f64) {
        self.ratio = Some(self.measured.p50.as_secs_f64() / few.p50.as_secs_f64());
        self.limit = format!("p50 {} µs on 10 thousand", few.p50.as_micros());
        self.goal = Goal::AtMost(goal);
    }

    pub fn share(&mut self, ratio: f64, limit: String, goal: Goal) {
        self.ratio = Some(ratio);
        self.limit = limit;
        self.goal = goal;
    }

    /// How long the measurement took.
    pub fn seconds(&self) -> f64 {
        self.measured.seconds
    }

    fn is_met(&self) -> Option<bool> {
        match (&self.goal, self.ratio) {
            (Goal::AtLeast(goal), Some(ratio)) => Some(ratio >= *goal),
            (Goal::AtMost(goal), Some(ratio)) => Some(ratio <= *goal),
            (Goal::LatencyAtMost(most), _) => Some(self.measured.p50 <= *most),
            (Goal::None, _) | (_, None) => None,
        }
    }
}

pub struct Table(Vec<Row>);

impl Table {
    pub fn new() -> Table {
        Table(Vec::new())
    }

    pub fn push(&mut self, row: Row) {
        eprintln!("{}: {:.0}/s", row.name, row.measured.per_second());
        self.0.push(row);
    }

    /// Markdown, so that it can stand in a document as it is.
    pub fn print(&self) {
        println!(
            "| operation | connections | requests/s | p50 µs | p99 µs | CPU s per 1000 | peak MB | limit | ratio | goal | |"
        );
        println!("|---|--:|--:|--:|--:|--:|--:|---|--:|---|---|");
        for row in &self.0 {
            let cpu = row
                .cpu_per_thousand
                .map_or(String::new(), |cpu| format!("{cpu:.3}"));
            let ratio = row
                .ratio
                .map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let goal = match row.goal {
                Goal::AtLeast(goal) => format!("≥ {goal}"),
                Goal::AtMost(goal) => format!("≤ {goal}"),
                Goal::LatencyAtMost(_) => "p50 within".to_owned(),
                Goal::None => String::new(),
            };
            let met = row
                .is_met()
                .map_or("", |met| if met { "met" } else { "missed" });
            println!(
                "| {} | {} | {:.0} | {} | {} | {cpu} | {:.0} | {} | {ratio} | {goal} | {met} |",
                row.name,
                row.connections,
                row.measured.per_second(),
                row.measured.p50.as_micros(),
                row.measured.p99.as_micros(),
                row.peak_memory as f64 / 1e6,
                row.limit,
            );
        }
    }
}
