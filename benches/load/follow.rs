//! Those who follow: how late they are told, what they cost, and what one who
//! takes nothing does to the others.

mod crowd;
mod fanout;
mod post;

pub use fanout::run;

use std::time::{Duration, Instant};

use self::crowd::Crowd;
use self::fanout::Bare;
use self::post::{Paced, paced, post};
use super::Result;
use super::client::Requests;
use super::process;
use super::server::{Dunder, StoreDir};
use super::settings::Settings;
use super::table::{Goal, Row, Table};

/// Followers of the large rows.
const MANY: usize = 10_000;
/// Posts that all of them wait for, of each measurement.
const POSTS: usize = 5;

/// Rows that may be asked for by name.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        latency(settings, table).await?;
        one_hashtag(settings, table).await?;
        many_hashtags(settings, table).await?;
        stalled(settings, table).await
    })
}

/// What is between the answer to a post and a follower's being told.
async fn latency(settings: &Settings, table: &mut Table) -> Result<()> {
    let name = "following, added latency in ms, p99";
    if !settings.wants(name) {
        return Ok(());
    }
    let mut all = Vec::new();
    for _ in 0..settings.pairs {
        let dunder = Dunder::start(StoreDir::temporary()?)?;
        let crowd = Crowd::follow(&dunder.address, 1, |_| String::new()).await?;
        let offered = Paced::new(200.0, settings.seconds, 8, |_| String::new());
        let posts = paced(&dunder.address, offered).await?;
        let told = crowd.all_of(posts.len()).await?;
        let mut late: Vec<Duration> = told
            .iter()
            .map(|(number, at)| at.saturating_duration_since(posts[*number].answered))
            .collect();
        all.push(quantile(&mut late, 0.99).as_secs_f64() * 1e3);
    }
    all.sort_by(f64::total_cmp);
    let mut row = Row::new(name, Goal::AtMost(5.0));
    row.limit = "5 ms behind the answer to the post".to_owned();
    row.ratio(all[all.len() / 2], (all[0], all[all.len() - 1]));
    table.push(row);
    Ok(())
}

/// One post to all who follow one hashtag, against a program that writes the
/// same bytes to as many sockets, and the memory that a follower takes.
async fn one_hashtag(settings: &Settings, table: &mut Table) -> Result<()> {
    let name = "one post to 10,000 followers of one hashtag";
    let memory = "memory of a follower in kB";
    if !settings.wants(name) && !settings.wants(memory) {
        return Ok(());
    }
    let mut ratios = Vec::new();
    let (mut times, mut kilobytes) = ((0.0, 0.0), 0.0);
    for _ in 0..settings.pairs {
        let limit = {
            let mut bare = Bare::start(MANY)?;
            let crowd = Crowd::follow(&bare.address, MANY, |_| String::new()).await?;
            bare.control()?;
            let mut taken = Vec::new();
            for number in 0..POSTS {
                let begun = Instant::now();
                bare.write(number)?;
                taken.push(crowd.everybody(number).await? - begun);
            }
            quantile(&mut taken, 0.5).as_secs_f64()
        };
        let dunder = Dunder::start(StoreDir::temporary()?)?;
        let before = process::resident_memory(dunder.pid());
        let crowd = Crowd::follow(&dunder.address, MANY, |_| "hashtag=all".to_owned()).await?;
        let after = process::resident_memory(dunder.pid());
        kilobytes = after.saturating_sub(before) as f64 / 1e3 / MANY as f64;
        let mut taken = Vec::new();
        for number in 0..POSTS {
            let begun = Instant::now();
            post(&dunder.address, number, "all").await?;
            taken.push(crowd.everybody(number).await? - begun);
        }
        let row = quantile(&mut taken, 0.5).as_secs_f64();
        times = (row, limit);
        ratios.push(row / limit);
    }
    ratios.sort_by(f64::total_cmp);
    let mut row = Row::new(name, Goal::AtMost(2.0));
    row.connections = Some(MANY);
    row.limit = format!(
        "(f) bare sockets: {:.0} ms, dunder {:.0} ms",
        times.1 * 1e3,
        times.0 * 1e3
    );
    let middle = ratios[ratios.len() / 2];
    row.ratio(middle, (ratios[0], ratios[ratios.len() - 1]));
    table.push(row);
    let mut row = Row::new(memory, Goal::AtMost(10.0));
    row.connections = Some(MANY);
    row.ratio(kilobytes, (kilobytes, kilobytes));
    table.push(row);
    Ok(())
}

