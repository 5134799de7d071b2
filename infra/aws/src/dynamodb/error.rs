use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use labelcast_functions::ports::PortError;

/// Refusals that the same request meets again, however often it is made.
const FINAL: [&str; 4] = [
    "ValidationException",
    "AccessDeniedException",
    "ResourceNotFoundException",
    "ItemCollectionSizeLimitExceededException",
];

/// What a call's failure means for the caller. Throttles and conflicts were retried by the SDK before.
pub(crate) fn port_error<E, R>(what: &'static str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let why = DisplayErrorContext(error).to_string();
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some(code) if FINAL.contains(&code) => PortError::Failed { what, why },
        _ => PortError::Unavailable { what, why },
    }
}
