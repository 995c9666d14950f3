//! How the time of a query grows with the store: the same queries, one at a
//! time, on 10 thousand messages and on all, of either kind of store.
//! Parameters vary from request to request, and are such that both stores have
//! a full answer. Where 10 thousand messages of two years have not as many
//! counters in a range or messages in a list as millions have, theirs are others
//! (`Few`): what is compared is one size of store with another, not an answer
//! with an emptier one.

use std::time::{Duration, Instant};

use dunder::domain::MessageId;

use super::Result;
use super::answer;
use super::client::Requests;
use super::messages::{DAY, DAYS, Random, START, Which};
use super::pairs::{Pairs, by_latency};
use super::reads;
use super::server::Dunder;
use super::settings::Settings;
use super::table::{Goal, Row, Table};

/// Different requests of a query: more than a cache of answers holds.
const DIFFERENT: usize = 16_384;
const BY_ID: &str = "growth: one message by id";

/// A query: its name and a request of it.
type Query = (&'static str, fn(&mut Random) -> String);

/// What a query is compared with where that is not the same request of 10
/// thousand messages of two years: another request, of other messages.
struct Few {
    query: &'static str,
    which: Which,
    path: fn(&mut Random) -> String,
}

const FEW: [Few; 9] = [
    // All of both lists is looked through, thousands of messages.
    Few {
        query: "growth: feed by two hashtags, seldom together",
        which: Which::Apart,
        path: |random| {
            format!(
                "/message?limit=20&hashtag=tag1&hashtag=tag2&{}",
                lately(random)
            )
        },
    },
    Few {
        query: "growth: feed by user and hashtag, seldom together",
        which: Which::Apart,
        path: |random| {
            format!(
                "/message?limit=20&user_name=user1&hashtag=tag1&{}",
                lately(random)
            )
        },
    },
    // A message a minute.
    Few {
        query: "growth: trend, 24 h at 1 m",
        which: Which::Days(7),
        path: |random| {
            let from = moment_of(random, 7, 1);
            let to = from + DAY;
            format!("/trend?aggregation=1m&fill=true&from_date={from}&to_date={to}")
        },
    },
    // One or two of these hashtags an hour.
    Few {
        query: "growth: trend, 30 days at 1 h, one hashtag",
        which: Which::Days(31),
        path: |random| {
            let (tag, from) = (random.upto(2), moment_of(random, 31, 30));
            let to = from + 30 * DAY;
            format!(
                "/trend?aggregation=1h&fill=true&hashtag=tag{tag}&from_date={from}&to_date={to}"
            )
        },
    },
    // A message an hour.
    Few {
        query: "growth: trend, 400 days at 1 h",
        which: Which::Days(417),
        path: |random| {
            let from = moment_of(random, 417, 400);
            let to = from + 400 * DAY;
            format!("/trend?aggregation=1h&fill=true&from_date={from}&to_date={to}")
        },
    },
    // One to three of these hashtags a day.
    Few {
        query: "growth: trend, two years at 7 days, three hashtags",
        which: Which::Days(DAYS),
        path: |random| {
            let years = years(random);
            format!(
                "/trend?aggregation=168h&fill=true&{years}&hashtag=tag1&hashtag=tag2&hashtag=tag3"
            )
        },
    },
    // Nearly as many messages a day as ten million of two years are.
    Few {
        query: "growth: hashtags of a day",
        which: Which::Days(1),
        path: |random| {
            let from = START + random.draw() % (DAY / 24);
            let to = from + DAY / 24 * 23;
            format!("/trend/hashtags?limit=20&from_date={from}&to_date={to}")
        },
    },
    // A month that is full.
    Few {
        query: "growth: hashtags of 30 days",
        which: Which::Days(31),
        path: |random| {
            let from = moment_of(random, 31, 30);
            let to = from + 30 * DAY;
            format!("/trend/hashtags?limit=20&from_date={from}&to_date={to}")
        },
    },
    // Hashtags that are there every day.
    Few {
        query: "growth: hashtags that start so",
        which: Which::Days(60),
        path: |random| {
            let tag = 10 + random.upto(80);
            let from = START + random.draw() % (5 * DAY);
            let to = START + 60 * DAY - random.draw() % (5 * DAY);
            format!("/trend/hashtags?limit=10&from_date={from}&to_date={to}&prefix=tag{tag}")
        },
    },
];

const QUERIES: [Query; 24] = [
    ("trend, two years at 24 h", |random| {
        format!("/trend?aggregation=24h&{}", years(random))
    }),
    ("growth: feed, the newest again and again", |_| {
        "/message?limit=20".to_owned()
    }),
    ("growth: feed, 1000 at a time", |random| {
        format!("/message?limit=1000&cursor={}", cursor(random, 500))
    }),
    ("growth: feed, deep cursor", |random| {
        format!("/message?limit=20&cursor={}", cursor(random, 30))
    }),
    ("growth: feed by date", |random| {
        let from = moment(random, 60);
        format!(
            "/message?limit=20&from_date={from}&to_date={}",
            from + 30 * DAY
        )
    }),
    ("growth: feed by user", |random| {
        format!(
            "/message?limit=20&user_name=user{}&{}",
            random.upto(40),
            lately(random)
        )
    }),
    ("growth: feed by user, deep cursor", |random| {
        let user = random.upto(5);
        format!(
            "/message?limit=20&user_name=user{user}&cursor={}",
            cursor(random, 300)
        )
    }),
    ("growth: feed by hashtag", |random| {
        format!(
            "/message?limit=20&hashtag=tag{}&{}",
            random.upto(80),
            lately(random)
        )
    }),
    ("growth: feed by hashtag, deep cursor", |random| {
        let tag = random.upto(10);
        format!(
            "/message?limit=20&hashtag=tag{tag}&cursor={}",
            cursor(random, 300)
        )
    }),
    ("growth: feed by hashtag and date", |random| {
        let (tag, from) = (random.upto(5), moment(random, 365));
        let to = from + 300 * DAY;
        format!("/message?limit=20&hashtag=tag{tag}&from_date={from}&to_date={to}")
    }),
    ("growth: feed by two hashtags", |random| {
        let (one, two) = [(1, 2), (1, 3), (2, 3), (1, 4)][random.draw() as usize % 4];
        format!(
            "/message?limit=20&hashtag=tag{one}&hashtag=tag{two}&{}",
            lately(random)
        )
    }),
    ("growth: feed by two hashtags, seldom together", |random| {
        let (one, two) = (100 + random.upto(100), 200 + random.upto(100));
        format!(
            "/message?limit=20&hashtag=tag{one}&hashtag=tag{two}&{}",
            lately(random)
        )
    }),
    ("growth: feed by user and hashtag", |random| {
        let (user, tag) = (random.upto(2), random.upto(3));
        format!(
            "/message?limit=20&user_name=user{user}&hashtag=tag{tag}&{}",
            lately(random)
        )
    }),
    (
        "growth: feed by user and hashtag, seldom together",
        |random| {
            let (user, tag) = (100 + random.upto(100), 100 + random.upto(100));
            format!(
                "/message?limit=20&user_name=user{user}&hashtag=tag{tag}&{}",
                lately(random)
            )
        },
    ),
    ("growth: feed of what does not exist", |random| {
        format!("/message?limit=20&hashtag=absent{}", random.draw())
    }),
    ("growth: trend, 24 h at 1 m", |random| {
        let from = moment(random, 2);
        format!(
            "/trend?aggregation=1m&fill=true&from_date={from}&to_date={}",
            from + DAY
        )
    }),
    ("growth: trend, 30 days at 1 h, one hashtag", |random| {
        let (tag, from) = (random.upto(20), moment(random, 31));
        let to = from + 30 * DAY;
        format!("/trend?aggregation=1h&fill=true&hashtag=tag{tag}&from_date={from}&to_date={to}")
    }),
    ("growth: trend, 400 days at 1 h", |random| {
        let from = moment(random, 401);
        let to = from + 400 * DAY;
        format!("/trend?aggregation=1h&fill=true&from_date={from}&to_date={to}")
    }),
    (
        "growth: trend, two years at 7 days, three hashtags",
        |random| {
            let tag = random.upto(20);
            let (two, three) = (tag + 20, tag + 40);
            format!(
                "/trend?aggregation=168h&fill=true&{}&hashtag=tag{tag}&hashtag=tag{two}&hashtag=tag{three}",
                years(random)
            )
        },
    ),
    ("growth: hashtags of all times", |random| {
        format!("/trend/hashtags?limit=20&{}", years(random))
    }),
    ("growth: hashtags of 30 days", |random| {
        let from = moment(random, 31);
        format!(
            "/trend/hashtags?limit=20&from_date={from}&to_date={}",
            from + 30 * DAY
        )
    }),
    ("growth: hashtags of a day", |random| {
        let from = moment(random, 2);
        format!(
            "/trend/hashtags?limit=20&from_date={from}&to_date={}",
            from + DAY
        )
    }),
    ("growth: hashtags that start so", |random| {
        let tag = 10 + random.upto(80);
        format!("/trend/hashtags?limit=10&{}&prefix=tag{tag}", years(random))
    }),
    ("growth: users that start so", |random| {
        format!("/user?limit=10&prefix=user{}", random.upto(9))
    }),
];

/// About two years, never quite the same.
fn years(random: &mut Random) -> String {
    let from = START + random.draw() % (60 * DAY);
    let to = START + DAYS * DAY - random.draw() % (60 * DAY);
    format!("from_date={from}&to_date={to}")
}

/// The newest as they were at some moment of the last 60 days.
fn lately(random: &mut Random) -> String {
    let to = START + DAYS * DAY - random.draw() % (60 * DAY);
    format!("to_date={to}")
}

/// A moment, in milliseconds, that so many days still follow.
fn moment(random: &mut Random, days: u64) -> u64 {
    moment_of(random, DAYS, days)
}

/// The same within the first days.
fn moment_of(random: &mut Random, within: u64, days: u64) -> u64 {
    START + random.draw() % ((within - days) * DAY)
}

/// A cursor that so many days lie before.
fn cursor(random: &mut Random, days: u64) -> MessageId {
    let millis = moment(random, days) + days * DAY;
    MessageId::from_parts(millis as i64, 0)
}

/// Whether any row here is to be measured, of the store whose rows are called
/// so.
pub fn any(settings: &Settings, store: &str) -> bool {
    let names = QUERIES.iter().map(|(name, _)| *name).chain([BY_ID]);
    names
        .map(|name| called(store, name))
        .any(|name| settings.wants(&name))
}

/// The rows of the embedded store have no name before theirs.
fn called(store: &str, name: &str) -> String {
    format!("{store}{name}")
}

/// The rows that may be asked for by name. A small store is made with its
/// messages within so many days.
pub fn measure(
    settings: &Settings,
    store: &str,
    small: &dyn Fn(Which) -> Result<Dunder>,
    large: &Dunder,
    table: &mut Table,
) -> Result<()> {
    let mut usual: Option<Dunder> = None;
    for (query, path) in QUERIES {
        let name = called(store, query);
        if !settings.wants(&name) {
            continue;
        }
        let many = Requests::Gets(paths(path));
        let row = match FEW.iter().find(|few| few.query == query) {
            Some(few) => {
                let small = small(few.which)?;
                let few = Requests::Gets(paths(few.path));
                row(settings, &name, (&small, &few), (large, &many))?
            }
            None => {
                let small = of_two_years(&mut usual, small)?;
                row(settings, &name, (small, &many), (large, &many))?
            }
        };
        table.push(row);
    }
    let by_id = called(store, BY_ID);
    if settings.wants(&by_id) {
        let small = of_two_years(&mut usual, small)?;
        let paths = |dunder: &Dunder| -> Result<Requests> {
            let ids = reads::ids(&dunder.address, DIFFERENT)?;
            let paths = ids.iter().map(|id| format!("/message/{id}"));
            Ok(Requests::Gets(paths.collect()))
        };
        let (few, many) = (paths(small)?, paths(large)?);
        table.push(row(settings, &by_id, (small, &few), (large, &many))?);
    }
    Ok(())
}

/// The small store that most queries ask, made when it is first needed.
fn of_two_years<'s>(
    usual: &'s mut Option<Dunder>,
    small: &dyn Fn(Which) -> Result<Dunder>,
) -> Result<&'s Dunder> {
    match usual {
        Some(usual) => Ok(usual),
        empty => Ok(empty.insert(small(Which::Days(DAYS))?)),
    }
}

