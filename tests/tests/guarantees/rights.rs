//! Permissions: `docs/guarantees.md#rights-are-those-of-today`, `#the-connections-row-rules`, `#readers-and-scopes`.

use labelcast::database::Database;
use labelcast_functions::model::{MODERATORS, Name};
use labelcast_functions::settings::Settings;
use labelcast_tests::{Server, Socket, TestMachine, picture, uploads};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::publish;

async fn subscribed(socket: &mut Socket, topic: &str) -> bool {
    let (_, response) = socket.ask(json!({"action": "subscribe", "topics": [topic]})).await;
    assert!(response["type"] == "subscribed" || response["code"] == "forbidden", "{response}");
    response["type"] == "subscribed"
}

#[tokio::test]
async fn topic_readers_are_groups_set_by_a_setting() {
    let server = Server::start(&["--reader", "device:*=technicians", "--reader", "app:staff=technicians"]).await;
    server.command_with_input(&["users", "add", "tina", "--group", "technicians"], "a long password").await;
    for (user, may) in [("tina", true), ("viewer", false), ("moderator", false)] {
        let token = server.token(user).await;
        let mut socket = server.connect(&token).await;
        for topic in ["device:42", "app:staff"] {
            assert_eq!(subscribed(&mut socket, topic).await, may, "{user} {topic}");
            let (status, _) = server.get(&format!("/api/history/{topic}"), &token).await;
            assert_eq!(status, if may { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{user} {topic}");
        }
        assert!(subscribed(&mut socket, "app:anything").await, "everyone signed in, if no rule says otherwise");
        assert!(!subscribed(&mut socket, "runs").await, "nobody, if no rule says otherwise");
    }
}

#[tokio::test]
async fn a_key_publishes_only_within_its_pattern_and_searches_only_if_allowed() {
    let server = Server::start(&[]).await;
    let key = server.command(&["keys", "add", "builds", "--allow", "publish:app:b*"]).await;
    let searching = server.command(&["keys", "add", "finder", "--allow", "search"]).await;
    assert_eq!(publish(&server, &key, "app:builds", json!(1)).await, StatusCode::ACCEPTED);
    assert_eq!(publish(&server, &key, "app:cats", json!(1)).await, StatusCode::FORBIDDEN);
    assert_eq!(publish(&server, &searching, "app:builds", json!(1)).await, StatusCode::FORBIDDEN);
    for (key, status) in [(&key, StatusCode::FORBIDDEN), (&searching, StatusCode::OK)] {
        let search = server.request(Method::GET, "/api/search?label=dog").header("x-api-key", key.as_str());
        assert_eq!(search.send().await.unwrap().status(), status);
    }
    // What is removed beside a running server is refused at once.
    server.command(&["keys", "remove", "builds"]).await;
    assert_eq!(publish(&server, &key, "app:builds", json!(1)).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_removed_image_appears_in_neither_replay_nor_history() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    let cursor = socket.subscribe(&["labels"]).await["topics"][0]["cursor"].clone();
    server.upload(&token, "image/jpeg", picture::jpeg(1)).await;
    let image = socket.notification("image.labelled").await["data"]["image"]["image_id"].clone();
    let path = format!("/api/images/{}", image.as_str().unwrap());
    let gone = server.request(Method::DELETE, &path).bearer_auth(&token).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    socket.notification("image.removed").await;
    let ask = json!({"action": "subscribe", "topics": ["labels"], "since": {"labels": cursor}});
    let (replayed, response) = socket.ask(ask).await;
    let events: Vec<&Value> = replayed.iter().map(|frame| &frame["event"]).collect();
    assert_eq!(events, ["image.removed"]);
    assert_eq!(response["topics"][0]["recovered"], true, "nothing that may be seen is missing");
    let (_, history) = server.get("/api/history/labels", &token).await;
    assert_eq!(history["notifications"].as_array().unwrap().len(), 1);
    assert_eq!(history["notifications"][0]["event"], "image.removed");
    for part in ["", "/original", "/thumbnail"] {
        assert_eq!(server.get(&format!("{path}{part}"), &token).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn an_image_hidden_since_is_not_replayed_to_those_who_may_no_longer_see_it() {
    let test = TestMachine::start(Settings::default()).await;
    let mut socket = test.connect().await;
    let cursor = socket.subscribe(&["labels"]).await["topics"][0]["cursor"].clone();
    uploads::upload(&test.address(), &test.token().await, "image/jpeg", picture::jpeg(1)).await;
    socket.notification("image.labelled").await;
    let database = Database::open(test.directory()).unwrap();
    let hidden = database.write(|group| group.execute("UPDATE results SET status = 'pending'", [])).await.unwrap();
    assert_eq!(hidden, 1);
    let ask = json!({"action": "subscribe", "topics": ["labels"], "since": {"labels": cursor}});
    let (replayed, response) = socket.ask(ask).await;
    assert_eq!((replayed, &response["type"]), (vec![], &json!("subscribed")));
    let history = uploads::HTTP.get(format!("http://{}/api/history/labels", test.address()));
    let history: Value = history.bearer_auth(test.token().await).send().await.unwrap().json().await.unwrap();
    assert_eq!(history["notifications"], json!([]));
}

#[tokio::test]
async fn refresh_accepts_only_a_token_of_the_same_user() {
    let server = Server::start(&[]).await;
    let mut socket = server.connect(&server.token("viewer").await).await;
    let other = server.token("moderator").await;
    let (_, response) = socket.ask(json!({"action": "refresh", "token": other, "ref": "r"})).await;
    assert_eq!((&response["code"], &response["ref"]), (&json!("forbidden"), &json!("r")));
    assert!(!subscribed(&mut socket, "moderation").await, "it gained nothing");
    let own = server.token("viewer").await;
    assert_eq!(socket.ask(json!({"action": "refresh", "token": own})).await.1["type"], "refreshed");
}

#[tokio::test]
async fn refresh_drops_topics_that_are_no_longer_allowed() {
    let test = TestMachine::start(Settings::default()).await;
    let ann: Name = "ann".parse().unwrap();
    let mut user = test.machine.users.find(&ann).await.unwrap().unwrap();
    user.groups.insert(MODERATORS.to_owned());
    let issuer = &test.machine.issuer;
    let now = labelcast_functions::ports::Clock::now(&*test.clock);
    let mut socket = Socket::open(&test.address(), &issuer.id_token(&user, now)).await.unwrap();
    socket.subscribe(&["labels", "moderation"]).await;
    user.groups.clear();
    let (_, refreshed) = socket.ask(json!({"action": "refresh", "token": issuer.id_token(&user, now)})).await;
    assert_eq!(refreshed["dropped"], json!(["moderation"]), "{refreshed}");
    assert!(!subscribed(&mut socket, "moderation").await);
}
