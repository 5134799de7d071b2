//! The schema and its versions. A migration, once released, never changes; a new one is appended.

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// Each brings the schema from its index to the next version.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
];

/// The newest version; kept in SQLite's `user_version`.
#[expect(clippy::cast_possible_truncation, reason = "a handful of migrations")]
pub const VERSION: u32 = MIGRATIONS.len() as u32;

pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    migrate_through(connection, MIGRATIONS)
}

fn migrate_through(connection: &mut Connection, migrations: &[&str]) -> Result<(), OpenError> {
    let known = u32::try_from(migrations.len()).expect("a handful of migrations");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let empty = |table: &rusqlite::Transaction<'_>| {
        table.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get::<_, bool>(0))
    };
    let found = match u32::try_from(version) {
        // A file that has tables but no version is somebody else's.
        Ok(found) if found > 0 || empty(&transaction)? => found,
        _ => {
            let path = transaction.path().unwrap_or_default().into();
            return Err(OpenError::Foreign { path, found: version });
        }
    };
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for migration in &migrations[found as usize..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    if found < known && found > 0 {
        tracing::info!(from = found, to = known, "migrated the database");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::payload;

    fn version(connection: &Connection) -> u32 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_fresh_database_is_at_the_newest_version() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection), VERSION);
    }

    #[test]
    fn images_of_schema_version_1_are_searchable() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_through(&mut connection, &MIGRATIONS[..1]).unwrap();
        for (number, status) in [(1, "visible"), (2, "pending"), (3, "approved")] {
            let image = "INSERT INTO images (key, id, content_type, size, width, height, uploaded_at)
                         VALUES (?1, randomblob(32), 'image/png', 1, 1, 1, 0)";
            connection.execute(image, [number]).unwrap();
            let result = "INSERT INTO results (number, image, status, version, analysis) VALUES (?1, ?1, ?2, 1, '{}')";
            connection.execute(result, rusqlite::params![number, status]).unwrap();
        }
        migrate(&mut connection).unwrap();
        let counts = connection.query_row("SELECT visible, total FROM terms WHERE name = 'everything'", [], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?))
        });
        assert_eq!(counts.unwrap(), (2, 3));
        let hidden: Vec<u32> = connection
            .prepare("SELECT number FROM postings WHERE hidden = 1 AND confidence = 10000")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(hidden, [2]);
    }

    #[test]
    fn jobs_of_schema_version_4_keep_their_failed_attempts() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_through(&mut connection, &MIGRATIONS[..4]).unwrap();
        // Claimed at its second attempt; waiting after its first; a dead letter.
        for (attempts, claimed, dead_at) in [(2, 1, None), (1, 0, None), (3, 0, Some(9))] {
            let job =
                "INSERT INTO work (target, payload, attempts, claimed, interrupted, visible_at, created_at, dead_at)
                       VALUES ('notify', '{}', ?1, ?2, 4, 1000, 5, ?3)";
            connection.execute(job, rusqlite::params![attempts, claimed, dead_at]).unwrap();
        }
        migrate(&mut connection).unwrap();
        let jobs: Vec<(u32, i64, Option<u32>)> = connection
            .prepare("SELECT attempts, visible_at, suspect FROM work ORDER BY id")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(jobs, [(1, 0, None), (1, 1000, None), (3, 1000, None)]);
    }

    /// Recorded from 0.1, whose rows were the events that AWS would have sent.
    const ROWS_OF_THE_FIFTH_VERSION: &str = include_str!("samples/jobs-of-0.1.tsv");

    #[test]
    fn jobs_of_schema_version_5_become_typed_requests() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_through(&mut connection, &MIGRATIONS[..5]).unwrap();
        let insert = "INSERT INTO work (target, payload, visible_at, created_at) VALUES (?1, ?2, 0, 5)";
        for row in ROWS_OF_THE_FIFTH_VERSION.lines() {
            let (target, payload) = row.split_once('\t').unwrap();
            connection.execute(insert, [target, payload]).unwrap();
        }
        // None of these is an event; nor does one end the migration.
        let broken = ["", "no JSON", "{}", r#"{"Records":[]}"#, r#"{"detail":"none"}"#, "[1]"];
        for target in ["ingest", "analyze", "index", "notify"] {
            for payload in broken {
                connection.execute(insert, [target, payload]).unwrap();
            }
        }
        migrate(&mut connection).unwrap();
        let mut select = connection.prepare("SELECT payload FROM work ORDER BY id").unwrap();
        let payloads: Vec<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let (recorded, kept) = payloads.split_at(ROWS_OF_THE_FIFTH_VERSION.lines().count());
        let expected: Vec<&str> = include_str!("samples/jobs-of-0.1-migrated.jsonl").lines().collect();
        for (payload, expected) in recorded.iter().zip(&expected) {
            let (migrated, written) = (payload::read(payload).unwrap(), payload::read(expected).unwrap());
            assert_eq!(migrated, written);
        }
        assert_eq!(
            (recorded.len(), kept),
            (expected.len(), &*broken.repeat(4).iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())
        );
    }

    #[test]
    fn migrating_again_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.execute("INSERT INTO settings (name, value) VALUES ('a', 'b')", []).unwrap();
        migrate(&mut connection).unwrap();
        let kept: u32 = connection.query_row("SELECT count(*) FROM settings", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&connection), kept), (VERSION, 1));
    }

    #[test]
    fn a_newer_database_is_refused_and_left_unchanged() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        let refused = migrate(&mut connection).unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found, known } if found == VERSION + 1 && known == VERSION));
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&connection), tables), (VERSION + 1, 0));
    }

    #[test]
    fn a_database_with_a_negative_version_or_foreign_schema_is_refused_clearly_and_left_unchanged() {
        for (version, table) in [(-1, ""), (-7, "CREATE TABLE pets (name TEXT)"), (0, "CREATE TABLE pets (name TEXT)")]
        {
            let mut connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(table).unwrap();
            connection.pragma_update(None, "user_version", version).unwrap();
            let refused = migrate(&mut connection).unwrap_err();
            let sentence = format!("is no Labelcast database: its schema version is {version}; restore a backup");
            assert!(refused.to_string().contains(&sentence), "{refused}");
            let kept: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            assert_eq!(kept, version);
        }
    }

    #[test]
    fn an_older_database_is_migrated_and_keeps_its_data() {
        let first = "CREATE TABLE pets (name TEXT); INSERT INTO pets VALUES ('rex');";
        let second = "ALTER TABLE pets ADD COLUMN legs INTEGER NOT NULL DEFAULT 4;";
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_through(&mut connection, &[first]).unwrap();
        migrate_through(&mut connection, &[first, second]).unwrap();
        let pet: (String, u32) =
            connection.query_row("SELECT name, legs FROM pets", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!((version(&connection), pet), (2, ("rex".to_owned(), 4)));
    }

    #[test]
    fn a_failed_migration_leaves_the_older_version_intact() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_through(&mut connection, &["CREATE TABLE pets (name TEXT);"]).unwrap();
        let broken = ["CREATE TABLE pets (name TEXT);", "CREATE TABLE toys (name TEXT); CREATE TABLE pets (x);"];
        assert!(migrate_through(&mut connection, &broken).is_err());
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&connection), tables), (1, 1));
    }
}
