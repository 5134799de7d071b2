//! Why serving did not begin, or ended.

use labelcast_functions::ports::PortError;

use crate::data::DataError;
use crate::database::OpenError;
use crate::server::ListenError;
use crate::users::PasswordError;

/// Why serving did not begin, or ended.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is described by its own message")]
pub enum ServeError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Database(#[from] OpenError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("the folder of objects is not accessible: {0}")]
    Objects(std::io::Error),
    #[error("{0}")]
    Detector(String),
    #[error("cannot read the key that signs tokens: {0}")]
    SigningKey(String),
    #[error("the server could not run: {0}")]
    System(#[from] std::io::Error),
}
