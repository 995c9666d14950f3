//! Counts what the scanner looks at, in tests alone.

#[cfg(test)]
std::thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// So many more characters were looked at.
#[inline(always)]
#[cfg_attr(not(test), expect(unused_variables, reason = "nothing is counted"))]
pub(in crate::domain) fn count(more: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + more);
}

/// The steps of a piece of work on this thread.
#[cfg(test)]
pub(in crate::domain) fn of<T>(work: impl FnOnce() -> T) -> usize {
    let before = STEPS.get();
    work();
    STEPS.get() - before
}
