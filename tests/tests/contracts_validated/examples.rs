//! Every call and every message has an example, and each is what its schema says.

use labelcast_tests::Server;
use labelcast_tests::schemas::{AsyncApi, Document};
use serde_json::{Map, Value};

use crate::document;

/// Each operation of the REST contract with its place in the document.
pub(crate) fn operations(contract: &Value) -> impl Iterator<Item = (String, &Value)> {
    let of_path = |(path, operations): (&String, &Value)| {
        let place = format!("/paths/{}", path.replace('~', "~0").replace('/', "~1"));
        let methods: Vec<&String> = operations.as_object().unwrap().keys().collect();
        methods.into_iter().map(|method| format!("{place}/{method}")).collect::<Vec<_>>()
    };
    let places: Vec<String> = contract["paths"].as_object().unwrap().iter().flat_map(of_path).collect();
    places.into_iter().map(|place| (place.clone(), contract.pointer(&place).unwrap()))
}

/// Every kind of content at this place has an example of its schema.
fn check_content(document: &Document, place: &str, content: Option<&Value>) -> usize {
    let kinds: Vec<&String> = content.and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
    for kind in &kinds {
        let place = format!("{place}/content/{}", kind.replace('/', "~1"));
        let example = document.at(&format!("{place}/example")).unwrap_or_else(|| panic!("{place} has no example"));
        let differences = document.differences(&format!("{place}/schema"), example);
        assert!(differences.is_empty(), "{place}: {differences:?}\n{example:#}");
    }
    kinds.len()
}

#[tokio::test]
async fn every_call_has_examples_and_describes_its_parameters() {
    let server = Server::start(&[]).await;
    let contract = document(&server, "openapi.json").await;
    let document = Document::new(&contract);
    let (mut parameters, mut bodies) = (0, 0);
    for (place, operation) in operations(&contract) {
        for (index, parameter) in operation["parameters"].as_array().into_iter().flatten().enumerate() {
            let what = format!("{place}: {}", parameter["name"]);
            let description = parameter["description"].as_str().unwrap_or_default();
            assert!(description.trim().len() > 5, "{what} has no description");
            match parameter.get("example") {
                Some(example) => {
                    let differences = document.differences(&format!("{place}/parameters/{index}/schema"), example);
                    assert!(differences.is_empty(), "{what}: {differences:?}");
                }
                None => assert_eq!(parameter["name"], "cursor", "{what} has no example: only a cursor cannot have one"),
            }
            parameters += 1;
        }
        bodies += check_content(&document, &format!("{place}/requestBody"), operation["requestBody"].get("content"));
        for (status, response) in operation["responses"].as_object().unwrap() {
            let place = format!("{place}/responses/{status}");
            bodies += check_content(&document, &place, response.get("content"));
        }
    }
    assert!(parameters > 20 && bodies > 40, "{parameters} parameters, {bodies} bodies");
}

#[tokio::test]
async fn every_message_has_an_example_that_matches_only_it() {
    let server = Server::start(&[]).await;
    let contract = document(&server, "asyncapi.json").await;
    let checked = AsyncApi::new(&contract);
    let of = |operation: &str| -> Vec<String> {
        let messages = contract["operations"][operation]["messages"].as_array().unwrap().iter();
        messages.map(|message| message["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    let (sent, notified) = (of("request"), of("notify"));
    assert_eq!(sent.len() + notified.len(), contract["components"]["messages"].as_object().unwrap().len());
    for (name, is_sent) in sent.iter().map(|name| (name, true)).chain(notified.iter().map(|name| (name, false))) {
        let examples = contract["components"]["messages"][name]["examples"].as_array();
        let examples = examples.unwrap_or_else(|| panic!("{name} has no example"));
        assert!(!examples.is_empty(), "{name} has no example");
        for example in examples {
            match is_sent {
                true => checked.check_sent(&example["payload"]),
                false => checked.check_received(&example["payload"]),
            }
            assert!(!checked.unseen().contains(&name.as_str()), "the example of {name} is another message");
        }
    }
}
