//! Options of `serve` take effect.

use std::time::{Duration, Instant};

use labelcast_tests::Server;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn the_server_pings_at_the_configured_interval() {
    let server = Server::start(&["--ping-seconds", "1"]).await;
    let mut socket = server.connect(&server.token("viewer").await).await;
    let begun = Instant::now();
    for _ in 0..2 {
        let next = socket.next().await;
        assert!(matches!(next, Some(Message::Ping(_))), "{next:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "by default it were 25 s to the first");
}
