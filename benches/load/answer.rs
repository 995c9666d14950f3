//! One request over a connection of its own, and its answer: for what is
//! asked once, and for what a limit server is to answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde::{Deserialize, Serialize};

use super::Result;

/// What hyper writes by itself, or what only closes this connection.
const NOT_KEPT: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

#[derive(Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Asks for a path.
pub fn get(address: &str, path: &str) -> Result<Answer> {
    let answer = exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )?;
    match answer.status {
        200 => Ok(answer),
        status => Err(format!("{path}: {status} {}", answer.body).into()),
    }
}

/// Posts a message as user `bench`.
pub fn post(address: &str) -> Result<Answer> {
    let body = r#"{"text":"storage: compact the ranges of node 1234 before the split","hashtags":["storage0","tag7"]}"#;
    let length = body.len();
    let answer = exchange(
        address,
        &format!(
            "POST /message HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer YmVuY2g=\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ),
    )?;
    match answer.status {
        201 => Ok(answer),
        status => Err(format!("POST /message: {status} {}", answer.body).into()),
    }
}

fn exchange(address: &str, request: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no body")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    Ok(Answer {
        status: status.ok_or("no status")?.parse()?,
        headers: headers
            .filter(|(name, _)| !NOT_KEPT.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}
