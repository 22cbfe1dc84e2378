//! Parse, run, turn the error into an exit code.

fn main() -> std::process::ExitCode {
    modfarm::cli::main()
}
