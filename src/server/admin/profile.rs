//! `GET /debug/pprof/profile`: where the process spends its time, as a file
//! for pprof or as a flame graph. A signal, a hundred times for each second
//! that a processor works, notes what is being done; nothing is slower
//! meanwhile that a person would notice.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
use pprof::{ProfilerGuard, ProfilerGuardBuilder, Report};

use crate::api::query::refuse_parameters;
use crate::domain::shown;
use crate::server::Context;
use crate::server::admin::ProfileQuery;
use crate::server::admin::protobuf;
use crate::server::error::ApiError;
use crate::server::response;
use crate::server::response::Answer;

/// Samples for each second of a processor; not in step with what happens ten
/// or a hundred times a second.
const FREQUENCY: i32 = 99;
/// What is not walked from: unwinding within the unwinder, and a page of the
/// system whose description is wrong on some machines.
const UNWALKED: [&str; 2] = ["libgcc", "vdso"];
/// Seconds, where nothing is said.
const USUAL: u64 = 10;
pub(crate) const MOST_SECONDS: u64 = 60;

/// How a profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Pprof,
    Svg,
}

pub(crate) async fn profile(context: &Context, query: &str) -> Result<Answer, ApiError> {
    let query = ProfileQuery::parse(query)?;
    let seconds = seconds(query.seconds.as_deref())?;
    let form = form(query.format.as_deref())?;
    context.admin()?;
    let guard = start()?;
    tokio::time::sleep(seconds).await;
    // To find the names of functions takes a processor for a while.
    let made = tokio::task::spawn_blocking(move || written(&guard, form, seconds));
    let body = made.await??;
    let (content_type, file) = match form {
        Form::Pprof => (
            "application/octet-stream",
            "attachment; filename=\"profile.pb\"",
        ),
        Form::Svg => ("image/svg+xml", "inline; filename=\"profile.svg\""),
    };
    let content_type = HeaderValue::from_static(content_type);
    let mut answer = response::answer(StatusCode::OK, content_type, body);
    let file = HeaderValue::from_static(file);
    answer.headers_mut().insert(CONTENT_DISPOSITION, file);
    Ok(answer)
}

/// `GET /debug/pprof/heap`: the allocator keeps no record of who allocated
/// what.
pub(crate) fn heap(query: &str) -> Result<Answer, ApiError> {
    refuse_parameters(query)?;
    Err(ApiError::NoHeapProfile)
}

fn seconds(text: Option<&str>) -> Result<Duration, ApiError> {
    let Some(text) = text else {
        return Ok(Duration::from_secs(USUAL));
    };
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
    let refused = || {
        let reason = format!(
            "{} is not a whole number from 1 to {MOST_SECONDS}",
            shown(text)
        );
        ApiError::parameter("seconds", reason)
    };
    seconds.map(Duration::from_secs).ok_or_else(refused)
}

fn form(text: Option<&str>) -> Result<Form, ApiError> {
    match text {
        None | Some("pprof") => Ok(Form::Pprof),
        Some("svg") => Ok(Form::Svg),
        Some(other) => {
            let reason = format!("{} is neither pprof nor svg", shown(other));
            Err(ApiError::parameter("format", reason))
        }
    }
}

/// Begins to take samples, until what is returned is dropped. One at a time,
/// in the whole process.
fn start() -> Result<ProfilerGuard<'static>, ApiError> {
    let builder = ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        .blocklist(&UNWALKED);
    builder.build().map_err(|error| match error {
        pprof::Error::Running => ApiError::ProfileRuns,
        other => ApiError::Profile(other.to_string()),
    })
}

fn written(guard: &ProfilerGuard<'_>, form: Form, time: Duration) -> Result<Vec<u8>, ApiError> {
    let failed = |error: pprof::Error| ApiError::Profile(error.to_string());
    let report: Report = guard.report().build().map_err(failed)?;
    match form {
        Form::Pprof => Ok(protobuf::profile(&report, FREQUENCY, time)),
        Form::Svg if report.data.is_empty() => Err(ApiError::EmptyProfile(time)),
        Form::Svg => {
            let mut svg = Vec::new();
            report.flamegraph(&mut svg).map_err(failed)?;
            Ok(svg)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_as_long_as_is_asked_within_a_minute() {
        assert_eq!(seconds(None).unwrap(), Duration::from_secs(10));
        assert_eq!(seconds(Some("60")).unwrap(), Duration::from_secs(60));
        for wrong in ["0", "61", "1.5", "-1", "", "a"] {
            let said = seconds(Some(wrong)).unwrap_err().to_string();
            assert!(said.contains("from 1 to 60"), "{said}");
        }
        assert_eq!(form(Some("svg")).unwrap(), Form::Svg);
        assert!(form(Some("png")).is_err());
    }
}
