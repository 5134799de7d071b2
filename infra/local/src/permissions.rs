//! Who may read a file.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

/// Closes a file to all but its owner: an earlier version may have made it.
pub(crate) fn close_file(file: &File) -> io::Result<()> {
    let others = file.metadata()?.permissions().mode() & 0o077;
    if others == 0 { Ok(()) } else { file.set_permissions(Permissions::from_mode(0o600)) }
}
