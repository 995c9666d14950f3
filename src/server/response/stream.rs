//! An answer in pieces: what is made already, and what makes the rest.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use bytes::Bytes;

use crate::server::error::ApiError;

/// A future on the heap.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the pieces of an answer, one after the other.
pub(crate) trait Source: Send {
    /// The next piece, and what makes those after it, if any follow.
    fn next(self: Box<Self>) -> Boxed<Made>;
}

/// A piece, and what makes the rest.
pub(crate) type Made = Result<(Bytes, Option<Box<dyn Source>>), ApiError>;

/// The pieces of one answer.
pub(crate) struct Stream {
    ready: Bytes,
    rest: Rest,
    request_id: Box<str>,
}

enum Rest {
    Ends,
    Asleep(Box<dyn Source>),
    Making(Boxed<Made>),
}

impl Stream {
    /// The first piece is made, so that what can fail has failed before the
    /// client is told of success.
    pub(crate) fn new(first: Bytes, rest: Box<dyn Source>) -> Stream {
        Stream {
            ready: first,
            rest: Rest::Asleep(rest),
            request_id: Box::default(),
        }
    }

    /// Bytes that are made and not taken.
    pub(super) fn ready_bytes(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn set_request_id(&mut self, id: &str) {
        self.request_id = id.into();
    }

    /// The next piece, which may be empty; an error cuts the answer off, as nothing else can tell
    /// the client that it is not whole.
    pub(super) fn poll_next(
        &mut self,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Bytes, ApiError>>> {
        loop {
            if !self.ready.is_empty() {
                return Poll::Ready(Some(Ok(std::mem::take(&mut self.ready))));
            }
            match std::mem::replace(&mut self.rest, Rest::Ends) {
                Rest::Ends => return Poll::Ready(None),
                Rest::Asleep(source) => self.rest = Rest::Making(source.next()),
                Rest::Making(mut making) => {
                    let Poll::Ready(made) = making.as_mut().poll(task) else {
                        self.rest = Rest::Making(making);
                        return Poll::Pending;
                    };
                    match made {
                        Ok((piece, rest)) => {
                            self.rest = rest.map_or(Rest::Ends, Rest::Asleep);
                            return Poll::Ready(Some(Ok(piece)));
                        }
                        Err(error) => {
                            let request_id = &*self.request_id;
                            tracing::warn!(request_id, %error, "an answer broke off");
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
            }
        }
    }
}
