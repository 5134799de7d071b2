//! Kernel buffers of a client that does not read.

use labelcast_functions::ports::{Frame, Pushed, Pusher};
use serde_json::json;
use std::net::SocketAddr;

use super::liveness::mute;
use super::{House, soon};
use crate::gateway::limits;

/// How much waits on the server's side of a connection, as Linux has it; `None` once it keeps nothing of it.
fn held(server: SocketAddr, client: SocketAddr) -> Option<usize> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |text: &str| u16::from_str_radix(text.rsplit(':').next().unwrap_or_default(), 16).ok();
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_it = port(columns[1]) == Some(server.port()) && port(columns[2]) == Some(client.port());
        let sending = columns[4].split(':').next().unwrap_or_default();
        is_it.then(|| usize::from_str_radix(sending, 16).unwrap_or_default())
    })
}

#[tokio::test]
async fn a_disconnected_reader_leaves_no_kernel_buffers_behind() {
    let mut house = House::open().await;
    let (stream, id) = mute(&mut house).await;
    let (server, client) = (house.address, stream.local_addr().unwrap());
    let frame = Frame::encode(&json!({"filler": "x".repeat(30_000)})).unwrap();
    let mut most = 0;
    while house.gateway.push(vec![Pushed { frame: frame.clone(), to: vec![id.clone()] }]).await.is_empty() {
        most = most.max(held(server, client).expect("it is open"));
    }
    assert!(most > 0, "it does not read");
    assert!(most <= 4 * limits::SEND_BUFFER, "{most} bytes are held for one connection");
    // It does not respond to the close either.
    house.pass(chrono::TimeDelta::seconds(6));
    assert_eq!(house.disconnected().await, (1008, "slow consumer".to_owned()));
    soon(async {
        while held(server, client).is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(stream);
}
