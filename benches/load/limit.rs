//! The limits: hyper on the same runtime, doing all that any server must do
//! and nothing else.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Result;

/// A limit server in a process of its own.
pub struct Limit {
    child: Child,
    pub address: String,
}

impl Limit {
    /// `post`: reads and parses a message, answers 201. `get`: answers `body`.
    pub fn start(kind: &str, body: &str) -> Result<Limit> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["limit", kind, body])
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
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side.
pub fn run(arguments: &[String]) -> Result<()> {
    let [kind, body] = arguments else {
        return Err("limit KIND BODY".into());
    };
    let posts = kind == "post";
    let body = Bytes::from(body.clone());
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let body = body.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(request, posts, body.clone()));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .pipeline_flush(true)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        })
}

async fn answer(
    request: Request<Incoming>,
    posts: bool,
    body: Bytes,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(body));
    if posts {
        let read = request
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let parsed: std::result::Result<dunder::api::PostBody, _> = serde_json::from_slice(&read);
        let (status, text) = match parsed {
            Ok(post) => (
                StatusCode::CREATED,
                format!(
                    r#"{{"data":{{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","tags":{}}}}}"#,
                    post.hashtags.len()
                ),
            ),
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        };
        *response.status_mut() = status;
        *response.body_mut() = Full::new(text.into());
    }
    Ok(response)
}
