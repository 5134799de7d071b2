//! Requests from pages of other origins.

use labelcast_tests::{Server, raw};

use crate::ask;

#[tokio::test]
async fn a_web_page_opens_a_socket_only_from_our_origin_or_an_allowed_one() {
    let server =
        Server::start(&["--allowed-origin", "https://photos.example", "--allowed-origin", "http://localhost:5173"])
            .await;
    let address = server.address().to_owned();
    let token = server.token("viewer").await;
    let shake = async |origin: &str| {
        let headers = format!(
            "Authorization: Bearer {token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}"
        );
        raw::get(&address, "/live", &headers).await.status
    };
    let own = format!("Origin: http://{address}\r\n");
    for good in ["", &own, "Origin: https://photos.example\r\n", "Origin: http://localhost:5173\r\n"] {
        assert_eq!(shake(good).await, 101, "{good}");
    }
    for foreign in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://photos.example\r\n",
        "Origin: https://photos.example.evil.example\r\n",
        "Origin: \r\n",
    ] {
        assert_eq!(shake(foreign).await, 403, "{foreign}");
    }
}

#[tokio::test]
async fn only_pages_of_allowed_origins_can_read_responses() {
    let server = Server::start(&["--allowed-origin", "https://photos.example"]).await;
    let closed = Server::start(&[]).await;
    let preflight =
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,content-type\r\n";
    for path in ["/api/uploads", "/objects", "/oauth2/token"] {
        let allowed =
            ask(&server, "OPTIONS", path, &format!("Origin: https://photos.example\r\n{preflight}"), "").await;
        assert_eq!(allowed.status, 200, "{path}");
        assert_eq!(allowed.header("access-control-allow-origin"), Some("https://photos.example"), "{path}");
        let foreign = ask(&server, "OPTIONS", path, &format!("Origin: https://evil.example\r\n{preflight}"), "").await;
        assert_eq!(foreign.header("access-control-allow-origin"), None, "{path}");
        let nobody = ask(&closed, "OPTIONS", path, &format!("Origin: https://photos.example\r\n{preflight}"), "").await;
        assert_eq!((nobody.status, nobody.header("access-control-allow-origin")), (405, None), "{path}");
    }
    // Errors too can be read.
    let refused = raw::get(server.address(), "/api/images", "Origin: https://photos.example\r\n").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("https://photos.example")));
}
