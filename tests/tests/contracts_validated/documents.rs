//! The documents themselves.

use std::collections::BTreeSet;

use labelcast_tests::Server;
use labelcast_tests::schemas::Document;
use serde_json::{Map, Value};

use crate::document;

/// Calls `visit` with every object of a document and where it stands.
fn objects<'a>(value: &'a Value, place: &str, visit: &mut impl FnMut(&str, &'a Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(place, object);
            object.iter().for_each(|(name, inner)| objects(inner, &format!("{place}/{name}"), visit));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| objects(inner, &format!("{place}/{index}"), visit));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_contracts_are_well_formed() {
    let server = Server::start(&[]).await;
    for (name, version) in [("openapi.json", "3.1."), ("asyncapi.json", "3.0.")] {
        let contract = document(&server, name).await;
        let said = contract["openapi"].as_str().or(contract["asyncapi"].as_str()).unwrap();
        assert!(said.starts_with(version), "{name} {said}");
        for field in ["title", "version", "description"] {
            assert!(contract["info"][field].is_string(), "{name} {field}");
        }
        objects(&contract, "", &mut |place, object| {
            if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                let found = target.strip_prefix('#').and_then(|target| contract.pointer(target));
                assert!(found.is_some(), "{name}{place}: {target} leads nowhere");
            }
            for field in ["description", "summary", "title"] {
                let ours = object.get(field).and_then(Value::as_str).is_some_and(|text| text.contains("docs/"));
                assert!(!ours, "{name}{place}/{field} leads to a document that readers of the contract do not have");
                let text = object.get(field).filter(|text| !text.is_object());
                assert!(
                    text.is_none_or(|text| text.as_str().is_some_and(|text| !text.trim().is_empty())),
                    "{name}{place}/{field}"
                );
            }
        });
        let schemas = contract["components"]["schemas"].as_object().unwrap();
        for (schema, body) in schemas {
            jsonschema::draft202012::meta::validate(body).unwrap_or_else(|error| panic!("{name} {schema}: {error}"));
            Document::new(&contract).validator(&format!("/components/schemas/{schema}"));
        }
    }
}

#[tokio::test]
async fn every_call_of_the_rest_contract_is_described() {
    let server = Server::start(&[]).await;
    let contract = document(&server, "openapi.json").await;
    let mut names = BTreeSet::new();
    for (path, operations) in contract["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{what} has no summary");
            assert!(
                names.insert(operation["operationId"].as_str().unwrap_or_else(|| panic!("{what} has no name"))),
                "{what} has a name twice"
            );
            let schemes = contract["components"]["securitySchemes"].as_object().unwrap();
            let request =
                operation["security"][0].as_object().unwrap_or_else(|| panic!("{what} says not who may call"));
            assert!(request.keys().all(|scheme| schemes.contains_key(scheme)), "{what}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["description"].is_string(), "{what} {status} has no description");
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let in_path: BTreeSet<&str> = parameters
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let named: BTreeSet<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
            assert_eq!(in_path, named, "{what}");
        }
    }
}
