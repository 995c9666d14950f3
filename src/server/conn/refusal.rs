//! What a client is told when its request never reaches the router. hyper
//! answers a malformed or oversized head by itself, with an empty body; here
//! the answer gets the envelope that every other failure has. And a client
//! that is still sending is read from for a while before the connection goes:
//! the system would otherwise take the answer back with a reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::server::response::progress::Progress;

/// How long, and how much, a refused client may still send.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;

/// hyper's own answer is a head of three short headers, in one write.
const LONGEST_OWN: usize = 256;

macro_rules! refusal {
    ($status:literal, $length:literal, $body:literal) => {
        concat!(
            "HTTP/1.1 ",
            $status,
            "\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\n",
            "cache-control: no-store\r\nconnection: close\r\ncontent-length: ",
            $length,
            "\r\n\r\n",
            $body
        )
        .as_bytes()
    };
}

const MALFORMED: &[u8] = refusal!(
    "400 Bad Request",
    "70",
    r#"{"error":"the request is not valid HTTP/1.1","code":"invalid_request"}"#
);
const URI_TOO_LONG: &[u8] = refusal!(
    "414 URI Too Long",
    "83",
    r#"{"error":"path and query are too long; ask for less at once","code":"uri_too_long"}"#
);
const HEAD_TOO_LARGE: &[u8] = refusal!(
    "431 Request Header Fields Too Large",
    "76",
    r#"{"error":"the headers are too large; send fewer","code":"headers_too_large"}"#
);
const HEAD_TOO_SLOW: &[u8] = refusal!(
    "408 Request Timeout",
    "69",
    r#"{"error":"the request's head took too long","code":"request_timeout"}"#
);

/// A stream on which no refusal goes without its reason.
pub(crate) struct RefusalStream<S> {
    stream: S,
    /// Of the answer that is made piece by piece: no refusal begins within it.
    progress: Arc<Progress>,
    /// The last write took only part of what it was given: the next begins
    /// with the rest of it, which may be what an author wrote.
    is_within: bool,
    /// Written in the place of hyper's own answer, from this byte on.
    instead: Option<(&'static [u8], usize)>,
    is_refused: bool,
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> RefusalStream<S> {
    pub(crate) fn new(stream: S, progress: Arc<Progress>) -> RefusalStream<S> {
        RefusalStream {
            stream,
            progress,
            is_within: false,
            instead: None,
            is_refused: false,
            lingering: None,
        }
    }

    /// The stream below.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RefusalStream<S> {
    /// Tells a client that its head came too slowly. What does not fit into
    /// the system's buffer at once is not waited for.
    pub(crate) fn too_slow(&mut self, task: &mut Task<'_>) {
        let mut stream = Pin::new(&mut self.stream);
        let _ = stream.as_mut().poll_write(task, HEAD_TOO_SLOW);
        let _ = stream.as_mut().poll_flush(task);
        let _ = stream.poll_shutdown(task);
    }

    /// Writes our answer instead of hyper's, and says that hyper's went out.
    fn poll_instead(&mut self, task: &mut Task<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some((answer, at)) = &mut self.instead {
            let stream = Pin::new(&mut self.stream);
            *at += ready!(stream.poll_write(task, &answer[*at..]))?;
            if *at == answer.len() {
                self.instead = None;
            }
        }
        Poll::Ready(Ok(length))
    }

    /// Remembers where the next write begins.
    fn wrote(&mut self, written: &Poll<io::Result<usize>>, length: usize) {
        if let Poll::Ready(Ok(written)) = written {
            self.is_within = *written < length;
        }
    }

    /// Reads on until the client is done, or has had enough time.
    fn poll_linger(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let (timer, drained) = self
            .lingering
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), 0));
        let mut scratch = [0; 4096];
        while *drained < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(task, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *drained += buffer.filled().len();
                }
                Poll::Ready(_) => break,
                Poll::Pending => return timer.as_mut().poll(task),
            }
        }
        Poll::Ready(())
    }
}

