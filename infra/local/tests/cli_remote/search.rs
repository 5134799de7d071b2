//! `search`: pages.

use crate::running::text;
use crate::server::Server;

#[tokio::test]
async fn a_search_follows_pages_up_to_its_limit() {
    let server = Server::start().await;
    let output = server.run(&["search", "-person dog", "--limit", "7"]).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[6], format!("{:064x}  2026-11-21T03:18:25Z  dog 98.2, grass 91.0", 6));
}
