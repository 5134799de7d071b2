//! Cursors of lists of images: where a page ends, in a form that says nothing.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::{Position, PositionError};

/// What a sealed cursor is good for.
const PURPOSE: &[u8] = b"labelcast: a place in a list of images";

/// Writes and reads the cursors of pages.
///
/// Where positions are numbers without gaps, two cursors would reveal how many images lie between them, those that wait for
/// a moderator included. So they are sealed there: encrypted and authenticated, the same cursor for the same place.
#[derive(Clone)]
pub struct PageCursors(Option<Arc<LessSafeKey>>);

impl PageCursors {
    /// For a backend with numbers without gaps. The key is derived from a secret of at least 16 random bytes.
    ///
    /// # Panics
    /// Never: a digest has the length of the key.
    pub fn sealed(secret: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(PURPOSE);
        context.update(&[0]);
        context.update(secret);
        let key = UnboundKey::new(&AES_256_GCM_SIV, context.finish().as_ref()).expect("SHA-256 has 32 bytes");
        Self(Some(Arc::new(LessSafeKey::new(key))))
    }

    /// For a backend where positions are times, which count nothing.
    pub const fn plain() -> Self {
        Self(None)
    }

    /// The cursor of a position.
    pub(super) fn write(&self, position: Position) -> String {
        let Some(key) = &self.0 else { return position.to_string() };
        let mut sealed = position.0.to_be_bytes().to_vec();
        // The mode that needs no nonce (RFC 8452): what is equal looks equal, and nothing else is seen.
        let sealing = key.seal_in_place_append_tag(no_nonce(), Aad::from(PURPOSE), &mut sealed);
        sealing.expect("16 bytes are not too many to be encrypted");
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The position of a cursor that [`Self::write`] wrote.
    pub(super) fn read(&self, text: &str) -> Result<Position, PositionError> {
        let Some(key) = &self.0 else { return text.parse() };
        let mut sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| PositionError)?;
        let opened = key.open_in_place(no_nonce(), Aad::from(PURPOSE), &mut sealed).map_err(|_| PositionError)?;
        <[u8; 16]>::try_from(&*opened).map(|bytes| Position(u128::from_be_bytes(bytes))).map_err(|_| PositionError)
    }
}

impl fmt::Debug for PageCursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCursors").field("sealed", &self.0.is_some()).finish()
    }
}

fn no_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed() -> PageCursors {
        PageCursors::sealed(b"sixteen bytes or more")
    }

    proptest! {
        #[test]
        fn a_cursor_round_trips(position: u128) {
            for cursors in [sealed(), PageCursors::plain()] {
                prop_assert_eq!(cursors.read(&cursors.write(Position(position))), Ok(Position(position)));
            }
        }

        #[test]
        fn a_tampered_cursor_is_refused(position: u128, at in 0..43_usize, other in "[A-Za-z0-9_-]") {
            let cursor = sealed().write(Position(position));
            prop_assert_eq!(cursor.len(), 43);
            let mut changed = cursor.clone();
            changed.replace_range(at..=at, &other);
            prop_assume!(changed != cursor);
            prop_assert_eq!(sealed().read(&changed), Err(PositionError));
        }

        #[test]
        fn arbitrary_text_is_not_a_valid_cursor(text in "\\PC{0,60}") {
            prop_assert_eq!(sealed().read(&text), Err(PositionError));
        }
    }

    #[test]
    fn cursors_of_neighbouring_images_are_unrelated() {
        let (one, next) = (sealed().write(Position(41)), sealed().write(Position(42)));
        let same = one.bytes().zip(next.bytes()).filter(|(one, next)| one == next).count();
        assert!(same < 12, "{one} {next}");
        assert_eq!(one, sealed().write(Position(41)), "the same place is the same cursor");
    }

    #[test]
    fn a_cursor_from_an_earlier_version_or_another_directory_is_refused() {
        let cursor = PageCursors::sealed(b"the secret of another directory").write(Position(41));
        for foreign in [Position(41).to_string(), cursor] {
            assert_eq!(sealed().read(&foreign), Err(PositionError));
        }
    }
}
