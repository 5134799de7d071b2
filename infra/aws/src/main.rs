//! The `bootstrap` of every function; `_HANDLER` says which one this is.

use std::process::ExitCode;

use labelcast_aws::backend::Backend;
use labelcast_aws::environment::Environment;
use labelcast_aws::functions::Function;
use labelcast_aws::telemetry;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--functions") {
        for function in Function::ALL {
            println!("{}", function.name());
        }
        return ExitCode::SUCCESS;
    }
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("labelcast: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let environment = Environment::of_process();
    let function: Function = environment.needed("_HANDLER")?.parse()?;
    let metrics = telemetry::begin(function.name())?;
    let backend = Backend::of(environment)?;
    function.run(&backend, metrics).await
}
