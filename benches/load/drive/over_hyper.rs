//! hyper's client.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::{Ask, Generator, Tally};
use crate::Result;

pub struct OverHyper {
    runtime: Runtime,
    connections: Vec<Connection>,
    asks: Rc<[Ask]>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    next: usize,
}

impl OverHyper {
    pub fn open(address: &str, count: usize, asks: Vec<Ask>) -> Result<OverHyper> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let open = async {
            let mut connections = Vec::new();
            for number in 0..count {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                let next = number * asks.len() / count;
                connections.push(Connection { sender, next });
            }
            Result::Ok(connections)
        };
        let connections = runtime.block_on(open)?;
        Ok(OverHyper {
            runtime,
            connections,
            asks: asks.into(),
        })
    }
}

impl Generator for OverHyper {
    fn drive(&mut self, until: Instant, tally: &mut Tally) -> Result<()> {
        let local = LocalSet::new();
        let connections = std::mem::take(&mut self.connections);
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|connection| local.spawn_local(connection.drive(Rc::clone(&self.asks), until)))
            .collect();
        let finish = async {
            for task in tasks {
                let (connection, answers) = task.await??;
                for (taken, bytes) in answers {
                    tally.add(taken, bytes);
                }
                self.connections.push(connection);
            }
            Result::Ok(())
        };
        local.block_on(&self.runtime, finish)
    }
}

impl Connection {
    /// Gives itself back, with how long each answer took and its length.
    async fn drive(
        mut self,
        asks: Rc<[Ask]>,
        until: Instant,
    ) -> Result<(Connection, Vec<(Duration, usize)>)> {
        let mut answers = Vec::new();
        let mut now = Instant::now();
        while now < until {
            let asked_at = now;
            let ask = asks[self.next % asks.len()].clone().map(Full::new);
            self.next += 1;
            self.sender.ready().await?;
            let answer = self.sender.send_request(ask).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            if !status.is_success() {
                let said = String::from_utf8_lossy(&body);
                return Err(format!("the server answered {status}: {said}").into());
            }
            now = Instant::now();
            answers.push((now - asked_at, body.len()));
        }
        Ok((self, answers))
    }
}
