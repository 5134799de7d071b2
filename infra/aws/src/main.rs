//! The `bootstrap` of every function; `_HANDLER` says which one this is.

use std::process::ExitCode;

use labelcast_aws::backend::Backend;
use labelcast_aws::environment::Environment;
use labelcast_aws::functions::Function;
use labelcast_aws::telemetry;
use lambda_runtime::Error;
use strum::VariantNames;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--functions") {
        println!("{}", Function::VARIANTS.join("\n"));
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
    let metrics = telemetry::begin(function.into())?;
    let backend = Backend::of(environment)?;
    function.run(&backend, metrics).await
}
