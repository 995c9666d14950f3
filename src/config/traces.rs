//! Where spans go, and which: `otel.endpoint` and `otel.sample`, else the
//! variables that every program of OpenTelemetry reads
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
//! and <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::{ConfigError, Environment, Redacted, Settings, value};
use crate::trace::{ParentRule, Sampler};

/// Of all requests where nothing else is said.
const SAMPLE: f64 = 0.01;
/// As the specification has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How traces are sent.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// The whole address that spans are posted to.
    pub endpoint: String,
    /// Sent along with them.
    pub headers: Vec<(String, Redacted)>,
    /// How long a collector may take.
    pub timeout: Duration,
    /// What TLS needs, where it is not what the system has.
    pub tls: CollectorTls,
    /// Which requests are traced.
    pub sampler: Sampler,
    /// What this program is called by those who look at traces.
    pub resource: Vec<(String, String)>,
}

/// Files for TLS to the collector, in PEM.
#[derive(Debug, Clone, Default)]
pub struct CollectorTls {
    /// The authorities that its certificate is checked against, in the place
    /// of the system's.
    pub authorities: Option<TlsFile>,
    /// The certificate that it is shown, and its key.
    pub client: Option<(TlsFile, TlsFile)>,
}

impl CollectorTls {
    /// Whether there is any.
    pub fn is_any(&self) -> bool {
        self.authorities.is_some() || self.client.is_some()
    }
}

/// A file, and the variable that names it.
#[derive(Debug, Clone)]
pub struct TlsFile {
    /// The variable.
    pub variable: String,
    /// The file.
    pub path: PathBuf,
}

impl TracesConfig {
    /// Where the collector is, for people: a path may hold what is secret.
    pub fn collector(&self) -> String {
        let url = reqwest::Url::parse(&self.endpoint).ok();
        url.map_or_else(String::new, |url| url.origin().ascii_serialization())
    }

    /// What settings and environment say; `None` where nothing is traced.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub(super) fn load(
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Option<TracesConfig>, ConfigError> {
        let standard = Standard(environment);
        let written = settings.written("otel.endpoint", value::http_url)?;
        let ratio = settings.written("otel.sample", value::ratio)?;
        let endpoint = match &written {
            Some(base) => Some(below(&plain("otel.endpoint", base)?)),
            None => standard.endpoint()?,
        };
        let Some(endpoint) = endpoint else {
            return match ratio {
                Some(_) => Err(ConfigError::Combination(format!(
                    "otel.sample is written ({}) but no collector is; write otel.endpoint: http://HOST:4318, or leave otel.sample out",
                    settings.origin("otel.sample")
                ))),
                None => Ok(None),
            };
        };
        if standard.is_off()? {
            return Ok(None);
        }
        standard.check_protocol()?;
        standard.check_others()?;
        Ok(Some(TracesConfig {
            tls: standard.tls(&endpoint)?,
            endpoint,
            headers: standard.headers()?,
            timeout: standard.timeout()?,
            sampler: match ratio {
                Some(ratio) => Sampler::of_ratio(ratio),
                None => standard.sampler()?,
            },
            resource: standard.resource()?,
        }))
    }
}

/// An address of nothing but scheme, host, port and path.
///
/// # Errors
/// It has more, which may be secret: it is not shown.
fn plain(name: &str, endpoint: &str) -> Result<String, ConfigError> {
    let Ok(url) = reqwest::Url::parse(endpoint) else {
        return Ok(endpoint.to_owned());
    };
    let more = if !url.username().is_empty() || url.password().is_some() {
        "a user or a password"
    } else if url.query().is_some() {
        "a query ('?')"
    } else if url.fragment().is_some() {
        "a fragment ('#')"
    } else {
        return Ok(endpoint.to_owned());
    };
    Err(ConfigError::Combination(format!(
        "the address of the collector ({name}) has {more}; leave it out, and write what the collector asks for into OTEL_EXPORTER_OTLP_HEADERS"
    )))
}

/// The path of traces below a collector's address.
fn below(base: &str) -> String {
    const PATH: &str = "/v1/traces";
    let base = base.trim_end_matches('/');
    match base.ends_with(PATH) {
        true => base.to_owned(),
        false => format!("{base}{PATH}"),
    }
}

/// The variables of the specification. Empty ones are as if they were not
/// there.
struct Standard<'e>(&'e Environment);

