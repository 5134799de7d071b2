use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use serde_json::Value;

use super::*;
use crate::data::Secrets;
use crate::database::Database;
use labelcast_functions::system::SystemRandom;

fn run(directory: &DataDirectory, file: &Path) -> Result<(), BackupError> {
    write(directory, file, &CancellationToken::new())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

fn unpack(file: &Path, to: &Path) {
    let mut archive = tar::Archive::new(File::open(file).unwrap());
    archive.set_preserve_permissions(true);
    archive.unpack(to).unwrap();
}

async fn set(database: &Database, name: &'static str) {
    let insert = "INSERT INTO settings VALUES (?1, 'x')";
    database.write(move |group| group.execute(insert, [name]).map(drop)).await.unwrap();
}

async fn settings(directory: &Path) -> Vec<String> {
    let select = "SELECT name FROM settings ORDER BY name";
    let names = |connection: &Connection| connection.prepare(select)?.query_map([], |row| row.get(0))?.collect();
    Database::open(directory).unwrap().read(names).await.unwrap()
}

fn put(directory: &DataDirectory, key: &str, bytes: &str) {
    let path = directory.objects().join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_restored_backup_has_the_same_rows_secrets_and_objects_readable_only_by_its_owner() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = DataDirectory::open(place.path()).unwrap();
    let secrets = Secrets::of(&directory, &SystemRandom).unwrap();
    // Open while the backup is taken, with changes that are in the log only.
    let database = Database::open(directory.path()).unwrap();
    set(&database, "before").await;
    let _serving = directory.lock().unwrap();
    put(&directory, "original/ab/abcd", "pixels");
    put(&directory, "new/upload", "received");
    put(&directory, "parts/p1", "pix");
    put(&directory, "rejected/upload", "no picture");

    let file = elsewhere.path().join("backup.tar");
    run(&directory, &file).unwrap();
    set(&database, "after").await;

    assert_eq!((names(elsewhere.path()), mode(&file)), (vec!["backup.tar".to_owned()], 0o600));
    assert!(!names(place.path()).iter().any(|name| name.starts_with(".backup")), "{:?}", names(place.path()));
    let restored = elsewhere.path().join("restored");
    unpack(&file, &restored);
    let all = ["backup.json", "credentials", "identity", database::FILE_NAME, "objects", "signing-key.pem"];
    assert_eq!(names(&restored), all);
    let manifest: Value = serde_json::from_str(&fs::read_to_string(restored.join("backup.json")).unwrap()).unwrap();
    assert_eq!(
        (&manifest["labelcast"], &manifest["schema"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!(database::VERSION))
    );
    assert!(manifest["written_at"].as_str().unwrap().parse::<chrono::DateTime<Utc>>().is_ok());
    assert_eq!(mode(&restored.join("backup.json")), 0o600);
    assert_eq!(mode(&restored.join(database::FILE_NAME)), 0o600);
    assert_eq!(settings(&restored).await, ["before", "copy"]);
    let directory = DataDirectory::existing(&restored).unwrap();
    assert_eq!(Secrets::of(&directory, &SystemRandom).unwrap().client_id, secrets.client_id);
    assert_eq!(names(&directory.objects()), ["new", "original"]);
    assert_eq!(fs::read_to_string(directory.objects().join("original/ab/abcd")).unwrap(), "pixels");
    assert_eq!(fs::read_to_string(directory.objects().join("new/upload")).unwrap(), "received");
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = DataDirectory::open(place.path()).unwrap();
    Database::open(directory.path()).unwrap();
    let (file, dangling) = (elsewhere.path().join("file"), elsewhere.path().join("link"));
    fs::write(&file, "precious").unwrap();
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    for name in [&file, &dangling, elsewhere.path()] {
        assert!(matches!(run(&directory, name), Err(BackupError::Exists(_))), "{}", name.display());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(names(elsewhere.path()), ["file", "link"]);
}

#[test]
fn a_failed_or_interrupted_backup_leaves_nothing_behind() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = DataDirectory::open(place.path()).unwrap();
    Database::open(directory.path()).unwrap();
    let file = elsewhere.path().join("backup.tar");
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(matches!(write(&directory, &file, &stop), Err(BackupError::Interrupted)));
    assert!(matches!(run(&directory, &elsewhere.path().join("no/backup.tar")), Err(BackupError::Write { .. })));
    fs::write(place.path().join(database::FILE_NAME), "this is no database, but it is long enough to be looked at")
        .unwrap();
    assert!(matches!(run(&directory, &file), Err(BackupError::Database(_))));
    assert!(names(place.path()).iter().all(|name| name.starts_with(database::FILE_NAME)), "{:?}", names(place.path()));
    assert_eq!(names(elsewhere.path()), [""; 0]);
}

/// A copy that begins anew with every write would never end here.
#[tokio::test]
async fn a_backup_completes_under_continuous_writes() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = DataDirectory::open(place.path()).unwrap();
    let database = Database::open(directory.path()).unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
        INSERT INTO settings SELECT 'fill-' || i, hex(zeroblob(2000)) FROM n";
    database.write(move |group| group.execute(fill, []).map(drop)).await.unwrap();
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let writer = tokio::spawn(async move {
        let mut written = 0_u32;
        while !stopping.is_cancelled() {
            let insert = "INSERT INTO settings VALUES ('busy-' || ?1, 'x')";
            database.write(move |group| group.execute(insert, [written]).map(drop)).await.unwrap();
            written += 1;
        }
    });
    let file = elsewhere.path().join("backup.tar");
    let target = file.clone();
    tokio::task::spawn_blocking(move || run(&directory, &target)).await.unwrap().unwrap();
    stop.cancel();
    writer.await.unwrap();
    let restored = elsewhere.path().join("restored");
    unpack(&file, &restored);
    let check = |connection: &Connection| connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    let checked: String = Database::open(&restored).unwrap().read(check).await.unwrap();
    assert_eq!(checked, "ok");
    assert!(settings(&restored).await.iter().filter(|name| name.starts_with("fill-")).count() == 4_000);
}

/// What clients saw after the backup was taken is not in it: the numbers of then are given again, for something else.
#[tokio::test]
async fn a_restored_backup_gets_a_new_epoch_and_the_original_keeps_its_own() {
    use labelcast_functions::model::{Topic, TopicKey};
    use labelcast_functions::ports::History;
    use std::sync::Arc;

    let epoch = async |directory: &Path| {
        let database = Database::open(directory).unwrap();
        let system = (Arc::new(labelcast_functions::system::SystemClock), Arc::new(SystemRandom));
        let history = crate::store::SqliteHistory::open(database, system.0, system.1).await.unwrap();
        history.head(&TopicKey::Shared(Topic::Labels)).await.unwrap().epoch
    };
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = DataDirectory::open(place.path()).unwrap();
    let first = epoch(directory.path()).await;
    let file = elsewhere.path().join("backup.tar");
    run(&directory, &file).unwrap();
    assert_eq!(epoch(directory.path()).await, first);
    let (restored, copied) = (elsewhere.path().join("restored"), elsewhere.path().join("copied"));
    unpack(&file, &restored);
    let second = epoch(&restored).await;
    assert_ne!(second, first);
    assert_eq!(epoch(&restored).await, second, "once");
    // By hand, while nobody served it.
    fs::create_dir(&copied).unwrap();
    fs::copy(place.path().join(database::FILE_NAME), copied.join(database::FILE_NAME)).unwrap();
    assert_ne!(epoch(&copied).await, first);
    assert_eq!(epoch(directory.path()).await, first);
}
