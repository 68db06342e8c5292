//! The program: arguments, then `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    knoop::cli::main()
}
