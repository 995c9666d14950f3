//! `dunder import` of the synthetic messages, beside limit (c). Both are fed
//! the same messages slice by slice, in turn, so that both meet the same
//! machine. The store that comes of it is the one that is read from.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::archive::archive;
use super::messages::{Messages, VERSION, Which};
use super::server::{DISK, StoreDir, binary, other_binary};
use super::settings::Settings;
use super::sqlite::{BATCH, Feeder, schema};
use super::table::{Goal, Row};
use super::{Result, process};

/// Both take turns so often.
const SLICES: u64 = 20;
/// How long an import must wait for input before its slice counts as stored:
/// longer than it pauses between two batches by itself.
const LULL: Duration = Duration::from_millis(12);
/// In the store that the large one is compared with.
pub const FEW: u64 = 10_000;

pub fn row_name(messages: u64) -> String {
    format!("import of {messages} messages")
}

/// How an import went.
#[derive(Serialize, Deserialize)]
struct Figures {
    /// Which build of dunder it was.
    program: String,
    seconds: f64,
    limit_seconds: f64,
    /// Of the slices: time of the limit for one of the import's.
    lowest: f64,
    highest: f64,
    peak_memory: u64,
}

/// A store of the small size, gone when its last holder is.
pub fn small_store(which: Which) -> Result<StoreDir> {
    let store = StoreDir::temporary()?;
    let mut import = Import::start(&store.file())?;
    import.feed(&mut Messages::of(FEW, which))?;
    import.finish()?;
    Ok(store)
}

