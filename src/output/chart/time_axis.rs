//! The time axis: ticks at round times of the reader's clock, as many as
//! their labels leave room for.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::domain::Zone;
use crate::output::chart::Trend;
use crate::output::columns;

/// Blanks between two labels.
const GAP: usize = 2;

/// A round time and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tick {
    /// The column of the drawing.
    pub column: usize,
    /// Where its label starts.
    label_at: usize,
    label: String,
}

/// The distances of two ticks, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Minutes(i64),
    Days(i64),
    Weeks(i64),
    Months(u32),
}

const STEPS: [Step; 29] = [
    Step::Minutes(1),
    Step::Minutes(2),
    Step::Minutes(5),
    Step::Minutes(10),
    Step::Minutes(15),
    Step::Minutes(30),
    Step::Minutes(60),
    Step::Minutes(120),
    Step::Minutes(180),
    Step::Minutes(360),
    Step::Minutes(720),
    Step::Days(1),
    Step::Days(2),
    Step::Weeks(1),
    Step::Weeks(2),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
    Step::Months(240),
    Step::Months(600),
    Step::Months(1_200),
    Step::Months(2_400),
    Step::Months(6_000),
    Step::Months(12_000),
];

impl Step {
    /// Roughly, and never more than it is.
    fn least_seconds(self) -> i64 {
        match self {
            Step::Minutes(minutes) => minutes * 60,
            Step::Days(days) => days * 86_400,
            Step::Weeks(weeks) => weeks * 604_800,
            Step::Months(months) => i64::from(months) * 28 * 86_400,
        }
    }

    /// The first round time at or before `time`.
    fn floor(self, time: NaiveDateTime) -> NaiveDateTime {
        let date = time.date();
        match self {
            Step::Minutes(minutes) => {
                let since_midnight = (time - date.and_time(NaiveTime::MIN)).num_minutes();
                let round = since_midnight - since_midnight % minutes;
                date.and_time(NaiveTime::MIN) + chrono::Duration::minutes(round)
            }
            Step::Days(days) => {
                let day = i64::from(date.num_days_from_ce()) % days;
                back(date, day as u64)
            }
            Step::Weeks(weeks) => {
                // Day 1 of the common era was a Monday.
                let day = (i64::from(date.num_days_from_ce()) - 1).rem_euclid(weeks * 7);
                back(date, day as u64)
            }
            Step::Months(months) => {
                let month = date.year().max(0) as u32 * 12 + date.month0();
                let round = month - month % months;
                let first = NaiveDate::from_ymd_opt((round / 12) as i32, round % 12 + 1, 1);
                first.unwrap_or(date).and_time(NaiveTime::MIN)
            }
        }
    }

    fn next(self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Step::Minutes(minutes) => time.checked_add_signed(chrono::Duration::minutes(minutes)),
            Step::Days(days) => time.checked_add_days(Days::new(days as u64)),
            Step::Weeks(weeks) => time.checked_add_days(Days::new(weeks as u64 * 7)),
            Step::Months(months) => time.checked_add_months(Months::new(months)),
        }
    }

    fn label(self, time: NaiveDateTime) -> String {
        let pattern = match self {
            Step::Minutes(_) if time.time() == NaiveTime::MIN => "%b %-d",
            Step::Minutes(_) => "%H:%M",
            Step::Days(_) | Step::Weeks(_) => "%b %-d",
            Step::Months(months) if months >= 12 || time.month() == 1 => "%Y",
            Step::Months(_) => "%b",
        };
        time.format(pattern).to_string()
    }
}

fn back(date: NaiveDate, days: u64) -> NaiveDateTime {
    let day = date.checked_sub_days(Days::new(days)).unwrap_or(date);
    day.and_time(NaiveTime::MIN)
}

/// The finest round times whose labels fit into `room` columns, the trend
/// taking `used` of them; the start alone when no round time fits.
pub(crate) fn ticks(trend: &Trend, zone: &Zone, used: usize, room: usize) -> Vec<Tick> {
    let span = trend.buckets.to() - trend.buckets.from();
    let most = (room / (GAP + 2)) as i64 + 1;
    STEPS
        .into_iter()
        .filter(|step| span / step.least_seconds() <= most)
        .find_map(|step| placed(step, trend, zone, used, room))
        .unwrap_or_else(|| vec![start(trend, zone, room)])
}

fn start(trend: &Trend, zone: &Zone, room: usize) -> Tick {
    let pattern = match room {
        ..16 => "%Y-%m-%d",
        _ => "%Y-%m-%d %H:%M",
    };
    let label = zone.at(trend.from()).format(pattern).to_string();
    Tick {
        column: 0,
        label_at: 0,
        label,
    }
}

/// The ticks of one step; `None` when there is none or their labels collide.
fn placed(step: Step, trend: &Trend, zone: &Zone, used: usize, room: usize) -> Option<Vec<Tick>> {
    let mut ticks: Vec<Tick> = Vec::new();
    let mut free_from = 0;
    let mut before = DateTime::<Utc>::MIN_UTC;
    let mut time = step.floor(zone.at(trend.from()).naive_local());
    loop {
        let moment = zone.first_moment_of(time);
        if moment >= trend.to() {
            break;
        }
        // Where the clock is set forward two local times are one moment.
        if moment >= trend.from() && moment > before {
            before = moment;
            let column = trend.column_of(moment.timestamp(), used);
            if column < used {
                let tick = tick_at(column, step.label(time), room);
                if !ticks.is_empty() && tick.label_at < free_from {
                    return None;
                }
                free_from = tick.label_at + columns(&tick.label) + GAP;
                ticks.push(tick);
            }
        }
        time = step.next(time)?;
    }
    (!ticks.is_empty()).then_some(ticks)
}

/// The label centred under its tick, and inside the drawing.
fn tick_at(column: usize, label: String, room: usize) -> Tick {
    let length = columns(&label);
    let label_at = column
        .saturating_sub(length / 2)
        .min(room.saturating_sub(length));
    Tick {
        column,
        label_at,
        label,
    }
}

/// The line of labels.
pub(crate) fn labels(ticks: &[Tick]) -> String {
    let mut line = String::new();
    for tick in ticks {
        let blanks = tick.label_at.saturating_sub(columns(&line));
        line.extend(std::iter::repeat_n(' ', blanks));
        line += &tick.label;
    }
    line
}