/// Posts at half of what the store takes, while everybody follows another
/// hashtag, against the same without followers.
async fn many_hashtags(settings: &Settings, table: &mut Table) -> Result<()> {
    let name = "durable POST at half the limit, 10,000 followers of 10,000 hashtags";
    if !settings.wants(name) {
        return Ok(());
    }
    let mut ratios = Vec::new();
    let mut rates = (0.0, 0.0);
    for _ in 0..settings.pairs {
        let dunder = Dunder::start(StoreDir::temporary()?)?;
        let load = dunder.load(&Requests::Posts, 256, settings.seconds)?;
        let half = load.per_second() / 2.0;
        let hashtag = |number: usize| format!("f{}", number % MANY);
        let offered = || Paced::new(half, settings.seconds, 128, hashtag);
        let alone = per_second(&paced(&dunder.address, offered()).await?);
        let query = |number: usize| format!("hashtag=f{number}");
        let crowd = Crowd::follow(&dunder.address, MANY, query).await?;
        let followed = paced(&dunder.address, offered()).await?;
        crowd.all_of(followed.len()).await?;
        let followed = per_second(&followed);
        rates = (followed, alone);
        ratios.push(followed / alone);
    }
    ratios.sort_by(f64::total_cmp);
    let mut row = Row::new(name, Goal::AtLeast(0.9));
    row.connections = Some(128);
    row.rate = Some(rates.0);
    row.limit = format!("without followers: {:.0}/s", rates.1);
    let middle = ratios[ratios.len() / 2];
    row.ratio(middle, (ratios[0], ratios[ratios.len() - 1]));
    table.push(row);
    Ok(())
}

/// How late 495 are told while five take nothing, against 500 who take all;
/// the five are told everything later.
async fn stalled(settings: &Settings, table: &mut Table) -> Result<()> {
    let name = "followers beside one in a hundred that takes nothing, p99";
    if !settings.wants(name) {
        return Ok(());
    }
    const ALL: usize = 500;
    let mut ratios = Vec::new();
    let mut times = (Duration::ZERO, Duration::ZERO);
    for _ in 0..settings.pairs {
        let mut measured = [Duration::ZERO; 2];
        for (turn, slow) in [0, ALL / 100].into_iter().enumerate() {
            let dunder = Dunder::start(StoreDir::temporary()?)?;
            let stalled = Crowd::stalled(&dunder.address, slow).await?;
            let crowd = Crowd::follow(&dunder.address, ALL - slow, |_| String::new()).await?;
            let offered = Paced::new(20.0, settings.seconds.max(5.0), 4, |_| String::new());
            let posts = paced(&dunder.address, offered.of_length(8_000)).await?;
            let told = crowd.all_of(posts.len() * (ALL - slow)).await?;
            let late = told.iter();
            let late = late.map(|(number, at)| at.saturating_duration_since(posts[*number].sent));
            measured[turn] = quantile(&mut late.collect::<Vec<_>>(), 0.99);
            let missed = stalled.wake().all_of(posts.len() * slow).await?;
            if missed.len() != posts.len() * slow {
                return Err("one that took nothing for a while lost something".into());
            }
        }
        times = (measured[1], measured[0]);
        ratios.push(measured[1].as_secs_f64() / measured[0].as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let mut row = Row::new(name, Goal::AtMost(1.1));
    row.connections = Some(ALL);
    row.limit = format!(
        "all take: {:.1} ms, with five that do not: {:.1} ms",
        times.1.as_secs_f64() * 1e3,
        times.0.as_secs_f64() * 1e3
    );
    let middle = ratios[ratios.len() / 2];
    row.ratio(middle, (ratios[0], ratios[ratios.len() - 1]));
    table.push(row);
    Ok(())
}

fn per_second(posts: &[post::Post]) -> f64 {
    let first = posts.iter().map(|post| post.sent).min();
    let last = posts.iter().map(|post| post.answered).max();
    let seconds = first.zip(last).map(|(first, last)| last - first);
    posts.len() as f64 / seconds.unwrap_or_default().as_secs_f64().max(1e-9)
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let at = (times.len() as f64 * share) as usize;
    times
        .get(at.min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
