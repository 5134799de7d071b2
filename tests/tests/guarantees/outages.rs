//! If tokens cannot be verified at the moment, clients get a temporary error, and no connection is lost.

use chrono::Duration;
use labelcast::database::Database;
use labelcast_functions::settings::Settings;
use labelcast_tests::uploads::HTTP;
use labelcast_tests::{Socket, TestMachine};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

async fn search(test: &TestMachine, token: &str) -> Response {
    HTTP.get(format!("http://{}/api/images", test.address())).bearer_auth(token).send().await.unwrap()
}

/// The status that a handshake is refused with; 101 if it is not.
async fn handshake(test: &TestMachine, token: &str) -> u16 {
    match Socket::open(&test.address(), token).await {
        Ok(_) => 101,
        Err(Error::Http(refused)) => refused.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

async fn refresh(socket: &mut Socket, token: &str) -> Value {
    let (_, response) = socket.ask(json!({"action": "refresh", "token": token, "ref": "r"})).await;
    assert_eq!(response["ref"], "r", "{response}");
    response
}

async fn is_there(socket: &mut Socket) {
    assert_eq!(socket.ask(json!({"action": "ping"})).await.1["type"], "pong");
}

#[tokio::test]
async fn while_keys_cannot_be_fetched_a_new_token_gets_a_temporary_error_and_no_connection_is_lost() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    socket.subscribe(&["labels"]).await;
    // The issuer signs with a new key, which nobody knows here yet, and cannot be asked for it.
    let rotated = test.issuer_with_another_key();
    let token = test.token_by(&rotated).await;
    test.keys.fail();
    test.clock.advance(Duration::minutes(2));
    let response = refresh(&mut socket, &token).await;
    assert_eq!((&response["type"], &response["code"]), (&json!("error"), &json!("internal")), "{response}");
    assert!(response["message"].as_str().unwrap().contains("try again in a moment"), "{response}");
    is_there(&mut socket).await;
    let refused = search(&test, &token).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "unavailable");
    assert_eq!(handshake(&test, &token).await, 503);
    // The keys that are known go on being good.
    assert_eq!(refresh(&mut socket, &test.token().await).await["type"], "refreshed");
    // And once the issuer answers, the same token is.
    test.keys.are(&rotated);
    test.clock.advance(Duration::seconds(6));
    assert_eq!(refresh(&mut socket, &token).await["type"], "refreshed");
    assert_eq!(search(&test, &token).await.status(), StatusCode::OK);
    assert_eq!(handshake(&test, &token).await, 101);
    is_there(&mut socket).await;
}

#[tokio::test]
async fn while_users_cannot_be_looked_up_a_new_token_gets_a_temporary_error_and_no_connection_is_lost() {
    let test = TestMachine::start(Settings::default()).await;
    let (token, another) = (test.token().await, test.token().await);
    let mut socket = test.connect().await;
    socket.subscribe(&["labels"]).await;
    let database = Database::open(test.directory()).unwrap();
    let rename = async |change: &'static str| database.write(|rows| rows.execute_batch(change)).await.unwrap();
    rename("ALTER TABLE revisions RENAME TO revisions_of_another_time").await;
    // What was looked up a moment ago is believed for that moment.
    let unavailable = async {
        while search(&test, &token).await.status() != StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), unavailable).await.expect("it is noticed");
    let response = refresh(&mut socket, &another).await;
    assert_eq!((&response["type"], &response["code"]), (&json!("error"), &json!("internal")), "{response}");
    is_there(&mut socket).await;
    assert_eq!(handshake(&test, &token).await, 503);
    rename("ALTER TABLE revisions_of_another_time RENAME TO revisions").await;
    assert_eq!(refresh(&mut socket, &another).await["type"], "refreshed");
    assert_eq!(search(&test, &token).await.status(), StatusCode::OK);
    is_there(&mut socket).await;
}
