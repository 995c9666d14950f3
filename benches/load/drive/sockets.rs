//! Bare sockets, of which one thread waits for many.

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use hyper::Method;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::{Ask, Generator, Tally};
use crate::Result;

pub struct Sockets {
    poll: Poll,
    connections: Vec<Connection>,
    requests: Vec<Vec<u8>>,
}

impl Sockets {
    pub fn open(address: &str, count: usize, asks: &[Ask]) -> Result<Sockets> {
        let poll = Poll::new()?;
        let mut connections = Vec::new();
        for number in 0..count {
            let mut connection = Connection::open(address, number * asks.len() / count)?;
            let (registry, stream) = (poll.registry(), &mut connection.stream);
            registry.register(stream, Token(number), Interest::READABLE)?;
            connections.push(connection);
        }
        Ok(Sockets {
            poll,
            connections,
            requests: asks.iter().map(on_the_wire).collect(),
        })
    }
}

impl Generator for Sockets {
    fn drive(&mut self, until: Instant, tally: &mut Tally) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        for connection in self.connections.iter_mut().filter(|c| !c.waits) {
            connection.ask(&self.requests, Instant::now())?;
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match self.poll.poll(&mut events, Some(left)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                if let Some(bytes) = connection.receive()? {
                    let now = Instant::now();
                    tally.add(now - connection.asked_at, bytes);
                    connection.ask(&self.requests, now)?;
                }
            }
        }
    }
}

/// A request as it goes over the wire.
fn on_the_wire(ask: &Ask) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", ask.method(), ask.uri()).into_bytes();
    for (name, value) in ask.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if ask.method() == Method::POST {
        bytes.extend(format!("content-length: {}\r\n", ask.body().len()).into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(ask.body());
    bytes
}

struct Connection {
    stream: TcpStream,
    next: usize,
    waits: bool,
    asked_at: Instant,
    buffer: Vec<u8>,
    filled: usize,
    /// Of the answer that arrives; not known until its head is there.
    whole: Option<usize>,
}

impl Connection {
    fn open(address: &str, next: usize) -> Result<Connection> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream: TcpStream::from_std(stream),
            next,
            waits: false,
            asked_at: Instant::now(),
            buffer: vec![0; 64 * 1024],
            filled: 0,
            whole: None,
        })
    }

    fn ask(&mut self, requests: &[Vec<u8>], now: Instant) -> Result<()> {
        let request = &requests[self.next % requests.len()];
        self.next += 1;
        self.asked_at = now;
        self.waits = true;
        (self.filled, self.whole) = (0, None);
        // The answer before it is read, so there is room for a request.
        if self.stream.write(request)? == request.len() {
            Ok(())
        } else {
            Err("a request did not fit into an empty socket".into())
        }
    }

    /// The length of the answer when it is whole.
    fn receive(&mut self) -> Result<Option<usize>> {
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let free = &mut self.buffer[self.filled..];
            let read = match self.stream.read(free) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let emptied = read < free.len();
            self.filled += read;
            if self.whole.is_none() {
                self.whole = whole_length(&self.buffer[..self.filled])?;
            }
            if self.whole.is_some_and(|whole| self.filled >= whole) {
                self.waits = false;
                return Ok(self.whole);
            }
            if emptied {
                return Ok(None);
            }
        }
    }
}

/// Of head and body, once the head is there.
fn whole_length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let lines = || answer[..head].split(|&byte| byte == b'\n');
    if !answer.starts_with(b"HTTP/1.1 20") {
        let said = String::from_utf8_lossy(answer);
        return Err(format!("the server answered {said}").into());
    }
    let name = b"content-length:";
    let length = lines().find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        let value = start.eq_ignore_ascii_case(name).then_some(value)?;
        std::str::from_utf8(value)
            .ok()?
            .trim()
            .parse::<usize>()
            .ok()
    });
    let length = length.ok_or("an answer without content-length")?;
    Ok(Some(head + 4 + length))
}
