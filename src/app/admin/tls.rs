//! `dunder tls generate`: a local authority and a server certificate for
//! development. The authority's key is thrown away at once, so whoever trusts
//! the authority trusts this one certificate and no other.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::{Datelike, Days, NaiveDate, Utc};
use clap::{Args, Subcommand};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::app::admin::AdminError;
use crate::app::admin::streams::say;
use crate::domain::shown;

/// Clients refuse certificates that are valid for longer than 825 days.
const VALID_DAYS: u64 = 820;
/// Names that a certificate for development always has.
const USUAL_NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "dunder.test"];

/// The commands on certificates.
#[derive(Debug, Subcommand)]
pub enum TlsCommand {
    /// Write a local authority and a server certificate for development
    Generate(GenerateArgs),
}

impl TlsCommand {
    pub(super) fn run(&self) -> Result<u8, AdminError> {
        match self {
            TlsCommand::Generate(args) => generate(args, &mut io::stdout()).map(|()| 0),
        }
    }
}

/// Arguments of `dunder tls generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Where ca.pem, crt.pem and key.pem are written
    #[arg(long, value_name = "DIR", default_value = "tls")]
    pub dir: PathBuf,
    /// A further name or address of the server (repeat it)
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// Replace the files that are there
    #[arg(long)]
    pub force: bool,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
}

/// The flag that names to a server by what it may be called, beside what every
/// server is.
fn hosts(names: &[String]) -> String {
    let is_usual =
        |name: &str| name == "localhost" || name.contains('*') || name.parse::<IpAddr>().is_ok();
    let further = names.iter().map(String::as_str);
    let further = further.filter(|name| !is_usual(name));
    let further: Vec<&str> = further.collect();
    format!(" --hosts {}", further.join(","))
}

/// Writes `ca.pem`, `crt.pem` and `key.pem` (readable by the owner only) and
/// says how to use them.
///
/// # Errors
/// A file is there already and `force` is not given; a name that no
/// certificate can have; the disk.
pub fn generate(args: &GenerateArgs, out: &mut dyn Write) -> Result<(), AdminError> {
    if let Some(host) = args.host.iter().find(|host| !is_host(host)) {
        return Err(AdminError::Usage(format!(
            "--host {} is neither a name nor an address; write dunder.example or 10.0.0.1, without scheme and port",
            shown(host)
        )));
    }
    let names = names(&args.host);
    let today = Utc::now().date_naive();
    let end = today
        .checked_add_days(Days::new(VALID_DAYS))
        .unwrap_or(today);
    let made = certificate(&names, today, end).map_err(|error| {
        AdminError::Refused(format!(
            "cannot make a certificate for {}: {error}",
            names.join(", ")
        ))
    })?;
    let files = [
        (args.dir.join("ca.pem"), made.authority, 0o644),
        (args.dir.join("crt.pem"), made.certificate, 0o644),
        (args.dir.join("key.pem"), made.key, 0o600),
    ];
    if !args.force
        && let Some((path, _, _)) = files.iter().find(|(path, _, _)| path.exists())
    {
        return Err(AdminError::Refused(format!(
            "{} is there already; --force replaces it, and whoever trusted the old authority has to trust the new one",
            path.display()
        )));
    }
    fs::create_dir_all(&args.dir).map_err(AdminError::file("make", &args.dir))?;
    for (path, text, mode) in &files {
        write(path, text, *mode).map_err(AdminError::file("write", path))?;
    }
    let [ca, crt, key] = files.map(|(path, _, _)| path);
    let trusted = fs::canonicalize(&ca).unwrap_or(ca);
    if args.json {
        let document = serde_json::json!({ "data": {
            "ca": trusted, "certificate": crt, "key": key, "names": names, "until": end.to_string(),
        }});
        return say(out, &document.to_string()).map(|_| ());
    }
    say(
        out,
        &format!(
            "{dir} has a certificate for {names}, valid until {end}.\n\
             serve:  dunder serve --use_tls --tls.crt {crt} --tls.key {key}{hosts}\n\
             curl:   curl --cacert {ca} https://localhost:9000/healthz\n\
             dunder: export DUNDER_CACERT={ca} DUNDER_SERVER=https://localhost:9000",
            dir = args.dir.display(),
            hosts = hosts(&names),
            names = names.join(", "),
            crt = crt.display(),
            key = key.display(),
            ca = trusted.display(),
        ),
    )
    .map(|_| ())
}

/// PEM, each.
struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn certificate(names: &[String], from: NaiveDate, to: NaiveDate) -> Result<Made, rcgen::Error> {
    // A day earlier: clocks differ.
    let from = from.pred_opt().unwrap_or(from);
    let midnight = |day: NaiveDate| date_time_ymd(day.year(), day.month() as u8, day.day() as u8);
    let params = |name: &str, names: Vec<String>| {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = midnight(from);
        params.not_after = midnight(to);
        Ok::<_, rcgen::Error>(params)
    };
    let mut authority = params("dunder development authority", Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut server = params("dunder", names.to_vec())?;
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    Ok(Made {
        authority: authority_certificate.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// The usual names, this machine's, and those asked for, each once.
fn names(asked_for: &[String]) -> Vec<String> {
    let mut names: Vec<String> = USUAL_NAMES.map(str::to_owned).to_vec();
    for name in machine_name().iter().chain(asked_for) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn is_host(text: &str) -> bool {
    let is_name = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._*".contains(c));
    is_name || text.parse::<IpAddr>().is_ok()
}

fn machine_name() -> Option<String> {
    let name = gethostname::gethostname()
        .into_string()
        .ok()?
        .to_lowercase();
    is_host(&name).then_some(name)
}

/// Writes a file that nobody ever sees half, or with more rights than `mode`.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
