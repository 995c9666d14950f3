//! A page of messages, written in pieces. Between two pieces a page holds no
//! message: it knows after which one to go on, and reads the next few when the
//! client has taken those before. What is deleted meanwhile is left out, and
//! what is posted meanwhile is newer than the page.

use std::sync::Arc;
use std::time::Duration;

use crate::api;
use crate::domain::{ColdRead, FeedFilter, FeedLimit, FeedPage, Message, MessageId, Store};
use crate::output::format::Writer;
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::handle::{cold, message};
use crate::server::metrics::{Read, Reads};
use crate::server::response::body::PIECE;
use crate::server::response::stream::{Boxed, Made, Source};

/// Messages read at first: a page of this length is one short read.
pub(crate) const FIRST: usize = 100;
/// The most messages read for one piece.
const MOST: usize = 256;

/// What writes a page one message at a time.
pub(crate) enum Lines {
    /// The envelope, which is asked for most.
    Json,
    /// Any other form.
    Of(Box<dyn Writer>),
}

impl Lines {
    fn head(&mut self, out: &mut Vec<u8>) {
        match self {
            Lines::Json => out.extend_from_slice(br#"{"data":{"messages":["#),
            Lines::Of(writer) => writer.begin(&[], out),
        }
    }

    fn message(&mut self, out: &mut Vec<u8>, message: &Message, is_first: bool) {
        match self {
            Lines::Json => {
                if !is_first {
                    out.push(b',');
                }
                message::write_json(out, message);
            }
            Lines::Of(writer) => writer.rows(&[&message::on_the_wire(message)], out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>, next_cursor: Option<MessageId>, cold: &ColdRead) {
        match self {
            Lines::Json => {
                out.push(b']');
                if !cold.missing.is_empty() {
                    out.extend_from_slice(br#","missing":"#);
                    let missing = cold::missing(cold);
                    // Two texts a span always encode.
                    out.extend(serde_json::to_vec(&missing).unwrap_or_else(|_| b"[]".to_vec()));
                }
                if let Some(cursor) = next_cursor {
                    out.extend_from_slice(br#","next_cursor":"#);
                    api::json::write_text(out, cursor.text(&mut [0; MessageId::CHARS]));
                }
                out.extend_from_slice(b"}}");
            }
            Lines::Of(writer) => writer.end(None, out),
        }
    }
}

/// A whole page in JSON, of about so many bytes of messages.
pub(crate) fn json(page: &FeedPage, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 96);
    Lines::Json.head(&mut out);
    for (at, one) in page.messages.iter().enumerate() {
        Lines::Json.message(&mut out, one, at == 0);
    }
    Lines::Json.end(&mut out, page.next_cursor, &page.cold);
    out
}

/// What is still to be written of a page.
pub(crate) struct Pages {
    store: Arc<dyn Store>,
    reads: Reads,
    /// For each read.
    query_timeout: Duration,
    lines: Lines,
    filter: FeedFilter,
    /// Messages to come, at most.
    left: usize,
    /// Messages that are likely to fill the next piece.
    batch: usize,
    is_first: bool,
    /// What of the page came out of an archive so far.
    cold: ColdRead,
    /// The store stopped before it had as many messages as it was asked for,
    /// although more may follow: so does the page.
    is_stopped: bool,
}

impl Pages {
    pub(crate) fn new(context: &Context, filter: &FeedFilter, lines: Lines) -> Pages {
        Pages {
            store: Arc::clone(&context.store),
            reads: context.metrics.reads.clone(),
            query_timeout: context.settings.limits.query_timeout,
            lines,
            left: filter.limit.get(),
            filter: filter.clone(),
            batch: FIRST,
            is_first: true,
            cold: ColdRead::default(),
            is_stopped: false,
        }
    }

    /// The next messages, at most `count`.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn read(&mut self, count: usize) -> Result<FeedPage, ApiError> {
        let count = u16::try_from(count.min(self.left)).unwrap_or(FeedLimit::MAX);
        self.filter.limit = FeedLimit::new(count).unwrap_or_default();
        let read = self.store.feed(&self.filter);
        let page = self.reads.time(Read::Page, read).await?;
        self.cold.add(page.cold.clone());
        self.is_stopped = page.messages.len() < self.filter.limit.get();
        Ok(page)
    }

    /// Reads what is left behind these first messages of the page.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn read_rest(&mut self, page: &mut FeedPage) -> Result<(), ApiError> {
        let cursor = self.filter.cursor;
        self.filter.cursor = page.messages.last().map(|last| last.id).or(cursor);
        let rest = self
            .read(self.left - page.messages.len().min(self.left))
            .await;
        self.filter.cursor = cursor;
        let rest = rest?;
        page.messages.extend(rest.messages);
        page.next_cursor = rest.next_cursor;
        page.cold.add(rest.cold);
        Ok(())
    }

    /// About how many bytes the whole page has, going by its first messages.
    pub(crate) fn likely_length(&self, page: &FeedPage) -> usize {
        let lengths = page.messages.iter().map(message::json_length);
        lengths.sum::<usize>() * self.left / page.messages.len().max(1)
    }

    /// Whether these messages are all that is left.
    pub(crate) fn is_last(&self, page: &FeedPage) -> bool {
        page.next_cursor.is_none() || page.messages.len() >= self.left || self.is_stopped
    }

    /// Writes messages until a piece is full, and the end behind the last of
    /// the page; says whether it did.
    pub(crate) fn write(&mut self, page: &FeedPage, full: usize) -> (Vec<u8>, bool) {
        let lengths = page.messages.iter().map(message::json_length);
        let (all, longest) = lengths.fold((0, 0), |(all, longest), length| {
            (all + length, length.max(longest))
        });
        let mut out = Vec::with_capacity(all.min(full.saturating_add(longest)) + 96);
        if self.is_first {
            self.lines.head(&mut out);
        }
        let mut written = 0;
        for one in &page.messages {
            if written > 0 && out.len() >= full {
                break;
            }
            self.lines.message(&mut out, one, self.is_first);
            self.is_first = false;
            written += 1;
        }
        let is_last = written == page.messages.len() && self.is_last(page);
        if is_last {
            self.lines.end(&mut out, page.next_cursor, &self.cold);
        }
        self.left -= written.min(self.left);
        self.filter.cursor = written
            .checked_sub(1)
            .map(|last| page.messages[last].id)
            .or(self.filter.cursor);
        self.batch = (PIECE * written.max(1))
            .div_ceil(out.len().max(1))
            .min(MOST);
        (out, is_last)
    }
}

impl Source for Pages {
    fn next(mut self: Box<Self>) -> Boxed<Made> {
        Box::pin(async move {
            let (patience, batch) = (self.query_timeout, self.batch);
            let page = tokio::time::timeout(patience, self.read(batch)).await;
            let page = page.map_err(|_| ApiError::QueryTimeout(patience))??;
            let (piece, is_last) = self.write(&page, PIECE);
            let rest: Option<Box<dyn Source>> = if is_last { None } else { Some(self) };
            Ok((piece.into(), rest))
        })
    }
}
