//! Posts at a pace: each at its time, however long those before it take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

/// A post, by the index that its text says.
pub struct Post {
    pub sent: Instant,
    pub answered: Instant,
}

/// What is to be posted.
pub struct Paced {
    per_second: f64,
    count: usize,
    connections: usize,
    hashtag: Arc<dyn Fn(usize) -> String + Send + Sync>,
    length: usize,
}

impl Paced {
    pub fn new(
        per_second: f64,
        seconds: f64,
        connections: usize,
        hashtag: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Paced {
        Paced {
            per_second,
            count: (per_second * seconds) as usize,
            connections,
            hashtag: Arc::new(hashtag),
            length: 64,
        }
    }

    /// With texts of so many bytes.
    pub fn of_length(self, length: usize) -> Paced {
        Paced { length, ..self }
    }
}

/// Posts all of them.
pub async fn paced(address: &str, offered: Paced) -> Result<Vec<Post>> {
    let offered = Arc::new(offered);
    let begin = Instant::now() + Duration::from_millis(50);
    let connections: Vec<_> = (0..offered.connections)
        .map(|first| {
            let (address, offered) = (address.to_owned(), Arc::clone(&offered));
            tokio::spawn(async move { one_connection(&address, &offered, first, begin).await })
        })
        .collect();
    let mut posts: Vec<Option<Post>> = (0..offered.count).map(|_| None).collect();
    for connection in connections {
        for (number, post) in connection.await?? {
            posts[number] = Some(post);
        }
    }
    let posts: Option<Vec<Post>> = posts.into_iter().collect();
    Ok(posts.ok_or("a post was not sent")?)
}

async fn one_connection(
    address: &str,
    offered: &Paced,
    first: usize,
    begin: Instant,
) -> Result<Vec<(usize, Post)>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut posts = Vec::new();
    for number in (first..offered.count).step_by(offered.connections) {
        let due = begin + Duration::from_secs_f64(number as f64 / offered.per_second);
        tokio::time::sleep_until(due.into()).await;
        let sent = Instant::now();
        let hashtag = (offered.hashtag)(number);
        send(&mut stream, number, &hashtag, offered.length).await?;
        let answered = Instant::now();
        posts.push((number, Post { sent, answered }));
    }
    Ok(posts)
}

/// One post over a connection of its own.
pub async fn post(address: &str, number: usize, hashtag: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    send(&mut stream, number, hashtag, 64).await
}

async fn send(stream: &mut TcpStream, number: usize, hashtag: &str, length: usize) -> Result<()> {
    let text = format!("#{number};{:x<length$}", "");
    let hashtags = match hashtag {
        "" => String::new(),
        hashtag => format!("\"{hashtag}\""),
    };
    let body = format!(r#"{{"text":"{text}","hashtags":[{hashtags}]}}"#);
    let request = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer YmVuY2g=\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        answer.extend_from_slice(&buffer[..count]);
        if is_whole(&answer) {
            break;
        }
        if count == 0 {
            return Err("a connection was closed".into());
        }
    }
    match answer.starts_with(b"HTTP/1.1 201") {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&answer).into_owned().into()),
    }
}

/// Whether an answer has all of the bytes it says it has.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse::<usize>().ok()) <= Some(body.len())
}
