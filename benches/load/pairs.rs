//! Measuring a row and what it is compared with in turn: a shared machine
//! drifts, and what drifts for both at once does not change their ratio.

use super::Result;
use super::client::Measured;

/// One of each, measured one after the other.
pub struct Pair {
    pub limit: Measured,
    pub row: Measured,
    pub ratio: f64,
}

/// All pairs of a row, by their ratio.
pub struct Pairs(Vec<Pair>);

impl Pairs {
    /// Measures; every other pair the other way round.
    pub fn measure(
        name: &str,
        count: usize,
        mut limit: impl FnMut() -> Result<Measured>,
        mut row: impl FnMut() -> Result<Measured>,
        ratio: impl Fn(&Measured, &Measured) -> f64,
    ) -> Result<Pairs> {
        let mut pairs = Vec::new();
        for turn in 0..count {
            let (limit, row) = if turn % 2 == 0 {
                let limit = limit()?;
                (limit, row()?)
            } else {
                let row = row()?;
                (limit()?, row)
            };
            let ratio = ratio(&row, &limit);
            eprintln!(
                "{name}: {} against {}: {ratio:.2}",
                brief(&row),
                brief(&limit)
            );
            pairs.push(Pair { limit, row, ratio });
        }
        pairs.sort_by(|one, other| one.ratio.total_cmp(&other.ratio));
        Ok(Pairs(pairs))
    }

    /// The pair in the middle.
    pub fn median(&self) -> &Pair {
        &self.0[self.0.len() / 2]
    }

    /// The lowest and the highest ratio.
    pub fn spread(&self) -> (f64, f64) {
        (self.0[0].ratio, self.0[self.0.len() - 1].ratio)
    }
}

/// Requests of the row for each of the limit.
pub fn by_throughput(row: &Measured, limit: &Measured) -> f64 {
    row.per_second() / limit.per_second()
}

/// The row's median time for each of the other's.
pub fn by_latency(row: &Measured, other: &Measured) -> f64 {
    row.p50.as_secs_f64() / other.p50.as_secs_f64()
}

fn brief(measured: &Measured) -> String {
    let per_second = measured.per_second();
    if measured.machine_cpu == 0.0 {
        return format!("{per_second:.0}/s");
    }
    let others = measured.machine_cpu - measured.server_cpu - measured.client_cpu;
    let per_core = |cpu: f64| 100.0 * cpu / measured.seconds;
    format!(
        "{per_second:.0}/s, p50 {} µs (CPU: server {:.0} %, client {:.0} %, others {:.0} %)",
        measured.p50.as_micros(),
        per_core(measured.server_cpu),
        per_core(measured.client_cpu),
        per_core(others.max(0.0))
    )
}
