//! `shakedown`: see the library of this package.

fn main() -> std::process::ExitCode {
    harness::main(std::env::args_os()).into()
}
