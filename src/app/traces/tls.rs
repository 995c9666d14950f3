//! TLS to the collector: whom it trusts and what it shows, as the settings
//! have it.

use std::fmt::Display;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{CollectorTls, TlsFile};

/// Reads the files.
///
/// # Errors
/// Why not, as a sentence.
pub(super) fn config(files: &CollectorTls, is_https: bool) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots(files, is_https)?);
    let Some((certificate, key)) = &files.client else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate)?;
    let read = PrivateKeyDer::from_pem_file(&key.path);
    let read = read.map_err(|error| refused(key, &error))?;
    let with_login = builder.with_client_auth_cert(chain, read);
    with_login.map_err(|error| refused(certificate, &error))
}

fn roots(files: &CollectorTls, is_https: bool) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match &files.authorities {
        Some(file) => {
            for authority in certificates(file)? {
                let added = roots.add(authority);
                added.map_err(|error| refused(file, &error))?;
            }
        }
        // They take long to read.
        None if is_https => {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
            if roots.is_empty() {
                let why = system.errors.first().map(ToString::to_string);
                return Err(format!(
                    "no authority is trusted on this machine, which an https collector needs ({}): install ca-certificates, or name a file with OTEL_EXPORTER_OTLP_CERTIFICATE",
                    why.unwrap_or_else(|| "none was found".to_owned())
                ));
            }
        }
        None => {}
    }
    Ok(roots)
}

fn certificates(file: &TlsFile) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(&file.path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| refused(file, &error))?;
    match certificates.is_empty() {
        true => Err(refused(file, &"there is no certificate in it (PEM)")),
        false => Ok(certificates),
    }
}

fn refused(TlsFile { variable, path }: &TlsFile, why: &dyn Display) -> String {
    format!(
        "the file {}, which {variable} names, cannot be used: {why}",
        path.display()
    )
}
