//! TLS of the client: which authorities it trusts, loaded only when a call
//! really needs them.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::cli::CliError;

/// Settings for a server spoken to without TLS: nothing is loaded.
pub(crate) fn none() -> Result<ClientConfig, CliError> {
    config(RootCertStore::empty())
}

/// The system's authorities, and those in `cacert`.
///
/// # Errors
/// The file cannot be read or holds no certificate; or there is no authority
/// at all.
pub(crate) fn trusting(cacert: Option<&Path>) -> Result<ClientConfig, CliError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = cacert {
        let added = roots.add_parsable_certificates(certificates(path)?).0;
        if added == 0 {
            return Err(no_certificate(path));
        }
    }
    if roots.is_empty() {
        return Err(CliError::Failed(
            "this system has no trusted authorities; name the server's with --cacert FILE"
                .to_owned(),
        ));
    }
    config(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CliError> {
    let refused = |error: &dyn std::fmt::Display| {
        CliError::Failed(format!(
            "cannot read the certificates in {}: {error}",
            path.display()
        ))
    };
    let pem = std::fs::read(path).map_err(|error| refused(&error))?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = parsed.map_err(|error| refused(&error))?;
    if certificates.is_empty() {
        return Err(no_certificate(path));
    }
    Ok(certificates)
}

fn no_certificate(path: &Path) -> CliError {
    CliError::Failed(format!(
        "{} holds no certificate that can be used; it has to be a PEM file",
        path.display()
    ))
}

fn config(roots: RootCertStore) -> Result<ClientConfig, CliError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| CliError::Failed(format!("TLS cannot be set up: {error}")))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
