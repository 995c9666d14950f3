//! Many clients that follow, over bare sockets. A message says its number in
//! its text (`#12;`), and each that arrives is noted with its time.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, mpsc};

use crate::Result;

/// Connections made at once.
const AT_ONCE: usize = 64;
/// Nothing takes so long.
const PATIENCE: Duration = Duration::from_secs(120);
/// Of one that takes nothing: as little as the system gives.
const SMALL_BUFFER: u32 = 4 * 1024;

/// A message that arrived, by its number, and when.
pub type Told = (usize, Instant);

pub struct Crowd {
    count: usize,
    told: Mutex<mpsc::UnboundedReceiver<Told>>,
}

/// Clients that follow and take nothing yet.
pub struct Stalled(Vec<TcpStream>);

impl Crowd {
    /// So many, each with its own query; returns once all have caught up.
    pub async fn follow(
        address: &str,
        count: usize,
        query: impl Fn(usize) -> String,
    ) -> Result<Crowd> {
        let mut streams = Vec::with_capacity(count);
        for from in (0..count).step_by(AT_ONCE) {
            let some = (from..count.min(from + AT_ONCE)).map(|number| {
                let (address, query) = (address.to_owned(), query(number));
                tokio::spawn(async move { connect(&address, &query, None).await })
            });
            for stream in some.collect::<Vec<_>>() {
                streams.push(stream.await??);
            }
        }
        Ok(Crowd::of(streams))
    }

    /// The same, which take nothing until they are woken.
    pub async fn stalled(address: &str, count: usize) -> Result<Stalled> {
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(connect(address, "", Some(SMALL_BUFFER)).await?);
        }
        Ok(Stalled(streams))
    }

    fn of(streams: Vec<TcpStream>) -> Crowd {
        let (tell, told) = mpsc::unbounded_channel();
        let count = streams.len();
        for stream in streams {
            tokio::spawn(listen(stream, tell.clone()));
        }
        Crowd {
            count,
            told: Mutex::new(told),
        }
    }

    /// The next so many that arrive, with anybody.
    pub async fn all_of(&self, count: usize) -> Result<Vec<Told>> {
        let mut told = self.told.lock().await;
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let next = tokio::time::timeout(PATIENCE, told.recv()).await;
            let missing = || format!("{} of {count} arrived", all.len());
            all.push(next.map_err(|_| missing())?.ok_or_else(missing)?);
        }
        Ok(all)
    }

    /// When the last one has a message.
    pub async fn everybody(&self, number: usize) -> Result<Instant> {
        let told = self.all_of(self.count).await?;
        if told.iter().any(|(other, _)| *other != number) {
            return Err("another message arrived".into());
        }
        let last = told.into_iter().map(|(_, at)| at).max();
        Ok(last.ok_or("nobody follows")?)
    }
}

impl Stalled {
    /// They take what there is.
    pub fn wake(self) -> Crowd {
        Crowd::of(self.0)
    }
}

/// A client that has caught up.
async fn connect(address: &str, query: &str, buffer: Option<u32>) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let mut stream = socket.connect(address.parse()?).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /message/stream?{query} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while !read.windows(9).any(|some| some == b"caught-up") || !read.ends_with(b"\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Err(String::from_utf8_lossy(&read).into_owned().into()),
            count => read.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(stream)
}

/// Notes what arrives, until the stream ends or nobody asks any more.
async fn listen(mut stream: TcpStream, tell: mpsc::UnboundedSender<Told>) {
    let mut left = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let Ok(count @ 1..) = stream.read(&mut buffer).await else {
            return;
        };
        let now = Instant::now();
        left.extend_from_slice(&buffer[..count]);
        let mut from = 0;
        while let Some(at) = left[from..].iter().position(|byte| *byte == b'#') {
            let start = from + at + 1;
            let Some(length) = left[start..].iter().position(|byte| *byte == b';') else {
                break;
            };
            let number = std::str::from_utf8(&left[start..start + length]);
            if let Some(number) = number.ok().and_then(|text| text.parse().ok())
                && tell.send((number, now)).is_err()
            {
                return;
            }
            from = start + length;
        }
        // A number that is cut in two has its beginning here.
        let keep = left.len().saturating_sub(16).max(from);
        left.drain(..keep);
    }
}
