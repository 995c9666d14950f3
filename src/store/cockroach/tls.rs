//! TLS to the database: whom to trust, and how a client certificate logs in.
//! The four modes mean what they mean to libpq.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::warn;

use super::conn::locked;
use super::options::{CockroachOptions, SslMode};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read as PEM.
    #[error("cannot read {what} from {}: {reason}", .path.display())]
    File {
        /// What should be in it.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Only half of a login by certificate.
    #[error("a client certificate and its key belong together; give both or neither")]
    HalfLogin,
    /// The certificate and the key do not go together, or cannot be used.
    #[error("the client certificate and key cannot be used: {0}")]
    Login(String),
    /// Plain text was asked for, and a certificate named.
    #[error(
        "{} has no use with sslmode disable; leave it out, or write sslmode verify-full", .0.display()
    )]
    Unused(PathBuf),
    /// Nothing to trust.
    #[error(
        "the system's certificate store is empty; name the cluster's authority with --cockroach.ca"
    )]
    NoRoots,
    /// Authorities that cannot be used.
    #[error("the trusted authorities cannot be used: {0}")]
    Roots(String),
}

/// What connections are made with. The files that the options name are read
/// again for each: certificates are renewed while a server runs.
pub(super) struct Tls(Mutex<Current>);

struct Current {
    connector: MakeRustlsConnect,
    /// Why the files, as they are, are not used.
    complaint: Option<String>,
}

impl Tls {
    /// `None` for plain text.
    pub(super) fn new(options: &CockroachOptions) -> Result<Option<Tls>, TlsError> {
        let current = connector(options)?.map(|connector| Current {
            connector,
            complaint: None,
        });
        Ok(current.map(|current| Tls(Mutex::new(current))))
    }

    /// By the files as they are, or as they last could be used: a certificate
    /// may be there before its key.
    pub(super) fn current(&self, options: &CockroachOptions) -> MakeRustlsConnect {
        let mut current = locked(&self.0);
        // The system's authorities take long to read.
        if options.tls_file().is_some() {
            match connector(options) {
                Ok(Some(connector)) => {
                    *current = Current {
                        connector,
                        complaint: None,
                    };
                }
                Ok(None) => {}
                Err(error) => {
                    let complaint = Some(error.to_string());
                    if current.complaint != complaint {
                        warn!(%error, "the files for TLS to the database are not used; those read before stay");
                    }
                    current.complaint = complaint;
                }
            }
        }
        current.connector.clone()
    }
}

/// The connector for the options; `None` for plain text.
fn connector(options: &CockroachOptions) -> Result<Option<MakeRustlsConnect>, TlsError> {
    let verify = match (options.effective_sslmode(), &options.ca) {
        (SslMode::Disable, _) => {
            return match options.tls_file() {
                Some(file) => Err(TlsError::Unused(file.clone())),
                None => Ok(None),
            };
        }
        (SslMode::Require, None) => Verify::Nothing,
        (SslMode::Require, Some(_)) | (SslMode::VerifyCa, _) => Verify::Authority,
        (SslMode::VerifyFull, _) => Verify::Name,
    };
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match verify {
        Verify::Nothing => Arc::new(Lenient {
            inner: None,
            provider: provider.clone(),
        }),
        Verify::Authority => Arc::new(Lenient {
            inner: Some(webpki(options, &provider)?),
            provider: provider.clone(),
        }),
        Verify::Name => webpki(options, &provider)?,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Roots(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match (&options.cert, &options.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(
                certificates(cert, "a client certificate")?,
                private_key(key)?,
            )
            .map_err(|error| TlsError::Login(error.to_string()))?,
        (Some(_), None) | (None, Some(_)) => return Err(TlsError::HalfLogin),
    };
    Ok(Some(MakeRustlsConnect::new(config)))
}

enum Verify {
    Nothing,
    Authority,
    Name,
}

fn webpki(
    options: &CockroachOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    match &options.ca {
        Some(path) => {
            for authority in certificates(path, "a certificate authority")? {
                roots
                    .add(authority)
                    .map_err(|error| TlsError::Roots(error.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError::NoRoots);
            }
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| TlsError::Roots(error.to_string()))
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |reason: String| TlsError::File {
        what,
        path: path.to_owned(),
        reason,
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| file(error.to_string()))?;
    if found.is_empty() {
        return Err(file("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::File {
        what: "the client's key",
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Verifies no name, and with no inner verifier no authority either; the
/// handshake's signature is always checked.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        // The chain is verified before the name, so a wrong name is all that
        // is wrong when only the name is complained about.
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
