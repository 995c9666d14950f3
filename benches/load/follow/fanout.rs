//! The limit of telling many: a program that holds as many connections and
//! writes the same bytes to each, one after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::Result;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n1d\r\nevent: caught-up\nid: x\ndata:\n\r\n";

/// The program.
pub struct Bare {
    child: Child,
    pub address: String,
    control: Option<TcpStream>,
}

impl Bare {
    /// Waits for so many connections, and then for the one that controls it.
    pub fn start(count: usize) -> Result<Bare> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["fanout", &count.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Bare {
            child,
            address: line.trim().to_owned(),
            control: None,
        })
    }

    /// Takes control, once all are connected.
    pub fn control(&mut self) -> Result<()> {
        self.control = Some(TcpStream::connect(&self.address)?);
        Ok(())
    }

    /// Has it write a message to everybody.
    pub fn write(&mut self, number: usize) -> Result<()> {
        let control = self.control.as_mut().ok_or("nobody is in control")?;
        control.write_all(&[u8::try_from(number)?])?;
        Ok(())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side: `fanout COUNT`.
pub fn run(arguments: &[String]) -> Result<()> {
    let [count] = arguments else {
        return Err("fanout COUNT".into());
    };
    let count: usize = count.parse()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer)?;
            request.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(HEAD.as_bytes())?;
        streams.push(stream);
    }
    let (mut control, _) = listener.accept()?;
    let mut number = [0];
    while control.read_exact(&mut number).is_ok() {
        let text = format!("#{};{:x<64}", number[0], "");
        let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        let block = format!(
            "id: {id}\ndata: {{\"id\":\"{id}\",\"user\":{{\"name\":\"bench\"}},\"text\":\"{text}\",\"hashtags\":[\"all\"],\"created_at\":\"2019-09-23T10:00:00.123Z\"}}\n\n"
        );
        let chunk = format!("{:x}\r\n{block}\r\n", block.len());
        for stream in &mut streams {
            stream.write_all(chunk.as_bytes())?;
        }
    }
    Ok(())
}
