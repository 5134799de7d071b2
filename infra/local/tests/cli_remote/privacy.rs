//! Where secrets go, and what comes to the terminal.

use serde_json::{Value, json};

use crate::frames::{notification, response};
use crate::running::{Running, text};
use crate::server::{Server, send};
use crate::upload::pictures;

#[tokio::test]
async fn untrusted_text_reaches_the_terminal_escaped() {
    let server = Server::start().await;
    let hostile = "a\u{1b}]0;title\u{7}b\u{9b}2Jc\u{202e}d\ne";
    for (json, expected) in [(false, "a\\u{1b}]0;title"), (true, r"a\u001b]0;title\u0007b\u009b2Jc\u202ed\ne")] {
        let arguments: &[&str] = if json { &["watch", "app:x", "--json"] } else { &["watch", "app:x"] };
        let mut watch = Running::start(server.labelcast(arguments));
        let (mut socket, _) = server.subscribed(&[], response("app:x", false, 1)).await;
        send(&mut socket, &notification("a", "app:x", 2, hostile, &json!({ hostile: hostile }))).await;
        let line = watch.line().await;
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        if json {
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["event"], hostile);
        }
        let closing = json!({"type": "closing", "code": "limit", "message": hostile, "retry": false});
        send(&mut socket, &closing).await;
        let reported = watch.reported.next_line().await.unwrap().unwrap();
        assert!(reported.contains("title") && !reported.contains(char::is_control), "{reported:?}");
    }
}

#[tokio::test]
async fn neither_token_nor_picture_follows_a_redirect_or_host_name_into_the_clear() {
    let server = Server::start().await;
    let honest = server.script.settings.lock().unwrap().clone();
    for (settings, words) in [
        (
            json!({"api": format!("{}/moved", server.url), "live": "ws://127.0.0.1:1"}),
            "redirects to http://127.0.0.1:1/",
        ),
        (json!({"api": "http://192.0.2.7/api", "live": "ws://127.0.0.1:1"}), "http://192.0.2.7/api is not encrypted"),
        (json!({"api": server.url, "live": "ws://192.0.2.7/live"}), "ws://192.0.2.7/live is not encrypted"),
    ] {
        *server.script.settings.lock().unwrap() = settings;
        let output = server.run(&["search", "dog"]).await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    *server.script.settings.lock().unwrap() = honest;
    *server.script.form_url.lock().unwrap() = "http://192.0.2.7/objects".to_owned();
    let (_directory, paths) = pictures(&["cat.jpg"]);
    let upload = server.run(&["upload", &paths[0]]);
    let _socket = server.subscribed(&[], response("uploads", false, 0)).await;
    let output = upload.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("http://192.0.2.7/objects is not encrypted"), "{}", text(&output.stderr));
}
