//! The `dunder` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    dunder::command::main()
}
