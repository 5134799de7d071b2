//! Passwords: Argon2id, with a bound on how many are computed at once (`docs/guarantees.md#guessing-is-slowed-down`).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use labelcast_functions::ports::PortError;
use tokio::sync::Semaphore;

/// Each takes 19 MiB and a core for some 20 ms.
static MAX_CONCURRENCY: Semaphore = Semaphore::const_new(2);

/// Why a password was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password must have 8 to 256 characters")]
    Length,
    /// An internal failure.
    #[error(transparent)]
    Port(#[from] PortError),
}

pub(super) async fn hash(password: String, salt: [u8; 16]) -> Result<String, PasswordError> {
    if !(8..=256).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    computed(move || {
        Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|error| error.to_string())
    })
    .await
}

/// Whether the password is the one that was hashed. Without a hash it is not, and takes as long.
pub(super) async fn verify(password: String, hash: Option<String>) -> Result<bool, PasswordError> {
    if password.chars().count() > 256 {
        return Ok(false);
    }
    computed(move || match hash {
        Some(hash) => {
            let hash = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        }
        None => {
            let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &[7; 16]);
            Ok(hashed.is_err())
        }
    })
    .await
}

async fn computed<T: Send + 'static>(
    compute: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, PasswordError> {
    let failed = |why: String| PasswordError::Port(PortError::Failed { what: "hashing a password", why });
    let turn = MAX_CONCURRENCY.acquire().await.map_err(|error| failed(error.to_string()))?;
    let computed = tokio::task::spawn_blocking(move || {
        // The caller may hang up; the turn lasts as long as the work, or hanging up would lift the bound.
        let _turn = turn;
        compute()
    });
    computed.await.map_err(|error| failed(error.to_string()))?.map_err(failed)
}
