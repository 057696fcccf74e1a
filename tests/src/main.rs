//! The same program as `shakedown`, as a binary of this package.

fn main() -> std::process::ExitCode {
    harness::main(std::env::args_os()).into()
}
