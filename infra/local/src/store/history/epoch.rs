//! The epoch of a database's history, and how a copy is distinguished from its original.
//!
//! A copy goes on from an earlier moment: it gives numbers again that clients know already, for other notifications. So the
//! first `serve` on a copy draws a new epoch. A backup is marked as a copy. A copy made by other means is known by its file:
//! the inode and the moment of its making are those of another file.
//!
//! What a loss of power undoes is made again from its jobs, but perhaps in another order. So the first `serve` after the machine
//! went down under a running one draws a new epoch, too.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use labelcast_functions::model::Epoch;
use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::store::columns::parsed;

const EPOCH: &str = "epoch";
/// The setting that marks a database as a copy, set in backups.
const COPY: &str = "copy";
/// The file that the epoch was drawn or used in last.
const FILE: &str = "file";
/// The boot of the machine during which it is served; not there after a clean end.
const BOOT: &str = "boot";

/// Which file a database is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileIdentity(String);

impl FileIdentity {
    /// `None` if it is unknown; moving the file within its file system does not change it.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        // Inodes are given again to later files; not all file systems know when a file was made.
        let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let made = made.map_or_else(|| "-".to_owned(), |made| made.as_nanos().to_string());
        Some(Self(format!("{}:{made}", metadata.ino())))
    }
}

/// One start of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot(String);

impl Boot {
    /// `None` where the system does not report it.
    pub(super) fn current() -> Option<Self> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self(id.trim().to_owned()))
    }
}

/// Notes that everything is on the disk, however the machine goes down now. Only once nothing is written any more.
pub(super) fn note_clean_end(group: &Transaction<'_>) -> rusqlite::Result<()> {
    group.execute("DELETE FROM settings WHERE name = ?1", [BOOT]).map(drop)
}

/// Marks a database as a copy, so that it does not go on in the epoch of the one that it was copied from.
pub fn mark_as_copy(copy: &Connection) -> rusqlite::Result<()> {
    copy.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?1, '1')", [COPY]).map(drop)
}

/// The epoch to go on with: the one that is there, or the drawn one if there is none, if this is a copy, or if the machine went
/// down while it was served.
pub(super) fn of_database(
    group: &Transaction<'_>,
    drawn: &Epoch,
    file: Option<&FileIdentity>,
    boot: Option<&Boot>,
) -> rusqlite::Result<Epoch> {
    let known: Option<Epoch> = group
        .prepare("SELECT value FROM settings WHERE name = ?1")?
        .query_row([EPOCH], |row| parsed(row, 0))
        .optional()?;
    let of_file = value(group, FILE)?;
    let moved = matches!((&of_file, file), (Some(of_file), Some(file)) if *of_file != file.0);
    let copied = value(group, COPY)?.is_some() || moved;
    if let Some(file) = file.filter(|file| of_file.as_ref() != Some(&file.0)) {
        set(group, FILE, &file.0)?;
    }
    let of_boot = value(group, BOOT)?;
    let went_down = matches!((&of_boot, boot), (Some(of_boot), Some(boot)) if *of_boot != boot.0);
    if let Some(boot) = boot.filter(|boot| of_boot.as_ref() != Some(&boot.0)) {
        set(group, BOOT, &boot.0)?;
    }
    match known {
        Some(epoch) if !copied && !went_down => return Ok(epoch),
        Some(_) if !copied => tracing::warn!(
            "the machine went down while this data directory was served: topics get a new epoch, so that clients that come \
             back reload instead of resuming from what may have been lost"
        ),
        Some(_) => tracing::warn!(
            "this data directory is a copy: topics get a new epoch, so that clients that come back reload \
             instead of resuming from what the copy does not have"
        ),
        None => {}
    }
    set(group, EPOCH, drawn.as_str())?;
    group.execute("DELETE FROM settings WHERE name = ?1", [COPY])?;
    Ok(drawn.clone())
}

fn value(group: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<String>> {
    group.query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0)).optional()
}

fn set(group: &Transaction<'_>, name: &str, value: &str) -> rusqlite::Result<()> {
    group.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)", [name, value]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(byte: u8) -> Epoch {
        Epoch::from_random([byte; 8])
    }

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)").unwrap();
        connection
    }

    fn open(connection: &mut Connection, drawn: u8, file: Option<&str>) -> Epoch {
        open_in(connection, drawn, file, None)
    }

    fn open_in(connection: &mut Connection, drawn: u8, file: Option<&str>, boot: Option<&str>) -> Epoch {
        let group = connection.transaction().unwrap();
        let file = file.map(|file| FileIdentity(file.to_owned()));
        let boot = boot.map(|boot| Boot(boot.to_owned()));
        let epoch = of_database(&group, &epoch(drawn), file.as_ref(), boot.as_ref()).unwrap();
        group.commit().unwrap();
        epoch
    }

    #[test]
    fn an_epoch_survives_restarts_and_an_upgrade_from_before_file_identities_were_recorded() {
        let mut connection = database();
        assert_eq!(open(&mut connection, 1, None), epoch(1));
        assert_eq!(open(&mut connection, 2, Some("7:1")), epoch(1));
        assert_eq!(open(&mut connection, 3, Some("7:1")), epoch(1));
        assert_eq!(open(&mut connection, 4, None), epoch(1), "a file system that does not report it");
    }

    #[test]
    fn a_machine_crash_under_a_running_server_starts_a_new_epoch_and_a_killed_process_does_not() {
        let mut connection = database();
        assert_eq!(open_in(&mut connection, 1, None, Some("monday")), epoch(1));
        assert_eq!(open_in(&mut connection, 2, None, Some("monday")), epoch(1), "the process was killed");
        assert_eq!(open_in(&mut connection, 3, None, Some("tuesday")), epoch(3), "the machine went down");
        let group = connection.transaction().unwrap();
        note_clean_end(&group).unwrap();
        group.commit().unwrap();
        assert_eq!(open_in(&mut connection, 4, None, Some("wednesday")), epoch(3), "the server had ended before");
        assert_eq!(open_in(&mut connection, 5, None, None), epoch(3), "a system that does not report it");
    }

    #[test]
    fn a_marked_copy_and_a_moved_file_get_a_new_epoch_once() {
        let mut connection = database();
        assert_eq!(open(&mut connection, 1, Some("7:1")), epoch(1));
        mark_as_copy(&connection).unwrap();
        assert_eq!(open(&mut connection, 2, Some("7:1")), epoch(2));
        assert_eq!(open(&mut connection, 3, Some("7:1")), epoch(2));
        assert_eq!(open(&mut connection, 4, Some("8:1")), epoch(4));
        assert_eq!(open(&mut connection, 5, Some("8:2")), epoch(5), "the inode was given again");
        assert_eq!(open(&mut connection, 6, Some("8:2")), epoch(5));
    }
}
