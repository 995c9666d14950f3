//! The body of an answer. A short one is a single piece with a length. A long
//! one is made piece by piece as the client takes it: the next piece is made
//! once the one before has left. What the answer holds, it holds until its
//! last byte has left or nobody wants it any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::server::error::ApiError;
use crate::server::layer::in_flight::InFlight;
use crate::server::response::progress::Progress;
use crate::server::response::stream::Stream;

/// The most bytes that are handed to a connection at once, and so about the
/// most that an answer keeps in memory beyond its share.
pub(crate) const PIECE: usize = 32 * 1024;

/// A whole answer up to so long is in the buffers of the connection once it is
/// made: what it holds is given back then. A longer one gives it back with its
/// last byte.
const AT_ONCE: usize = 8 * 1024;

/// What an answer says, and what it holds while it says it.
#[derive(Default)]
pub(crate) struct AnswerBody {
    content: Content,
    in_flight: Option<InFlight>,
    progress: Option<Arc<Progress>>,
    /// Of one without an end: who makes it is told that its client is silent
    /// for good, and may have left.
    doubt: Option<Arc<Notify>>,
}

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Whole(Bytes),
    /// The same for everybody who asks: it takes no memory of its own.
    Shared(Bytes),
    Stream(Box<Stream>),
}

impl AnswerBody {
    /// One piece of a known length.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> AnswerBody {
        AnswerBody::of(Content::Whole(bytes.into()))
    }

    /// One piece that others are given too.
    pub(crate) fn shared(bytes: Bytes) -> AnswerBody {
        AnswerBody::of(Content::Shared(bytes))
    }

    /// Pieces, made as they are taken.
    pub(crate) fn stream(stream: Stream) -> AnswerBody {
        AnswerBody::of(Content::Stream(Box::new(stream)))
    }

    fn of(content: Content) -> AnswerBody {
        AnswerBody {
            content,
            in_flight: None,
            progress: None,
            doubt: None,
        }
    }

    /// All of it, where it is made already.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Whole(bytes) | Content::Shared(bytes) => Some(bytes),
            Content::Empty | Content::Stream(_) => None,
        }
    }

    /// Bytes that this answer alone keeps in memory.
    pub(crate) fn own_bytes(&self) -> usize {
        match &self.content {
            Content::Whole(bytes) => bytes.len(),
            Content::Stream(stream) => stream.ready_bytes(),
            Content::Empty | Content::Shared(_) => 0,
        }
    }

    /// Whether it is made piece by piece.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.content, Content::Stream(_))
    }

    /// Whether it holds a share of memory already.
    pub(crate) fn has_memory(&self) -> bool {
        self.in_flight.as_ref().is_some_and(InFlight::has_memory)
    }

    /// Holds on to something until the last byte has left.
    pub(crate) fn hold(&mut self, in_flight: InFlight) {
        match &mut self.in_flight {
            Some(held) => held.join(in_flight),
            none => *none = Some(in_flight),
        }
    }

    /// The answer goes on for as long as its client takes it. Who makes it
    /// hears of doubts whether that is still there.
    pub(crate) fn set_endless(&mut self, doubt: Arc<Notify>) {
        self.doubt = Some(doubt);
    }

    /// Whether that is so.
    pub(crate) fn is_endless(&self) -> bool {
        self.doubt.is_some()
    }

    /// Asks for something to be sent to a client that may have left, or for an
    /// end where there is nothing that could be.
    pub(crate) fn doubt(&self) {
        self.doubt.iter().for_each(|doubt| doubt.notify_one());
    }

    /// Names the request in the log, should the answer break off.
    pub(crate) fn set_request_id(&mut self, id: &str) {
        if let Content::Stream(stream) = &mut self.content {
            stream.set_request_id(id);
        }
    }

    /// From now on every piece leaves before the next is made, and the end is
    /// told after the last has left.
    pub(crate) fn follow(&mut self, progress: Arc<Progress>) {
        if !matches!(self.content, Content::Empty) {
            progress.begin(self.is_endless());
            self.progress = Some(progress);
        }
    }

    /// The next piece, with what is held where nobody tells when it has left.
    fn poll_piece(&mut self, task: &mut Task<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
        let piece = match &mut self.content {
            Content::Empty => return Poll::Ready(None),
            Content::Stream(stream) => match ready!(stream.poll_next(task)) {
                Some(Ok(piece)) => piece,
                end => {
                    self.content = Content::Empty;
                    return Poll::Ready(end);
                }
            },
            Content::Whole(bytes) | Content::Shared(bytes) => match self.progress {
                Some(_) => bytes.split_to(bytes.len().min(PIECE)),
                None => std::mem::take(bytes),
            },
        };
        if self.bytes().is_some_and(Bytes::is_empty) {
            self.content = Content::Empty;
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = ApiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ApiError>>> {
        let this = &mut *self;
        if let Some(progress) = &this.progress {
            ready!(progress.poll_left(task));
        }
        let piece = loop {
            match ready!(this.poll_piece(task)) {
                // There is nothing that the client could take.
                Some(Ok(piece)) if piece.is_empty() => {
                    this.progress.iter().for_each(|progress| progress.moved());
                }
                Some(Ok(piece)) => break piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        };
        let piece = match &this.progress {
            Some(progress) => Bytes::from_owner(Followed {
                piece,
                progress: progress.send(),
            }),
            // One without an end is written until the client has gone.
            None if piece.len() > AT_ONCE && !this.is_endless() => match this.in_flight.take() {
                Some(in_flight) => Bytes::from_owner(Held {
                    piece,
                    _in_flight: in_flight,
                }),
                None => piece,
            },
            None => piece,
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        let has_left = self.progress.as_ref().is_none_or(|sent| sent.has_left());
        matches!(self.content, Content::Empty) && has_left
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) | Content::Shared(bytes) => {
                SizeHint::with_exact(bytes.len() as u64)
            }
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.end();
        }
    }
}

/// The bytes of a piece, which a connection drops once they have left.
struct Held {
    piece: Bytes,
    _in_flight: InFlight,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

/// The same, and the answer is told.
struct Followed {
    piece: Bytes,
    progress: Arc<Progress>,
}

impl AsRef<[u8]> for Followed {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.progress.left();
    }
}
