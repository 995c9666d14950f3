//! The hot paths one by one, so that one that becomes slower is noticed: what
//! every post parses, what every answer encodes, and what a terminal draws.
//!
//! `cargo bench --bench micro` compares with the run before; a word behind
//! `--` chooses benchmarks by a part of their name.

mod drawing;
mod parsing;
mod wire;

use std::time::Duration;

use criterion::Criterion;

// As dunder has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    parsing::measure(&mut criterion);
    wire::measure(&mut criterion);
    drawing::measure(&mut criterion);
    criterion.final_summary();
}