/// Fills the store that flags name; gives how many messages a second that
/// were.
pub fn fill(flags: &[String], messages: Messages) -> Result<f64> {
    let start = Instant::now();
    let mut import = Import::over(flags)?;
    let mut count = 0;
    for message in messages {
        message.write_line(&mut import.input)?;
        count += 1;
    }
    import.finish()?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// The store of the large size, kept from an earlier run where there is one.
pub fn large_store(settings: &Settings) -> Result<StoreDir> {
    let store = StoreDir::kept(place(settings.messages)?);
    if settings.fresh || !store.path().exists() {
        make(settings.messages, false)?;
    }
    Ok(store)
}

/// The large store with what is older than a day of the two years in an
/// archive beside it, kept from an earlier run where there is one; and how long
/// its file was before.
pub fn archived_store(settings: &Settings, day: u64) -> Result<(StoreDir, u64)> {
    let large = large_store(settings)?;
    let hot = fs::metadata(large.file())?.len();
    let name = large.path().file_name().ok_or("a store without a name")?;
    let place = shelf().join(format!("{}-archived-{day}", name.to_string_lossy()));
    let (store, done) = (StoreDir::kept(place), "archived");
    if settings.fresh || !store.path().join(done).exists() {
        // Also what was left by a run that ended in the middle.
        if store.path().exists() {
            fs::remove_dir_all(store.path())?;
        }
        fs::create_dir(store.path())?;
        fs::copy(large.file(), store.file())?;
        archive(&store, day)?;
        fs::write(store.path().join(done), "")?;
    }
    Ok((store, hot))
}

/// The row of the import, from the making of the large store by this very
/// build of dunder, and its row of memory.
pub fn rows(settings: &Settings) -> Result<[Row; 2]> {
    let messages = settings.messages;
    let known = fs::read(place(messages)?.join("figures.json")).ok();
    let known = known.and_then(|json| serde_json::from_slice::<Figures>(&json).ok());
    let figures = match known {
        Some(known) if known.program == program()? && !settings.fresh => known,
        _ => make(messages, true)?.ok_or("an import without figures")?,
    };
    let per_second = |seconds: f64| messages as f64 / seconds;
    let (rate, limit) = (
        per_second(figures.seconds),
        per_second(figures.limit_seconds),
    );
    let mut row = Row::new(&row_name(messages), Goal::AtLeast(0.5));
    row.rate = Some(rate);
    row.limit = format!("(c) {limit:.0}/s");
    row.ratio(rate / limit, (figures.lowest, figures.highest));
    row.peak_memory = Some(figures.peak_memory);
    let memory = Row::megabytes(
        &format!("memory of {}", row_name(messages)),
        figures.peak_memory,
        200,
    );
    Ok([row, memory])
}

/// Where a store of a size is kept: its name changes with all it depends on.
fn place(messages: u64) -> Result<PathBuf> {
    let schema = hash(schema()?.as_bytes());
    Ok(shelf().join(format!("bench-{messages}-{VERSION}-{schema:016x}")))
}

/// Where large stores are kept. Another binary has its own: it may not know
/// the schema of this build's.
fn shelf() -> PathBuf {
    let other = other_binary().map(|path| hash(path.as_os_str().as_encoded_bytes()));
    let other = other.map(|hash| format!("bench-of-{hash:016x}"));
    Path::new(DISK).join(other.unwrap_or_default())
}

/// FNV-1a, which is the same in every build.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Tells one build of dunder from another.
fn program() -> Result<String> {
    let file = fs::metadata(binary())?;
    Ok(format!("{} {:?}", file.len(), file.modified()?))
}

/// Makes the large store, and drops those of its size from other times.
fn make(messages: u64, beside_limit: bool) -> Result<Option<Figures>> {
    let place = place(messages)?;
    fs::create_dir_all(shelf())?;
    for old in fs::read_dir(shelf())?.flatten() {
        let name = old.file_name().to_string_lossy().into_owned();
        if name.starts_with(&format!("bench-{messages}-")) {
            fs::remove_dir_all(old.path())?;
        }
    }
    eprintln!("{}", row_name(messages));
    let unfinished = StoreDir::temporary()?;
    let mut import = Import::start(&unfinished.file())?;
    if !beside_limit {
        import.feed(&mut Messages::new(messages))?;
        import.finish()?;
        keep(&unfinished, &place)?;
        return Ok(None);
    }
    let limit_store = StoreDir::temporary()?;
    let mut feeder = Feeder::open(&limit_store.file())?;
    let mut slices = (Messages::new(messages), Messages::new(messages));
    let (mut times, mut limit_times) = (Vec::new(), Vec::new());
    for slice in 0..SLICES {
        let count = (messages / SLICES) as usize;
        let count = if slice == SLICES - 1 {
            usize::MAX
        } else {
            count
        };
        times.push(import.feed(&mut slices.0.by_ref().take(count))?);
        let (taken, rest) = feed(&mut feeder, slices.1, count)?;
        (slices.1, limit_times) = (rest, [limit_times, vec![taken]].concat());
        let (Some(one), Some(other)) = (times.last(), limit_times.last()) else {
            continue;
        };
        eprintln!(
            "slice {slice}: {:.1} s against {:.1} s",
            one.as_secs_f64(),
            other.as_secs_f64()
        );
    }
    let (rest, peak_memory) = import.finish()?;
    let mut ratios: Vec<f64> = times
        .iter()
        .zip(&limit_times)
        .map(|(one, other)| other.as_secs_f64() / one.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let sum = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64();
    let figures = Figures {
        program: program()?,
        seconds: sum(&times) + rest.as_secs_f64(),
        limit_seconds: sum(&limit_times),
        lowest: ratios[0],
        highest: ratios[ratios.len() - 1],
        peak_memory,
    };
    keep(&unfinished, &place)?;
    fs::write(place.join("figures.json"), serde_json::to_vec(&figures)?)?;
    Ok(Some(figures))
}

fn keep(store: &StoreDir, place: &Path) -> Result<()> {
    fs::create_dir(place)?;
    fs::rename(store.file(), StoreDir::kept(place.to_owned()).file())?;
    Ok(())
}

/// Feeds the limit; the messages are made on another thread.
fn feed(feeder: &mut Feeder, mut messages: Messages, count: usize) -> Result<(Duration, Messages)> {
    let (sender, batches) = sync_channel(4);
    let start = Instant::now();
    let maker = std::thread::spawn(move || {
        let mut left = count;
        while left > 0 {
            let batch: Vec<_> = messages.by_ref().take(BATCH.min(left)).collect();
            left -= batch.len();
            if batch.is_empty() || sender.send(batch).is_err() {
                break;
            }
        }
        messages
    });
    for batch in batches {
        feeder.feed(&batch)?;
    }
    let taken = start.elapsed();
    let messages = maker.join().map_err(|_| "making messages failed")?;
    Ok((taken, messages))
}

/// A running `dunder import` that reads what it is given.
pub struct Import {
    child: Child,
    input: BufWriter<ChildStdin>,
}

impl Import {
    pub fn start(file: &Path) -> Result<Import> {
        Import::over(&["--sqlite.path".to_owned(), file.display().to_string()])
    }

    fn over(flags: &[String]) -> Result<Import> {
        let mut child = Command::new(binary())
            .args(["import", "-"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        Ok(Import {
            child,
            input: BufWriter::with_capacity(256 * 1024, input),
        })
    }

    /// Gives a line.
    pub fn line(&mut self, line: &str) -> Result<()> {
        Ok(writeln!(self.input, "{line}")?)
    }

    /// Gives a message.
    pub fn message(&mut self, message: &super::messages::Synthetic) -> Result<()> {
        Ok(message.write_line(&mut self.input)?)
    }

    /// Gives messages and waits until all full batches of them are stored.
    fn feed(
        &mut self,
        messages: &mut impl Iterator<Item = super::messages::Synthetic>,
    ) -> Result<Duration> {
        let start = Instant::now();
        for message in messages {
            message.write_line(&mut self.input)?;
        }
        self.input.flush()?;
        let mut waits_since = Instant::now();
        while waits_since.elapsed() < LULL {
            if !process::is_waiting(self.child.id()) {
                waits_since = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(start.elapsed() - LULL)
    }

    /// Ends the input; gives the time that the rest took, and the memory used
    /// at most.
    pub fn finish(self) -> Result<(Duration, u64)> {
        let Import { mut child, input } = self;
        let start = Instant::now();
        drop(input);
        let mut peak = 0;
        let status = loop {
            peak = peak.max(process::peak_memory(child.id()));
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        if !status.success() {
            return Err(format!("import ended with {status}").into());
        }
        Ok((start.elapsed(), peak))
    }
}
