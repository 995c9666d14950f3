//! Answers without an end over HTTP/1.1, written without hyper: it would keep
//! two buffers of 8 KiB and its own state for a client that says nothing more.
//! The connection is the answer's alone and ends with it.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use chrono::Utc;
use hyper::body::Body;
use hyper::header::{CONNECTION, DATE, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Version};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::server::conn::write_timeout::WriteTimeout;
use crate::server::response::Answer;
use crate::server::response::body::AnswerBody;

/// Bytes that a client may send behind its request, which nobody reads.
const MOST_BEHIND: usize = 16 * 1024;
/// Read at once of them.
const AT_ONCE: usize = 64;
/// Between two attempts to send something to a client that has closed its side.
const AGAIN: Duration = Duration::from_secs(1);
/// RFC 9110, section 5.6.7.
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// An answer that nothing of is written yet, with its connection.
pub(crate) struct Endless<S> {
    stream: WriteTimeout<S>,
    head: Bytes,
    body: AnswerBody,
    /// Whether the pieces are chunks, so that the client knows a whole answer
    /// from one that broke off. HTTP/1.0 has none.
    is_chunked: bool,
    /// Bytes that came behind the request.
    behind: usize,
    /// Once the client has closed its side.
    closed: Option<Closed>,
}

struct Closed {
    /// When it is looked for again.
    again: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Endless<S> {
    /// What answers a request of a version; `behind` bytes behind that were
    /// read already.
    pub(crate) fn new(
        stream: WriteTimeout<S>,
        answer: Answer,
        version: Version,
        behind: usize,
    ) -> Endless<S> {
        let (mut parts, body) = answer.into_parts();
        let is_chunked = version != Version::HTTP_10;
        let headers = &mut parts.headers;
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if is_chunked {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        if let Ok(now) = HeaderValue::try_from(Utc::now().format(HTTP_DATE).to_string()) {
            headers.insert(DATE, now);
        }
        let version = if is_chunked { "HTTP/1.1" } else { "HTTP/1.0" };
        Endless {
            stream,
            head: head(&format!("{version} {}", parts.status), headers),
            body,
            is_chunked,
            behind,
            closed: None,
        }
    }

    /// Writes it until it ends or the client is gone.
    ///
    /// # Errors
    /// It broke off.
    pub(crate) async fn write(mut self) -> io::Result<()> {
        let head = std::mem::take(&mut self.head);
        self.send(head).await?;
        while let Some(piece) = self.piece().await? {
            if self.is_chunked {
                let length = format!("{:x}\r\n", piece.len());
                let chunk = Bytes::from(length).chain(piece).chain(&b"\r\n"[..]);
                self.send(chunk).await?;
            } else {
                self.send(piece).await?;
            }
        }
        if self.is_chunked {
            self.send(&b"0\r\n\r\n"[..]).await?;
        }
        self.stream.shutdown().await
    }

    async fn send(&mut self, mut bytes: impl Buf) -> io::Result<()> {
        self.stream.write_all_buf(&mut bytes).await?;
        self.stream.flush().await
    }

    /// The next piece, unless the client leaves before there is one.
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        poll_fn(|task| {
            if let Poll::Ready(left) = self.poll_left(task) {
                return Poll::Ready(Err(left));
            }
            self.look_for_it(task);
            let frame = Pin::new(&mut self.body).poll_frame(task);
            frame.map(|frame| match frame {
                Some(Ok(frame)) => Ok(frame.into_data().ok()),
                Some(Err(error)) => Err(io::Error::other(error)),
                None => Ok(None),
            })
        })
        .await
    }

    /// Ends when the connection breaks, or the client says too much.
    fn poll_left(&mut self, task: &mut Task<'_>) -> Poll<io::Error> {
        if self.closed.is_some() {
            return Poll::Pending;
        }
        while self.behind <= MOST_BEHIND {
            let mut bytes = [0; AT_ONCE];
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(task, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    self.body.doubt();
                    let again = Some(Box::pin(sleep(AGAIN)));
                    self.closed = Some(Closed { again });
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) => self.behind += buffer.filled().len(),
            }
        }
        let much = "the client sent too much behind a request whose answer has no end";
        Poll::Ready(io::Error::other(much))
    }

    /// A client that has closed its side has left, or has only said all it had
    /// to say, as `nc` does: nothing that is read tells one from the other. The
    /// system of one that has left refuses what is sent to it, and then the
    /// next writing fails.
    fn look_for_it(&mut self, task: &mut Task<'_>) {
        let Some(Closed { again }) = &mut self.closed else {
            return;
        };
        if again
            .as_mut()
            .is_some_and(|timer| timer.as_mut().poll(task).is_ready())
        {
            *again = None;
            self.body.doubt();
        }
    }
}

fn head(status: &str, headers: &HeaderMap) -> Bytes {
    let mut first = String::with_capacity(512);
    let _ = write!(first, "{status}\r\n");
    let mut out = first.into_bytes();
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}