/// Some requests of every query.
pub fn mixed(address: &str) -> Result<Vec<String>> {
    let mut random = Random::new();
    let mut mixed = Vec::new();
    for id in reads::ids(address, 100)? {
        mixed.push(format!("/message/{id}"));
        mixed.extend(QUERIES.iter().map(|(_, path)| path(&mut random)));
    }
    Ok(mixed)
}

fn paths(path: fn(&mut Random) -> String) -> Vec<String> {
    let mut random = Random::new();
    (0..DIFFERENT).map(|_| path(&mut random)).collect()
}

/// The first answer is not measured: what a server reads once, the months of
/// hashtags, it reads for that.
fn warm(name: &str, dunder: &Dunder, requests: &Requests) -> Result<()> {
    let Requests::Gets(paths) = requests else {
        return Ok(());
    };
    let first = paths.first().ok_or("no path")?;
    let begun = Instant::now();
    let mut tries = 0;
    // A reader of many months may be cut off; the months are read all the same.
    while let Err(error) = answer::get(&dunder.address, first) {
        tries += 1;
        if tries == 5 {
            return Err(error);
        }
    }
    let took = begun.elapsed();
    if took > Duration::from_secs(1) {
        eprintln!("{name}: the first answer took {:.1} s", took.as_secs_f64());
    }
    Ok(())
}

fn row(
    settings: &Settings,
    name: &str,
    (small, few): (&Dunder, &Requests),
    (large, many): (&Dunder, &Requests),
) -> Result<Row> {
    for (dunder, requests) in [(small, few), (large, many)] {
        warm(name, dunder, requests)?;
    }
    // There are many of these, and each is one connection alone.
    let seconds = settings.seconds / 3.0;
    let pairs = Pairs::measure(
        name,
        settings.pairs,
        || small.load(few, 1, seconds),
        || large.load(many, 1, seconds),
        by_latency,
    )?;
    let mut row = Row::of_pairs(name, 1, &pairs, Goal::AtMost(2.0));
    let pair = pairs.median();
    row.limit = format!(
        "{} µs on 10 thousand messages; answers of {} and {} bytes",
        pair.limit.p50.as_micros(),
        pair.limit.answer,
        pair.row.answer
    );
    row.peak_memory = Some(large.peak_memory());
    Ok(row)
}
