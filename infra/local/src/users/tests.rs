use super::*;
use labelcast_functions::system::{SystemClock, SystemRandom};

fn users(place: &tempfile::TempDir) -> Users {
    let database = Database::open(place.path()).unwrap();
    Users::new(database, Arc::new(SystemClock), Arc::new(SystemRandom))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[tokio::test]
async fn only_the_first_start_creates_a_viewer_and_a_moderator() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("something-else"), "whatever else lies in it").unwrap();
    let made = users(&place).first().await.unwrap();
    assert_eq!(made.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["viewer", "moderator"]);
    assert_ne!(made[0].password, made[1].password);
    for user in &made {
        let found = users(&place).verify(user.name.as_str(), user.password.clone()).await.unwrap().unwrap();
        assert_eq!(found.groups.contains(MODERATORS), user.name.as_str() == "moderator");
    }
    assert!(users(&place).remove(&name("viewer")).await.unwrap());
    assert!(users(&place).first().await.unwrap().is_empty(), "what was removed stays removed");
    assert_eq!(users(&place).list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_interrupted_first_start_is_completed_by_the_next() {
    let place = tempfile::tempdir().unwrap();
    drop(Database::open(place.path()).unwrap());
    assert_eq!(users(&place).first().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_existing_user_keeps_its_password() {
    let place = tempfile::tempdir().unwrap();
    assert!(users(&place).add(&name("viewer"), &BTreeSet::new(), "my own password".to_owned()).await.unwrap());
    let made = users(&place).first().await.unwrap();
    assert_eq!(made.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["moderator"]);
    assert!(users(&place).verify("viewer", "my own password".to_owned()).await.unwrap().is_some());
}

#[tokio::test]
async fn passwords_are_bounded_in_length_and_stored_only_as_argon2id_hashes() {
    let place = tempfile::tempdir().unwrap();
    let users = users(&place);
    let password = "correct horse battery".to_owned();
    assert!(users.add(&name("ada"), &BTreeSet::new(), password.clone()).await.unwrap());
    assert!(!users.add(&name("ada"), &BTreeSet::new(), password.clone()).await.unwrap());
    for bad in ["", "1234567", &"x".repeat(257)] {
        assert!(matches!(users.set_password(&name("ada"), bad.to_owned()).await, Err(PasswordError::Length)));
    }
    let select = "SELECT password FROM users";
    let kept: String =
        users.database.read(|connection| connection.query_row(select, [], |row| row.get(0))).await.unwrap();
    assert!(kept.starts_with("$argon2id$") && !kept.contains(&password), "{kept}");
    assert!(users.verify("ada", password).await.unwrap().is_some());
    assert!(users.verify("ada", "x".repeat(10_000)).await.unwrap().is_none());
}
