//! The binary `labelcast`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The C library's keeps what each of many threads freed for that thread: 7 KB more for every idle connection.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    labelcast::data::close_to_others();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(labelcast::cli::run()),
        Err(error) => {
            eprintln!("labelcast: could not start: {error}");
            ExitCode::FAILURE
        }
    }
}
