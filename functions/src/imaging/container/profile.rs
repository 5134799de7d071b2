//! Colour profiles.

use img_parts::Bytes;

/// The largest profile that is kept, in bytes. Those of printing presses have up to about 2.5 MB.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// The profile alone, by the size that its header gives; `None` for what is no profile (ICC.1:2022 §7.2).
pub(super) fn exact(profile: &Bytes) -> Option<Bytes> {
    let size = u32::from_be_bytes(profile.get(..4)?.try_into().ok()?) as usize;
    let is_profile = profile.get(36..40) == Some(b"acsp") && (128..=MAX_BYTES).contains(&size);
    (is_profile && size <= profile.len()).then(|| profile.slice(..size))
}
