//! API Gateway's WebSocket events.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use labelcast_events::websocket;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::live::{Authorize, Connect, Disconnect, ReplayBudget, Route};
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::{Clock as _, CurrentUntilExpiry};
use labelcast_functions::settings::Settings;
use labelcast_tests::TestMachine;
use serde_json::{Value, json};

use crate::{read, sample, settings, verifier};

/// In the shape that API Gateway takes; a refusal is the one word that becomes a 401.
#[tokio::test]
async fn the_authorizer_returns_a_policy_for_the_requested_method() {
    let machine = TestMachine::start(Settings::default()).await;
    let authorize = Authorize { verifier: verifier(&machine), clock: machine.clock.clone() };
    let token = machine.token().await;
    for (name, value) in [
        ("Sec-WebSocket-Protocol", format!("labelcast.v1, bearer.{token}")),
        ("sec-websocket-protocol", format!("bearer.{token},labelcast.v1")),
        ("Authorization", format!("Bearer {token}")),
        ("authorization", token.clone()),
    ] {
        let mut event = sample!("authorizer.json");
        event["headers"][name] = json!(value);
        let response = serde_json::to_value(websocket::authorize(&authorize, read(&event)).await.unwrap()).unwrap();
        let allow = json!({"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"].as_str().unwrap()});
        assert_eq!(response["policyDocument"], json!({"Version": "2012-10-17", "Statement": [allow]}));
        assert!(response["principalId"].is_string());
        assert_eq!(response["context"]["username"], "ann");
        assert!(response["context"].as_object().unwrap().values().all(Value::is_string), "no lists, no objects");
    }
    let mut in_the_url = sample!("authorizer.json");
    in_the_url["queryStringParameters"] = json!({"token": token});
    for event in [sample!("authorizer.json"), in_the_url] {
        assert_eq!(websocket::authorize(&authorize, read(&event)).await.unwrap_err(), "Unauthorized");
    }
}

/// From `$connect` to `$disconnect`, with the three kinds of event.
#[tokio::test]
async fn a_connection_follows_the_events_of_api_gateway() {
    let machine = TestMachine::start(Settings::default()).await;
    let ports = machine.machine.ports.clone();
    let authorize = Authorize { verifier: verifier(&machine), clock: machine.clock.clone() };
    let mut request = sample!("authorizer.json");
    request["headers"]["Authorization"] = json!(machine.token().await);
    let context =
        serde_json::to_value(websocket::authorize(&authorize, read(&request)).await.unwrap().context).unwrap();
    let authorized = |mut event: Value, connected_at: i64| -> ApiGatewayWebsocketProxyRequest {
        event["requestContext"]["connectedAt"] = json!(connected_at);
        for (name, value) in context.as_object().unwrap() {
            event["requestContext"]["authorizer"][name] = value.clone();
        }
        read(&event)
    };
    let connected_at = machine.clock.now().timestamp_millis();
    let connect = Connect {
        connections: ports.connections.clone(),
        accounts: Arc::new(CurrentUntilExpiry),
        settings: settings(),
    };
    let response =
        websocket::connect(&connect, authorized(sample!("websocket-connect.json"), connected_at)).await.unwrap();
    assert_eq!(
        (response.status_code, &response.headers["sec-websocket-protocol"]),
        (200, &"labelcast.v1".parse().unwrap())
    );
    // What the authorizer did not let through is let through by nobody.
    let stranger = read(&sample!("websocket-connect.json"));
    assert_eq!(websocket::connect(&connect, stranger).await.unwrap().status_code, 403);

    let id: ConnectionId = "EzhJ9dpbjoECI5w=".parse().unwrap();
    assert!(ports.connections.get(&id).await.unwrap().is_some());
    let route = Route::new(
        ports.clock.clone(),
        ports.connections.clone(),
        ports.pusher.clone(),
        ports.history.clone(),
        ports.images.clone(),
        ports.objects.clone(),
        verifier(&machine),
        settings(),
        ReplayBudget::of(MemoryBudget::new(ByteSize::mib(64))),
    );
    for (body, kind) in [
        (r#"{"action":"ping","ref":"5"}"#, "pong"),
        ("no json", "error"),
        (r#"{"action":"dance"}"#, "error"),
        (r#"{"action":"unsubscribe","topics":["labels"],"ref":"2"}"#, "unsubscribed"),
        (r#"{"action":"subscribe","topics":["moderation"],"ref":"3"}"#, "error"),
    ] {
        let mut event = sample!("websocket-message.json");
        event["body"] = json!(body);
        let response = websocket::message(&route, authorized(event, connected_at)).await;
        let text = response.body.map(|body| String::from_utf8(body.to_vec()).unwrap()).unwrap_or_default();
        let frame: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((response.status_code, &frame["type"]), (200, &json!(kind)), "{body}");
    }

    let disconnect = Disconnect { connections: ports.connections.clone() };
    // One that comes late, of a session before.
    websocket::disconnect(&disconnect, authorized(sample!("websocket-disconnect.json"), connected_at - 1))
        .await
        .unwrap();
    assert!(ports.connections.get(&id).await.unwrap().is_some());
    websocket::disconnect(&disconnect, authorized(sample!("websocket-disconnect.json"), connected_at)).await.unwrap();
    assert_eq!(ports.connections.get(&id).await.unwrap(), None);
}
