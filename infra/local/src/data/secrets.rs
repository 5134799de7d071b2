//! The secrets of a data directory: created once, with mode 0600.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use labelcast_functions::ports::Random;
use labelcast_functions::signing::Credentials;
use tempfile::NamedTempFile;

use super::{DataDirectory, DataError};

/// The region of one machine.
pub const REGION: &str = "local";

/// The secrets of a directory. They belong to it, not to the port it is served on.
#[derive(Clone)]
pub struct Secrets {
    /// Signs tokens: an RSA key of 2,048 bits, PKCS#8 in PEM.
    pub signing_key: String,
    /// Signs forms, links and `@connections` calls.
    pub credentials: Credentials,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` of its tokens.
    pub client_id: String,
}

impl Secrets {
    /// Reads the secrets of a directory; makes those that are missing.
    pub fn of(directory: &DataDirectory, random: &dyn Random) -> Result<Self, DataError> {
        let path = directory.path();
        let signing_key = kept(&path.join("signing-key.pem"), make_key)?;
        let credentials = kept(&path.join("credentials"), || Ok(make_credentials(random)))?;
        let identity = kept(&path.join("identity"), || Ok(make_identity(random)))?;
        let unreadable = |file: &str, what: &str| DataError::Secret(path.join(file), format!("it has no {what}"));
        let credential = |name| value(&credentials, name).ok_or_else(|| unreadable("credentials", name));
        let identity = |name| value(&identity, name).ok_or_else(|| unreadable("identity", name));
        Ok(Self {
            signing_key,
            credentials: Credentials {
                access_key_id: credential("aws_access_key_id")?,
                secret_access_key: credential("aws_secret_access_key")?,
                session_token: None,
            },
            issuer: identity("issuer")?,
            client_id: identity("client_id")?,
        })
    }
}

fn kept(path: &Path, make: impl FnOnce() -> Result<String, String>) -> Result<String, DataError> {
    let failed = |source| DataError::Io { path: path.to_owned(), source };
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make().map_err(|error| DataError::Secret(path.to_owned(), error))?;
            write_once(path, text.as_bytes()).map_err(failed)?;
            // Of two commands that make it at the same moment both go on with what the first has written.
            read(path).map_err(failed)
        }
        other => other.map_err(failed),
    }
}

/// Reads a secret; one that others may read is closed to them.
fn read(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "a secret was readable by other users; now restricted to its owner (0600)");
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    Ok(text)
}

/// Writes a file for its owner alone, whole or not at all, and never over another. Durable when it returns: tokens and
/// links that were signed must stay good.
fn write_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(folder)?.sync_all(),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(refused.error),
    }
}

/// `NAME = VALUE` lines; the credentials are in the form that AWS tools read.
fn value(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

fn make_key() -> Result<String, String> {
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|error| error.to_string())?;
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|error| error.to_string())?;
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

fn make_credentials(random: &dyn Random) -> String {
    let id = random_id(random, 18).to_uppercase();
    format!("[default]\naws_access_key_id = LC{id}\naws_secret_access_key = {}\n", random_id(random, 40))
}

fn make_identity(random: &dyn Random) -> String {
    format!("issuer = https://labelcast.local/{}\nclient_id = {}\n", random_id(random, 16), random_id(random, 26))
}

/// Random lower-case letters and digits, 5 bits each, without those that are mistaken for others.
pub(crate) fn random_id(random: &dyn Random, count: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; count];
    random.fill(&mut bytes);
    // 32 partitions 256, so every character is as likely as the others.
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}
