//! The limits of HTTP: hyper on the same runtime, doing all that any server
//! must do and nothing else. They answer what dunder answered, head and body.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Result;
use super::answer::Answer;

/// What a limit server does.
pub enum Kind {
    /// (a): reads a body and parses it as a message, then answers.
    Post,
    /// (b): answers at once.
    Get,
}

/// A limit server in a process of its own.
pub struct Limit {
    child: Child,
    pub address: String,
}

impl Limit {
    /// Answers with each of the answers in turn, from memory.
    pub fn start(kind: Kind, answers: &[Answer]) -> Result<Limit> {
        let kind = match kind {
            Kind::Post => "post",
            Kind::Get => "get",
        };
        let file = tempfile::NamedTempFile::new()?;
        serde_json::to_writer(&file, answers)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["limit", kind])
            .arg(file.path())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Limit {
            child,
            address: line.trim().to_owned(),
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Prepared {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// The child's side: `limit KIND FILE`.
pub fn run(arguments: &[String]) -> Result<()> {
    let [kind, file] = arguments else {
        return Err("limit KIND FILE".into());
    };
    let posts = kind == "post";
    let answers: Vec<Answer> = serde_json::from_slice(&std::fs::read(file)?)?;
    let answers = answers
        .into_iter()
        .map(prepare)
        .collect::<Result<Vec<_>>>()?;
    let answers: Arc<[Prepared]> = answers.into();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    let next = AtomicUsize::new(0);
                    let service = service_fn(|request| {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        answer(request, posts, &answers[turn % answers.len()])
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        })
}

fn prepare(answer: Answer) -> Result<Prepared> {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        headers.append(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(value)?,
        );
    }
    Ok(Prepared {
        status: StatusCode::from_u16(answer.status)?,
        headers,
        body: answer.body.into(),
    })
}

async fn answer(
    request: Request<Incoming>,
    posts: bool,
    prepared: &Prepared,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(prepared.body.clone()));
    *response.status_mut() = prepared.status;
    *response.headers_mut() = prepared.headers.clone();
    if posts {
        let read = request.into_body().collect().await;
        let read = read.map(|body| body.to_bytes()).unwrap_or_default();
        let parsed: std::result::Result<dunder::api::PostBody, _> = serde_json::from_slice(&read);
        if let Err(error) = parsed {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            *response.body_mut() = Full::new(error.to_string().into());
        }
    }
    Ok(response)
}
