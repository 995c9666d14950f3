//! Time as requests are measured by.

use std::sync::LazyLock;
use std::time::Duration;

use quanta::Clock;

static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::new);

/// A moment by the processor's own counter, where that can be relied on, else
/// by the system's clock, which takes twice as long to ask.
#[derive(Debug, Clone, Copy)]
pub struct Moment(u64);

impl Moment {
    /// Sets the counter beside the system's clock, once, which takes a
    /// millisecond: no request shall wait for it.
    pub fn prepare() {
        LazyLock::force(&CLOCK);
    }

    /// This one.
    pub fn now() -> Moment {
        Moment(CLOCK.raw())
    }

    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        CLOCK.delta(self.0, CLOCK.raw())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_goes_on_as_the_clock_of_the_system_does() {
        let (outer, inner) = (Instant::now(), Moment::now());
        let spun = loop {
            let spun = inner.elapsed();
            if spun >= Duration::from_millis(20) {
                break spun;
            }
        };
        // What it says passed did pass.
        assert!(outer.elapsed() >= spun.mul_f64(0.99), "{spun:?}");
    }
}
