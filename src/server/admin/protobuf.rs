//! A profile as `pprof` reads it
//! (<https://github.com/google/pprof/blob/main/proto/profile.proto>): a few
//! numbered fields. The crates that would write them bring a compiler of
//! protocol buffers into the build.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use pprof::Report;

/// What the table of texts begins with, and where each is in it.
const TEXTS: [&str; 6] = ["", "samples", "count", "cpu", "nanoseconds", "thread"];
const SAMPLES: u64 = 1;
const COUNT: u64 = 2;
const CPU: u64 = 3;
const NANOSECONDS: u64 = 4;
const THREAD: u64 = 5;

/// A message of protocol buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// Seven bits a byte, the lowest first; more follow where the eighth is set.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Message {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn numbers(mut self, field: u64, values: &[u64]) -> Message {
        let mut packed = Message::default();
        values.iter().for_each(|value| packed.varint(*value));
        self.bytes(field, &packed.0);
        self
    }

    fn message(mut self, field: u64, message: &Message) -> Message {
        self.bytes(field, &message.0);
        self
    }
}

/// Texts, each once, by their numbers.
struct Texts(HashMap<String, u64>);

impl Texts {
    fn number(&mut self, text: String) -> u64 {
        let next = self.0.len() as u64;
        *self.0.entry(text).or_insert(next)
    }

    fn in_order(self) -> Vec<String> {
        let mut texts: Vec<_> = self.0.into_iter().collect();
        texts.sort_by_key(|(_, number)| *number);
        texts.into_iter().map(|(text, _)| text).collect()
    }
}

/// The profile of a report that took samples so often, for so long.
pub(super) fn profile(report: &Report, frequency: i32, time: Duration) -> Vec<u8> {
    let texts = TEXTS.iter().zip(0..);
    let mut texts = Texts(texts.map(|(text, n)| ((*text).to_owned(), n)).collect());
    let period = 1_000_000_000 / u64::from(frequency.unsigned_abs().max(1));
    let value_type = |kind, unit| Message::default().number(1, kind).number(2, unit);
    let mut profile = Message::default()
        .message(1, &value_type(SAMPLES, COUNT))
        .message(1, &value_type(CPU, NANOSECONDS));
    let mut functions = HashMap::new();
    let mut found = Vec::new();
    for (frames, count) in &report.data {
        let mut locations = Vec::new();
        for symbol in frames.frames.iter().flatten() {
            let next = functions.len() as u64 + 1;
            let id = *functions.entry(symbol.name()).or_insert(next);
            if id == next && found.len() < functions.len() {
                let name = texts.number(symbol.name());
                let system_name = texts.number(symbol.sys_name().into_owned());
                let file = texts.number(symbol.filename().into_owned());
                found.push((id, name, system_name, file));
            }
            locations.push(id);
        }
        let count = u64::try_from(*count).unwrap_or_default();
        let thread = texts.number(frames.thread_name_or_id());
        let label = Message::default().number(1, THREAD).number(2, thread);
        let sample = Message::default()
            .numbers(1, &locations)
            .numbers(2, &[count, count * period])
            .message(3, &label);
        profile = profile.message(2, &sample);
    }
    for (id, name, system_name, file) in found {
        let line = Message::default().number(1, id);
        let location = Message::default().number(1, id).message(4, &line);
        let function = Message::default()
            .number(1, id)
            .number(2, name)
            .number(3, system_name)
            .number(4, file);
        profile = profile.message(4, &location).message(5, &function);
    }
    for text in texts.in_order() {
        profile.bytes(6, text.as_bytes());
    }
    let began = SystemTime::now().checked_sub(time);
    let began = began.and_then(|began| began.duration_since(SystemTime::UNIX_EPOCH).ok());
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or_default();
    profile
        .number(9, began.map_or(0, nanos))
        .number(10, nanos(time))
        .message(11, &value_type(CPU, NANOSECONDS))
        .number(12, period)
        .0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_written_as_protocol_buffers_are() {
        let inner = Message::default().number(1, 150);
        assert_eq!(inner.0, [0x08, 0x96, 0x01]);
        let outer = Message::default().numbers(4, &[3, 270]).message(3, &inner);
        let expected = [0x22, 3, 3, 0x8e, 0x02, 0x1a, 3, 0x08, 0x96, 0x01];
        assert_eq!(outer.0, expected);
    }
}
