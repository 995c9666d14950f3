//! What the admin listener asks of the program around the server: the log's
//! level, and the numbers of the process.

use std::sync::Arc;
use std::time::SystemTime;

use crate::app::log;
use crate::app::supervise::Jobs;
use crate::app::traces::TracesMetrics;
use crate::metrics::Page;
use crate::server::Operations;

/// The commit that was built, where the build was told.
const REVISION: Option<&str> = option_env!("GIT_REVISION");

/// This process.
pub(super) struct Program {
    jobs: Arc<Jobs>,
    /// The kind of its store.
    store: &'static str,
    started: SystemTime,
    traces: Option<Arc<TracesMetrics>>,
}

impl Program {
    pub(super) fn new(
        jobs: Arc<Jobs>,
        store: &'static str,
        traces: Option<Arc<TracesMetrics>>,
    ) -> Program {
        Program {
            jobs,
            store,
            traces,
            started: SystemTime::now(),
        }
    }
}

impl Operations for Program {
    fn log_level(&self) -> String {
        log::levels()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        log::set_levels(level)
    }

    fn measure(&self, page: &mut Page) {
        let revision = REVISION.filter(|revision| !revision.is_empty());
        let revision = revision.unwrap_or("unknown");
        page.gauge(
            "dunder_build_info",
            "What runs; always 1.",
            &[
                ("version", env!("CARGO_PKG_VERSION")),
                ("revision", revision),
                ("store", self.store),
            ],
            1.0,
        );
        page.counter(
            "dunder_log_lines_dropped_total",
            "Lines of the log that nobody read in time.",
            &[],
            log::dropped_lines(),
        );
        self.jobs.measure(page);
        if let Some(traces) = &self.traces {
            traces.measure(page);
        }
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH);
        page.gauge(
            "process_start_time_seconds",
            "When the process started, since the Unix epoch.",
            &[],
            started.unwrap_or_default().as_secs_f64(),
        );
        #[cfg(target_os = "linux")]
        process::measure(page);
    }
}

/// What Linux says of a process, under the names that every client library
/// of Prometheus gives it.
///
/// <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>
#[cfg(target_os = "linux")]
mod process {
    use procfs::process::{LimitValue, Process};
    use procfs::{ProcResult, WithCurrentSystemInfo};

    use crate::metrics::Page;

    /// Leaves out what cannot be read.
    pub(super) fn measure(page: &mut Page) {
        let Ok(process) = Process::myself() else {
            return;
        };
        if let Err(error) = of_stat(&process, page) {
            tracing::debug!(%error, "the system does not say how the process fares");
        }
        if let Ok(open) = process.fd_count() {
            let help = "Open file descriptors.";
            page.gauge("process_open_fds", help, &[], open as f64);
        }
        let limits = process.limits();
        if let Ok(LimitValue::Value(most)) = limits.map(|limits| limits.max_open_files.soft_limit) {
            let help = "The most file descriptors that may be open.";
            page.gauge("process_max_fds", help, &[], most as f64);
        }
    }

    fn of_stat(process: &Process, page: &mut Page) -> ProcResult<()> {
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        page.real_counter(
            "process_cpu_seconds_total",
            "Time on processors, of the system too.",
            &[],
            (stat.utime + stat.stime) as f64 / ticks,
        );
        page.gauge(
            "process_resident_memory_bytes",
            "Memory that is resident.",
            &[],
            stat.rss_bytes().get() as f64,
        );
        page.gauge(
            "process_virtual_memory_bytes",
            "Address space.",
            &[],
            stat.vsize as f64,
        );
        page.gauge("process_threads", "Threads.", &[], stat.num_threads as f64);
        Ok(())
    }
}
