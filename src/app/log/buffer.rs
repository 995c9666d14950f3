//! Between those who log and the stream that the log goes to. A stream that
//! nobody reads (a paused pager, a full pipe) must not stop the server: lines
//! wait here, up to a limit in bytes, and one thread writes them; what does
//! not fit is dropped and counted, and the count is said once there is room.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::metrics::Counter;

/// Bytes that may wait: half a minute of a busy server's log.
pub(super) const LIMIT: usize = 4 << 20;
/// Memory that is kept for the next lines once all were written.
const KEPT: usize = 64 * 1024;
/// Room beyond the limit for the line that says what was dropped.
const RESERVE: usize = 4 * 1024;
/// How long a stream that would block is left alone.
const BUSY: Duration = Duration::from_millis(20);

/// Lines that wait to be written.
pub(super) struct Buffer {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
    writer: OnceLock<ThreadId>,
    /// All that were dropped.
    dropped: Counter,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Lines that found no room, and were not yet spoken of.
    dropped: u64,
    /// Lines were taken out and may not have arrived.
    is_writing: bool,
}

impl Buffer {
    /// A buffer of `limit` bytes whose lines a thread writes to `out`; `say`
    /// logs how many lines were dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        limit: usize,
        out: impl Write + Send + 'static,
        say: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Arc<Buffer>> {
        let buffer = Arc::new(Buffer {
            limit,
            state: Mutex::default(),
            changed: Condvar::new(),
            writer: OnceLock::new(),
            dropped: Counter::default(),
        });
        let of_thread = Arc::clone(&buffer);
        thread::Builder::new()
            .name("dunder-log".to_owned())
            .spawn(move || of_thread.write_on(out, &say))?;
        Ok(buffer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line, or counts it as dropped. Never waits for the stream.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state();
        let mut room = self.limit.saturating_sub(state.lines.len());
        if line.len() > room && self.writer.get() == Some(&thread::current().id()) {
            room += RESERVE;
        }
        if line.len() > room {
            state.dropped += 1;
            self.dropped.increment();
            return;
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.changed.notify_all();
        }
    }

    /// Lines dropped up to now.
    pub(super) fn dropped_lines(&self) -> u64 {
        self.dropped.count()
    }

    /// Waits until everything logged so far was written, at most for
    /// `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let pending = |state: &mut State| !state.lines.is_empty() || state.is_writing;
        let waited = self
            .changed
            .wait_timeout_while(self.state(), patience, pending);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn write_on(&self, mut out: impl Write, say: &impl Fn(u64)) {
        let _ = self.writer.set(thread::current().id());
        let mut lines = Vec::new();
        loop {
            let dropped = self.take(&mut lines);
            if dropped > 0 {
                say(dropped);
            }
            let lost = write_all(&mut out, &lines)
                .err()
                .map_or(0, |_| count(&lines));
            lines.clear();
            lines.shrink_to(KEPT);
            let mut state = self.state();
            // A stream that refuses everything is told of it when it takes
            // something again.
            state.dropped += lost;
            self.dropped.add(lost);
            state.is_writing = false;
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for lines and takes them all, and the count of those dropped
    /// after them.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let nothing = |state: &mut State| state.lines.is_empty();
        let state = self.changed.wait_while(self.state(), nothing);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.lines, lines);
        state.is_writing = true;
        std::mem::take(&mut state.dropped)
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// As [`Write::write_all`], for streams that somebody else has made
/// non-blocking too.
fn write_all(out: &mut impl Write, mut lines: &[u8]) -> io::Result<()> {
    while !lines.is_empty() {
        match out.write(lines) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => lines = &lines[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(BUSY),
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn line(n: usize) -> Vec<u8> {
        format!("line {n}\n").into_bytes()
    }

    /// A buffer over a pipe, which says in the log what was dropped.
    fn over_a_pipe(limit: usize) -> (Arc<Buffer>, impl BufRead) {
        let (reader, writer) = io::pipe().unwrap();
        let cell: Arc<OnceLock<Arc<Buffer>>> = Arc::default();
        let own = Arc::clone(&cell);
        let say = move |lines| {
            own.wait().push(format!("dropped {lines}\n").as_bytes());
        };
        let buffer = Buffer::start(limit, writer, say).unwrap();
        let _ = cell.set(Arc::clone(&buffer));
        (buffer, BufReader::new(reader))
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_up_and_what_was_dropped_is_said_in_its_place() {
        let (buffer, pipe) = over_a_pipe(1000);
        // Far more than the pipe and the buffer hold.
        const LINES: usize = 100_000;
        (0..LINES).for_each(|n| buffer.push(&line(n)));
        let mut read = pipe.lines().map(Result::unwrap);
        let (mut numbers, mut dropped, mut reports) = (Vec::new(), 0, 0);
        while numbers.len() + dropped < LINES {
            let line = read.next().unwrap();
            match line.split_once(' ').unwrap() {
                ("line", n) => numbers.push(n.parse::<usize>().unwrap()),
                (_, n) => {
                    dropped += n.parse::<usize>().unwrap();
                    reports += 1;
                }
            }
        }
        assert_eq!(numbers.len() + dropped, LINES);
        assert!(numbers.is_sorted() && numbers[..100].iter().copied().eq(0..100));
        assert!(reports > 0 && dropped > LINES / 2, "{dropped} in {reports}");
        buffer.push(b"line after\n");
        assert_eq!(read.next().unwrap(), "line after");
    }

    #[test]
    fn a_flush_waits_for_the_last_line_and_for_a_blocked_stream_no_longer_than_it_may() {
        let (buffer, pipe) = over_a_pipe(LIMIT);
        buffer.push(b"last\n");
        buffer.flush(LONG);
        let mut read = pipe.lines().map(Result::unwrap);
        assert_eq!(read.next().unwrap(), "last");
        (0..100_000).for_each(|n| buffer.push(&line(n)));
        // Would not come back at all otherwise.
        buffer.flush(Duration::from_millis(10));
        assert_eq!(read.next().unwrap(), "line 0");
    }

    /// Refuses to write at first, then says that it would block, then takes
    /// one byte at a time.
    struct Moody(u32, mpsc::Sender<u8>);

    impl Write for Moody {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::ErrorKind::StorageFull.into()),
                2 | 4 => Err(io::ErrorKind::WouldBlock.into()),
                3 | 6 => Err(io::ErrorKind::Interrupted.into()),
                _ => self.1.send(bytes[0]).map(|()| 1).map_err(io::Error::other),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_fails_for_a_while_loses_those_lines_alone_and_they_are_counted() {
        let (sender, bytes) = mpsc::channel();
        let (said, reports) = mpsc::channel();
        let say = move |lines| said.send(lines).unwrap();
        let buffer = Buffer::start(LIMIT, Moody(0, sender), say).unwrap();
        buffer.push(b"a\nb\n");
        buffer.flush(LONG);
        buffer.push(b"c\n");
        assert_eq!(reports.recv_timeout(LONG), Ok(2));
        buffer.flush(LONG);
        assert_eq!(bytes.try_iter().collect::<Vec<u8>>(), b"c\n");
    }
}
