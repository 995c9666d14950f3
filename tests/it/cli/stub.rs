//! A server that does as it is told, to see what the client does then.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use crate::support::Server;

/// What happens to one connection.
pub enum Reply {
    /// It is closed when the request has been read.
    Lost,
    /// It gets these bytes.
    Bytes(String),
    /// It gets these bytes, and nothing more until the client hangs up.
    Held(String),
}

impl Reply {
    /// An answer with headers (each ending in CRLF) and a body.
    pub fn new(status: &str, headers: &str, body: &str) -> Reply {
        Reply::Bytes(format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    }
}

/// Answers one connection after another; the requests can be read from the
/// receiver.
pub fn serve(replies: Vec<Reply>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for reply in replies {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            let _ = sender.send(request);
            // A client that hangs up early is what some tests are about.
            match reply {
                Reply::Lost => {}
                Reply::Bytes(bytes) => {
                    let _ = stream.write_all(bytes.as_bytes());
                }
                Reply::Held(bytes) => {
                    let _ = stream.write_all(bytes.as_bytes());
                    let _ = stream.read(&mut [0]);
                }
            }
        }
    });
    (url, receiver)
}

fn read_request(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").map_or(0, |value| value.parse().unwrap());
            if body.len() >= length {
                return text.into_owned();
            }
        }
        assert!(read > 0, "the request ends early: {text}");
    }
}

/// A header of a request.
pub fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Stands before a server: requests pass, answers do not until it is opened.
pub struct Gate {
    pub url: String,
    /// Something for every answer that was held back.
    pub answers: Receiver<()>,
    open: Arc<AtomicBool>,
}

impl Gate {
    pub fn before(server: &Server) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let address = server.address().to_owned();
        let (sender, answers) = channel();
        let open = Arc::new(AtomicBool::new(false));
        let opened = Arc::clone(&open);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut stream);
                let mut upstream = TcpStream::connect(&address).unwrap();
                upstream.write_all(request.as_bytes()).unwrap();
                let answer = read_request(&mut upstream);
                if opened.load(Ordering::SeqCst) {
                    let _ = stream.write_all(answer.as_bytes());
                } else {
                    // A closed connection would be noticed.
                    held.push(stream);
                    let _ = sender.send(());
                }
            }
        });
        Gate { url, answers, open }
    }

    pub fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}
