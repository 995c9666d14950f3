//! A collector of traces: it takes what is posted, and decodes it by
//! OpenTelemetry's own definitions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What came in one request.
#[derive(Clone, Default)]
pub struct Delivery {
    /// The first line, and the headers by their names in small letters.
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    pub resource: HashMap<String, String>,
    pub spans: Vec<Span>,
}

pub struct Collector {
    pub url: String,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
}

impl Collector {
    /// One that takes everything.
    pub async fn start() -> Collector {
        Collector::answering("200 OK").await
    }

    /// One that answers everything so.
    pub async fn answering(status: &'static str) -> Collector {
        Collector::listening(status, None).await
    }

    /// One that takes everything over TLS.
    pub async fn over_tls(config: ServerConfig) -> Collector {
        Collector::listening("200 OK", Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listening(status: &'static str, tls: Option<TlsAcceptor>) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let deliveries = Arc::<Mutex<Vec<Delivery>>>::default();
        let taken = Arc::clone(&deliveries);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, taken) = (tls.clone(), Arc::clone(&taken));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, status, taken).await,
                        Some(tls) => {
                            // Whoever shows no certificate has been told.
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, status, taken).await;
                            }
                        }
                    }
                });
            }
        });
        Collector { url, deliveries }
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap().clone()
    }

    /// Every span that came.
    pub fn spans(&self) -> Vec<Span> {
        let deliveries = self.deliveries().into_iter();
        deliveries.flat_map(|delivery| delivery.spans).collect()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    status: &str,
    taken: Arc<Mutex<Vec<Delivery>>>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut delivery = Delivery::default();
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        delivery.line = line.trim().to_owned();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            let header = (name.to_lowercase(), value.trim().to_owned());
            delivery.headers.extend([header]);
        }
        delivery.body = vec![0; delivery.headers["content-length"].parse().unwrap()];
        stream.read_exact(&mut delivery.body).await.unwrap();
        let request = ExportTraceServiceRequest::decode(delivery.body.as_slice()).unwrap();
        for of_resource in request.resource_spans {
            delivery.resource = texts(&of_resource.resource.unwrap().attributes);
            let scopes = of_resource.scope_spans.into_iter();
            delivery.spans.extend(scopes.flat_map(|scope| scope.spans));
        }
        taken.lock().unwrap().push(delivery);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// Attributes as texts, by their names.
pub fn texts(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |attribute: &KeyValue| {
        let value = attribute.value.clone().unwrap().value.unwrap();
        let text = match value {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        (attribute.key.clone(), text)
    };
    attributes.iter().map(text).collect()
}
