//! `SIGHUP`: the settings are read again. What can change while serving does,
//! the log's level, the certificate and most limits; for the rest it is said that a restart
//! is needed. Settings that cannot be used change nothing.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;

use crate::app::{log, systemd};
use crate::config::{Config, ServeArgs, Shown};
use crate::domain::Job;
use crate::server::{Certificate, LiveLimits};

/// What a reload changes.
struct Reload {
    arguments: ServeArgs,
    certificate: Option<Certificate>,
    limits: LiveLimits,
    /// The settings in force, as they were written: what needs a restart as it
    /// was at the start.
    shown: Vec<Shown>,
    signals: Signal,
}

/// Whether a hang-up means that a person has closed the terminal: then the
/// server stops, as the person expects.
pub(super) fn is_of_terminal() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// Reads the settings again at every hang-up.
///
/// # Errors
/// The system gives no signals.
pub(super) fn job(
    arguments: ServeArgs,
    config: &Config,
    certificate: Option<Certificate>,
    limits: LiveLimits,
) -> io::Result<Job> {
    let reload = Arc::new(Mutex::new(Reload {
        arguments,
        certificate,
        limits,
        shown: config.settings.shown(),
        signals: signal(SignalKind::hangup())?,
    }));
    Ok(Job::new("reload", move || {
        let reload = Arc::clone(&reload);
        async move {
            let mut reload = reload.lock().await;
            while reload.signals.recv().await.is_some() {
                systemd::reloading();
                reload.run();
                systemd::ready();
            }
        }
    }))
}

impl Reload {
    fn run(&mut self) {
        let config = match self.arguments.load() {
            Ok(config) => config,
            Err(error) => {
                return tracing::error!(%error, "the settings cannot be used; those in force stay");
            }
        };
        log::set_level(config.log_level);
        if let Some(certificate) = &self.certificate {
            certificate.reload();
        }
        self.limits.change(&config.server.limits);
        let shown = config.settings.shown();
        let (applied, pending) = changed(&self.shown, &shown);
        go_on_with(&mut self.shown, shown);
        let applied = (!applied.is_empty()).then(|| applied.join(", "));
        if pending.is_empty() {
            tracing::info!(changed = applied, "settings reloaded");
        } else {
            tracing::warn!(
                changed = applied,
                settings = pending.join(", "),
                "settings reloaded; some of those that changed need a restart"
            );
        }
    }
}

/// What a reload changes.
fn is_live(key: &str) -> bool {
    key == "log_level" || (key.starts_with("limits.") && !LiveLimits::FIXED.contains(&key))
}

/// Takes over the settings that a reload changes.
fn go_on_with(in_force: &mut [Shown], now: Vec<Shown>) {
    let live = in_force.iter_mut().zip(now);
    for (then, now) in live.filter(|(then, _)| is_live(then.key)) {
        *then = now;
    }
}

/// The keys whose values differ from those in force: those that the server goes
/// on with, and those that need a restart.
fn changed(in_force: &[Shown], now: &[Shown]) -> (Vec<&'static str>, Vec<&'static str>) {
    let changed = in_force
        .iter()
        .zip(now)
        .filter(|(then, now)| then.value != now.value || is_new_secret(then, now));
    changed
        .map(|(then, _)| then.key)
        .partition(|key| is_live(key))
}

/// A secret shows no value; one that was written or taken away is a change.
fn is_new_secret(then: &Shown, now: &Shown) -> bool {
    then.value == "…" && then.origin != now.origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigFile, Environment, Flags};

    fn shown(yaml: &str) -> Vec<Shown> {
        let environment = Environment {
            data_dir: Some("/data".into()),
            ..Environment::default()
        };
        let file = ConfigFile {
            name: "config.yaml".to_owned(),
            text: yaml.to_owned(),
        };
        let config = Config::load(&Flags::default(), &environment, Some(&file));
        config.unwrap().settings.shown()
    }

    #[test]
    fn every_changed_setting_but_the_logs_level_and_most_limits_needs_a_restart() {
        let started = shown("log_level: info\nport: 9000\n");
        for (yaml, live, pending) in [
            ("port: 9000\n", &[][..], &[][..]),
            ("log_level: debug\n", &["log_level"], &[]),
            ("debug: true\nport: 9001\n", &["log_level"], &["port"]),
            (
                "limits:\n  connections: 5\n  requests: 6\n  writer_queue: 7\n",
                &["limits.connections", "limits.requests"],
                &["limits.writer_queue"],
            ),
        ] {
            let (applied, needed) = changed(&started, &shown(yaml));
            assert_eq!((&*applied, &*needed), (live, pending), "{yaml}");
        }
    }

    #[test]
    fn what_a_reload_changed_is_said_once_and_what_needs_a_restart_each_time() {
        let mut in_force = shown("log_level: info\nport: 9000\n");
        let next = || shown("log_level: debug\nport: 9001\n");
        go_on_with(&mut in_force, next());
        assert_eq!(changed(&in_force, &next()), (vec![], vec!["port"]));
        let back = shown("log_level: info\nport: 9000\n");
        assert_eq!(changed(&in_force, &back), (vec!["log_level"], vec![]));
    }
}