impl Standard<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.otel.get(name).map(|value| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// What is said of traces, else of everything.
    fn exporter(&self, name: &str) -> (String, Option<&str>) {
        let own = format!("OTEL_EXPORTER_OTLP_TRACES_{name}");
        let common = format!("OTEL_EXPORTER_OTLP_{name}");
        match self.get(&own) {
            Some(value) => (own, Some(value)),
            None => {
                let value = self.get(&common);
                (common, value)
            }
        }
    }

    fn endpoint(&self) -> Result<Option<String>, ConfigError> {
        let read =
            |name: &str, text: &str| value::http_url(text).map_err(|why| refused(name, text, &why));
        let (name, endpoint) = self.exporter("ENDPOINT");
        let Some(endpoint) = endpoint else {
            return Ok(None);
        };
        let endpoint = plain(&name, &read(&name, endpoint)?)?;
        // That of traces is taken as it is.
        Ok(Some(match name.contains("TRACES") {
            true => endpoint,
            false => below(&endpoint),
        }))
    }

    fn is_off(&self) -> Result<bool, ConfigError> {
        let is_disabled = self
            .get("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match self.get("OTEL_TRACES_EXPORTER") {
            None | Some("otlp") => Ok(is_disabled),
            Some("none") => Ok(true),
            Some(other) => Err(refused(
                "OTEL_TRACES_EXPORTER",
                other,
                "write otlp, or none",
            )),
        }
    }

    fn check_protocol(&self) -> Result<(), ConfigError> {
        let (name, protocol) = self.exporter("PROTOCOL");
        match protocol {
            None | Some("http/protobuf") => Ok(()),
            Some(other) => Err(refused(
                &name,
                other,
                "write http/protobuf, which collectors take on port 4318",
            )),
        }
    }

    /// What is not done is said: spans would go another way than was meant.
    fn check_others(&self) -> Result<(), ConfigError> {
        let (name, compression) = self.exporter("COMPRESSION");
        if let Some(other) = compression.filter(|compression| *compression != "none") {
            let reason = "spans are sent as they are; write none, or unset it";
            return Err(refused(&name, other, reason));
        }
        Ok(())
    }

    /// Files for TLS; without it none of them would be looked at.
    fn tls(&self, endpoint: &str) -> Result<CollectorTls, ConfigError> {
        let file = |what| {
            let (variable, path) = self.exporter(what);
            let path = PathBuf::from(path?);
            Some(TlsFile { variable, path })
        };
        let tls = CollectorTls {
            authorities: file("CERTIFICATE"),
            client: match (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (None, None) => None,
                (Some(alone), None) => return Err(half(&alone, "CLIENT_KEY")),
                (None, Some(alone)) => return Err(half(&alone, "CLIENT_CERTIFICATE")),
            },
        };
        let client = tls.client.iter().map(|(certificate, _)| certificate);
        match tls.authorities.iter().chain(client).next() {
            Some(unused) if !endpoint.starts_with("https:") => {
                let reason = "spans are sent without TLS, and it is not used; write https:// before the collector's address, or unset it";
                Err(refused(
                    &unused.variable,
                    &unused.path.to_string_lossy(),
                    reason,
                ))
            }
            Some(_) | None => Ok(tls),
        }
    }

    fn timeout(&self) -> Result<Duration, ConfigError> {
        let (name, timeout) = self.exporter("TIMEOUT");
        let Some(text) = timeout else {
            return Ok(TIMEOUT);
        };
        let millis = text.parse().ok().filter(|millis| *millis > 0);
        let millis = millis.ok_or_else(|| refused(&name, text, "write milliseconds such as 10000"));
        millis.map(Duration::from_millis)
    }

    fn headers(&self) -> Result<Vec<(String, Redacted)>, ConfigError> {
        let (name, headers) = self.exporter("HEADERS");
        let pairs = pairs(&name, headers, "…")?.into_iter();
        Ok(pairs
            .map(|(header, value)| (header, Redacted::new(value)))
            .collect())
    }

    fn resource(&self) -> Result<Vec<(String, String)>, ConfigError> {
        const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let given = self.get(NAME);
        let mut resource = pairs(NAME, given, given.unwrap_or_default())?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let known = [
            ("service.name", "dunder".to_owned()),
            ("service.version", version),
        ];
        for (name, value) in known {
            if resource.iter().all(|(given, _)| given != name) {
                resource.push((name.to_owned(), value));
            }
        }
        if let Some(name) = self.get("OTEL_SERVICE_NAME") {
            resource.retain(|(given, _)| given != "service.name");
            resource.push(("service.name".to_owned(), name.to_owned()));
        }
        Ok(resource)
    }

    fn sampler(&self) -> Result<Sampler, ConfigError> {
        const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
        const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(name) = self.get(SAMPLER) else {
            return Ok(Sampler::of_ratio(SAMPLE));
        };
        let ratio = || match self.get(ARGUMENT) {
            None => Ok(1.0),
            Some(text) => value::ratio(text).map_err(|why| refused(ARGUMENT, text, &why)),
        };
        let sampler = |parent, ratio| Ok(Sampler { parent, ratio });
        match name {
            "always_on" => sampler(ParentRule::Ignored, 1.0),
            "always_off" => sampler(ParentRule::Ignored, 0.0),
            "traceidratio" => sampler(ParentRule::Ignored, ratio()?),
            "parentbased_always_on" => sampler(ParentRule::Believed, 1.0),
            "parentbased_always_off" => sampler(ParentRule::Believed, 0.0),
            "parentbased_traceidratio" => sampler(ParentRule::Believed, ratio()?),
            other => Err(refused(
                SAMPLER,
                other,
                "write always_on, always_off or traceidratio, alone or with parentbased_ before it",
            )),
        }
    }
}

/// `a=1,b=2`, values percent-encoded.
fn pairs(
    name: &str,
    text: Option<&str>,
    shown: &str,
) -> Result<Vec<(String, String)>, ConfigError> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let key = key.trim();
        (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
    };
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts
        .map(|part| pair(part).ok_or_else(|| refused(name, shown, "write NAME=VALUE,NAME=VALUE")))
        .collect()
}

fn half(alone: &TlsFile, other: &str) -> ConfigError {
    let reason = format!(
        "a certificate and its key belong together; name the other's file in OTEL_EXPORTER_OTLP_{other}"
    );
    refused(&alone.variable, &alone.path.to_string_lossy(), &reason)
}

fn refused(name: &str, value: &str, reason: &str) -> ConfigError {
    let value = crate::domain::shown(value);
    ConfigError::Combination(format!("the variable {name} is {value}: {reason}"))
}
