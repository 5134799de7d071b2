//! Posts to open sockets, held against a stand-in for API Gateway's management API: the emulator never throttles, and none
//! of its posts hangs.

mod fan_out;
mod gateway;

use std::time::Duration;

use labelcast_aws::pusher::GatewayPusher;
use labelcast_functions::ports::{Frame, Pushed, Pusher, Unreached};
use serde_json::json;

use self::gateway::Gateway;

async fn pusher() -> (GatewayPusher, Gateway) {
    let gateway = Gateway::default();
    (gateway.pusher().await, gateway)
}

fn frame(number: u32, to: &[&str]) -> Pushed {
    let frame = Frame::encode(&json!({ "number": number })).expect("it is small");
    Pushed { frame, to: to.iter().map(|id| id.parse().expect("a plain word is a connection id")).collect() }
}

#[tokio::test]
async fn a_hanging_post_does_not_delay_the_others() {
    let (pusher, _) = pusher().await;
    // It ends only because the other one is reached meanwhile.
    assert_eq!(pusher.push(vec![frame(1, &["hanging", "other"])]).await, []);
}

#[tokio::test]
async fn a_throttled_receiver_is_retried_and_keeps_its_order() {
    let (pusher, gateway) = pusher().await;
    let pushed = vec![frame(1, &["throttled3", "other"]), frame(2, &["throttled3", "other"])];
    assert_eq!(pusher.push(pushed).await, []);
    assert_eq!(gateway.came_to("throttled3"), [1, 1, 1, 1, 2]);
    assert_eq!(gateway.came_to("other"), [1, 2]);
}

#[tokio::test]
async fn a_throttled_receiver_is_retried_until_the_deadline() {
    let (pusher, gateway) = pusher().await;
    assert_eq!(pusher.push(vec![frame(1, &["throttled7"])]).await, []);
    assert_eq!(gateway.came_to("throttled7"), [1; 8]);
    assert!(gateway.closed.lock().unwrap().is_empty(), "a healthy socket is not closed");
}

#[tokio::test]
async fn a_receiver_that_stays_throttled_is_left_open_for_another_run() {
    let (pusher, gateway) = pusher().await;
    let pusher = pusher.pushing_for(Duration::from_millis(500));
    let unreached = pusher.push(vec![frame(1, &["throttled999", "other"]), frame(2, &["throttled999"])]).await;
    assert_eq!(unreached, [("throttled999".parse().unwrap(), Unreached::Unserved)]);
    assert!(gateway.came_to("throttled999").iter().all(|number| *number == 1), "nothing comes after what is missing");
    assert_eq!(gateway.came_to("other"), [1]);
    assert!(gateway.closed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_receiver_that_can_be_neither_reached_nor_closed_remains_to_be_served() {
    let (pusher, _) = pusher().await;
    let unreached = pusher.push(vec![frame(1, &["stuck"])]).await;
    assert_eq!(unreached, [("stuck".parse().unwrap(), Unreached::Unserved)]);
}

#[tokio::test]
async fn an_interrupted_post_is_repeated() {
    let (pusher, gateway) = pusher().await;
    assert_eq!(pusher.push(vec![frame(1, &["interrupted"]), frame(2, &["interrupted"])]).await, []);
    assert_eq!(gateway.came_to("interrupted"), [1, 1, 2]);
}

#[tokio::test]
async fn a_gone_receiver_is_named_and_not_posted_to_again() {
    let (pusher, gateway) = pusher().await;
    let unreached = pusher.push(vec![frame(1, &["gone", "other"]), frame(2, &["gone"])]).await;
    assert_eq!(unreached, [("gone".parse().unwrap(), Unreached::Gone)]);
    assert_eq!((gateway.came_to("gone"), gateway.came_to("other")), (vec![1], vec![1]));
    assert!(gateway.closed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_receiver_that_fails_for_another_reason_is_closed() {
    let (pusher, gateway) = pusher().await;
    let unreached = pusher.push(vec![frame(1, &["broken"])]).await;
    assert_eq!(unreached, [("broken".parse().unwrap(), Unreached::Failed)]);
    assert_eq!(*gateway.closed.lock().unwrap(), ["broken"]);
}
