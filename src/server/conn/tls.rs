//! TLS: certificate and key from files, read again when the files change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsFiles;
use crate::domain::Job;

/// How often the files are looked at.
const WATCH: Duration = Duration::from_secs(1);

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}{}", .path.display(), hint(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file has no certificate.
    #[error("{} holds no PEM certificate; tls.crt must name the chain, leaf first", .0.display())]
    NoCertificate(PathBuf),
    /// The file has no key.
    #[error("{} holds no PEM private key; tls.key must name the key of the certificate", .0.display())]
    NoKey(PathBuf),
    /// They are not a pair, or not of a kind rustls takes.
    #[error("the certificate {} and the key {} cannot be used together: {reason}", .files.certificate.display(), .files.key.display())]
    Mismatch {
        /// Both files.
        files: TlsFiles,
        /// What rustls says.
        reason: rustls::Error,
    },
    /// The TLS library itself.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// Where a certificate can come from, for someone who has none.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; 'dunder tls generate' makes one for development",
        _ => "",
    }
}

/// Hands out TLS streams with the certificate of the moment.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Reads the files, which the certificate reads again.
    pub(crate) fn load(files: &TlsFiles) -> Result<(Acceptor, Certificate), TlsError> {
        let loaded = stamp(files);
        let current = Arc::new(Current(RwLock::new(Arc::new(read_pair(files)?))));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let certificate = Certificate {
            files: files.clone(),
            loaded,
            current,
        };
        Ok((Acceptor(TlsAcceptor::from(Arc::new(config))), certificate))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

/// The pair that new connections get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.0.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// The certificate that is served, to be read again from its files.
#[derive(Debug, Clone)]
pub struct Certificate {
    files: TlsFiles,
    loaded: Stamp,
    current: Arc<Current>,
}

impl Certificate {
    /// Reads the files now. A pair that cannot be used is not used, and said.
    pub fn reload(&self) {
        match read_pair(&self.files) {
            Ok(pair) => {
                let current = &self.current.0;
                *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                let path = self.files.certificate.display();
                tracing::info!(certificate = %path, "certificate reloaded");
            }
            // Half of a renewal may be all there is yet; the next change is
            // looked at again.
            Err(error) => {
                tracing::warn!(%error, "the new certificate is not used; the old one stays");
            }
        }
    }

    /// Reads the files whenever one of them changed.
    pub(crate) fn job(&self) -> Job {
        let certificate = self.clone();
        Job::new("certificate reload", move || certificate.clone().watch())
    }

    /// Looking at the files works where watching directories does not:
    /// symbolic links that are swapped, as Kubernetes does, and network file
    /// systems.
    async fn watch(self) {
        let mut seen = self.loaded;
        let mut ticks = tokio::time::interval(WATCH);
        loop {
            ticks.tick().await;
            let now = stamp(&self.files);
            if now != seen {
                self.reload();
                seen = now;
            }
        }
    }
}

/// Modification times and sizes: when they change, so may the contents.
type Stamp = [Option<(SystemTime, u64)>; 2];

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read_pair(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&read(&files.certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate(files.certificate.clone()))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(files.certificate.clone()));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|_| TlsError::NoKey(files.key.clone()))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|reason| TlsError::Mismatch {
        files: files.clone(),
        reason,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}