/// Our answer for one that hyper made by itself: it has no body, and not the
/// header that all of the router's have.
fn instead_of(bytes: &[u8]) -> Option<&'static [u8]> {
    if bytes.len() > LONGEST_OWN || !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let own = |status: &[u8]| bytes.get(8..13) == Some(status);
    let answer = match () {
        () if own(b" 400 ") => MALFORMED,
        () if own(b" 414 ") => URI_TOO_LONG,
        () if own(b" 431 ") => HEAD_TOO_LARGE,
        () => return None,
    };
    let is_routed = bytes.windows(12).any(|part| part == b"x-request-id");
    (bytes.starts_with(b"HTTP/1.") && !is_routed).then_some(answer)
}

impl<S: AsyncRead + Unpin> AsyncRead for RefusalStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(task, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for RefusalStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none()
            && !self.is_within
            && let Some(answer) = instead_of(bytes)
            && !self.progress.is_writing()
        {
            self.instead = Some((answer, 0));
            self.is_refused = true;
        }
        if self.instead.is_some() {
            return self.poll_instead(task, bytes.len());
        }
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.wrote(&written, bytes.len());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(task))?;
        }
        if self.is_refused {
            ready!(self.poll_linger(task));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // An answer without a body is one slice.
        if let [one] = slices {
            return self.poll_write(task, one);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, slices);
        self.wrote(&written, slices.iter().map(|slice| slice.len()).sum());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::api::{Code, ErrorBody};

    /// What looks like hyper's own answer.
    const OWN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";

    fn stream(room: usize) -> (RefusalStream<DuplexStream>, DuplexStream, Arc<Progress>) {
        let (ours, client) = tokio::io::duplex(room);
        let progress = Arc::new(Progress::default());
        let stream = RefusalStream::new(ours, Arc::clone(&progress));
        (stream, client, progress)
    }

    #[tokio::test]
    async fn a_body_that_looks_like_a_refusal_is_written_whatever_part_of_it_is_left() {
        let head = b"HTTP/1.1 200 OK\r\nx-request-id: 1-2\r\n\r\n";
        let answer = [head, OWN, OWN].concat();
        for room in 1..answer.len() {
            let (mut stream, mut client, _) = stream(room);
            let mut read = Vec::new();
            let write = async {
                let slices = [&answer[..head.len()], &answer[head.len()..]];
                let slices = slices.map(io::IoSlice::new);
                let written = stream.write_vectored(&slices).await.unwrap();
                stream.write_all(&answer[written..]).await.unwrap();
                drop(stream);
            };
            let (_, read_to_end) = tokio::join!(write, client.read_to_end(&mut read));
            read_to_end.unwrap();
            assert_eq!(
                read.escape_ascii().to_string(),
                answer.escape_ascii().to_string()
            );
        }
    }

    #[tokio::test]
    async fn a_refusal_is_replaced_between_answers_and_not_among_the_pieces_of_one() {
        let (mut stream, mut client, progress) = stream(4_096);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        progress.begin(false);
        stream.write_all(OWN).await.unwrap();
        progress.end();
        stream.write_all(OWN).await.unwrap();
        drop(stream);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        let all = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], OWN, MALFORMED].concat();
        assert_eq!(
            read.escape_ascii().to_string(),
            all.escape_ascii().to_string()
        );
    }

    #[test]
    fn every_refusal_has_the_length_it_says_and_a_body_that_is_json() {
        for answer in [MALFORMED, URI_TOO_LONG, HEAD_TOO_LARGE, HEAD_TOO_SLOW] {
            let text = std::str::from_utf8(answer).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let length = format!("content-length: {}", body.len());
            assert!(head.ends_with(&length), "{length} in {head}");
            let body: ErrorBody = serde_json::from_str(body).unwrap();
            assert_ne!(body.code, Code::Unknown, "{}", body.error);
        }
    }

    #[test]
    fn only_answers_that_hyper_made_by_itself_are_replaced() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(instead_of(own), Some(HEAD_TOO_LARGE));
        let routed =
            b"HTTP/1.1 400 Bad Request\r\nx-request-id: 1-2\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(instead_of(routed), None);
        let text = b"HTTP/1.1 400 ".repeat(100);
        assert_eq!(instead_of(&text), None);
        assert_eq!(instead_of(&text[..26]), None);
        assert_eq!(instead_of(&[&text[..], b"\r\n\r\n"].concat()), None);
        assert_eq!(instead_of(b"HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(instead_of(b""), None);
    }
}
