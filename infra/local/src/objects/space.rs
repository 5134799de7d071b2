//! Whether there is room to accept something (`docs/guarantees.md#durability`).

use std::io;
use std::path::Path;

use rustix::fs::statvfs;

/// What is kept free for what was accepted already: rows, thumbnails, history.
pub(super) const FLOOR: u64 = 64 * 1024 * 1024;

/// Whether this many bytes fit, and the floor stays free.
pub(super) fn has_room(folder: &Path, bytes: u64, floor: u64) -> io::Result<bool> {
    let space = statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize) > bytes.saturating_add(floor))
}
