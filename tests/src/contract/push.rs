//! [`labelcast_functions::ports::Pusher`], over real sockets.

use labelcast_functions::limits::FRAME_BYTES;
use labelcast_functions::ports::{Frame, Pushed, Unreached};
use serde_json::{Value, json};

use super::Backend;
use super::samples::connection_id;

fn frame(number: u32) -> Frame {
    Frame::encode(&json!({"number": number})).expect("it is small")
}

/// In order.
pub async fn a_frame_reaches_all_its_receivers(backend: impl Backend) {
    let (one, mut first) = backend.open().await;
    let (two, mut second) = backend.open().await;
    let frames = vec![
        Pushed { frame: frame(1), to: vec![one.clone(), two.clone()] },
        Pushed { frame: frame(2), to: vec![one.clone()] },
        Pushed { frame: frame(3), to: vec![two, one] },
    ];
    assert_eq!(backend.ports().pusher.push(frames).await, []);
    for (socket, numbers) in [(&mut first, vec![1, 2, 3]), (&mut second, vec![1, 3])] {
        for number in numbers {
            assert_eq!(socket.frame().await, json!({"number": number}));
        }
    }
}

/// They do not delay the others.
pub async fn gone_receivers_are_named(backend: impl Backend) {
    let (one, mut socket) = backend.open().await;
    let (gone, left) = backend.open().await;
    drop(left);
    backend.ports().pusher.close(&gone).await.unwrap();
    let nobody = connection_id("bm9ib2R5");
    let to = vec![nobody.clone(), gone.clone(), one];
    let mut unreached = backend.ports().pusher.push(vec![Pushed { frame: frame(1), to }]).await;
    unreached.sort_by_key(|(id, _)| *id != nobody);
    assert_eq!(unreached, [(nobody, Unreached::Gone), (gone.clone(), Unreached::Gone)]);
    assert_eq!(socket.frame().await, json!({"number": 1}));
    assert_eq!(backend.ports().pusher.post(&gone, frame(2)).await, Err(Unreached::Gone));
}

/// As large as API Gateway takes them.
pub async fn a_frame_of_32_kib_arrives_whole(backend: impl Backend) {
    let (one, mut socket) = backend.open().await;
    let text = "x".repeat(FRAME_BYTES - 2);
    let large = Frame::encode(&Value::String(text.clone())).expect("exactly as large as allowed");
    assert_eq!(large.bytes().len(), FRAME_BYTES);
    backend.ports().pusher.post(&one, large).await.unwrap();
    assert_eq!(socket.frame().await, Value::String(text));
}

/// What was sent before still arrives; then the socket ends.
pub async fn a_connection_is_closed_after_its_pending_frames(backend: impl Backend) {
    let (one, mut socket) = backend.open().await;
    backend.ports().pusher.post(&one, frame(1)).await.unwrap();
    backend.ports().pusher.close(&one).await.unwrap();
    assert_eq!(socket.frame().await, json!({"number": 1}));
    assert!(socket.ends().await);
    backend.ports().pusher.close(&connection_id("bm9ib2R5")).await.unwrap();
}
