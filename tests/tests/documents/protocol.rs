//! The examples of `docs/protocol.md`.

use labelcast_functions::asyncapi;
use labelcast_tests::Server;
use labelcast_tests::schemas::AsyncApi;
use serde_json::{Value, json};

use crate::page;

/// One block of JSON.
struct Example {
    sent_by_client: bool,
    frame: Value,
}

fn examples() -> Vec<Example> {
    let page = page("protocol.md");
    let blocks = page.split("```json ").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| {
            let (by, json) = block.split_once('\n').unwrap();
            let frame = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}:\n{json}"));
            Example { sent_by_client: by.trim() == "client", frame }
        })
        .collect()
}

#[test]
fn every_example_conforms_to_the_contract_and_every_message_has_one() {
    let contract = AsyncApi::new(&asyncapi::document("ws://127.0.0.1:8080/live"));
    for Example { sent_by_client, frame } in examples() {
        if sent_by_client { contract.check_sent(&frame) } else { contract.check_received(&frame) }
    }
    assert_eq!(contract.unseen(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_server_responds_to_the_examples_as_documented() {
    let server = Server::start(&[]).await;
    let token = server.token("viewer").await;
    let mut socket = server.connect(&token).await;
    let examples = examples();
    let mut sent = 0;
    for pair in examples.windows(2).filter(|pair| pair[0].sent_by_client) {
        let mut request = pair[0].frame.clone();
        if request["action"] == "refresh" {
            request["token"] = json!(token);
        }
        let (_, response) = socket.ask(request).await;
        assert_eq!(shape(&response), shape(&pair[1].frame), "{response}");
        sent += 1;
    }
    assert_eq!(sent, examples.iter().filter(|example| example.sent_by_client).count());
}

/// What of an answer does not depend on the server and the moment.
fn shape(frame: &Value) -> Value {
    let topics = frame["topics"].as_array().into_iter().flatten();
    let topics: Vec<Value> = topics
        .map(|topic| if topic.is_string() { topic.clone() } else { json!([topic["topic"], topic["recovered"]]) })
        .collect();
    json!([frame["type"], frame["ref"], frame["code"], frame["message"], frame["dropped"], topics])
}
