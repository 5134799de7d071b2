//! The binary `labelcast`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(labelcast::cli::run()),
        Err(error) => {
            eprintln!("labelcast: the system did not let it start: {error}");
            ExitCode::FAILURE
        }
    }
}
