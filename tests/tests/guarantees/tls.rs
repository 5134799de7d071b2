//! The binary with a certificate of its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use labelcast_tests::{Server, raw};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// A server with TLS, and those who trust it.
struct Encrypted {
    server: Server,
    client: Client,
    config: Arc<ClientConfig>,
    _place: TempDir,
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Encrypted {
    async fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let (certificate, key) = (place.path().join("certificate.pem"), place.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let arguments = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        let server = Server::start(&arguments).await;
        let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        let client = Client::builder().tls_certs_only([trusted]).build().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
        let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
        Self { server, client, config, _place: place }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.server.address())
    }

    /// Sends these bytes on a connection of their own.
    async fn send(&self, bytes: &[u8]) -> raw::Response {
        let stream = TcpStream::connect(self.server.address()).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(self.config.clone()).connect(name, stream).await.unwrap();
        raw::send_on(stream, bytes).await
    }

    async fn connect(&self, token: &str) -> Stream {
        let mut request = format!("wss://{}/live", self.server.address()).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let connector = Some(Connector::Rustls(self.config.clone()));
        let (stream, response) = connect_async_tls_with_config(request, None, false, connector).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS.as_u16());
        stream
    }
}

async fn frame(stream: &mut Stream) -> Value {
    loop {
        let next = tokio::time::timeout(Duration::from_mins(1), stream.next()).await.expect("something comes");
        if let Message::Text(text) = next.expect("it is open").expect("it is readable") {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[tokio::test]
async fn a_custom_certificate_serves_rest_and_the_socket_and_every_url_uses_tls() {
    let encrypted = Encrypted::start().await;
    let (address, client) = (encrypted.server.address(), &encrypted.client);
    let health = client.get(encrypted.url("/healthz")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    for path in ["/healthz", "/nothing", "/", "/api/images", "/live", "/login"] {
        let response = client.get(encrypted.url(path)).send().await.unwrap();
        assert!(response.headers()["strict-transport-security"].to_str().unwrap().contains("max-age="), "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    let settings = client.get(encrypted.url("/web/settings.json")).send().await.unwrap();
    let settings: Value = settings.json().await.unwrap();
    assert_eq!(
        (&settings["api"], &settings["live"]),
        (&format!("https://{address}/api").into(), &format!("wss://{address}/live").into())
    );
    encrypted.connect(&encrypted.server.token("viewer").await).await;
    assert!(client.get(format!("http://{address}/healthz")).send().await.is_err(), "no plain HTTP");
}

#[tokio::test]
async fn frames_arrive_intact_and_in_order_even_if_the_stream_is_saturated() {
    const FRAMES: usize = 300;
    let encrypted = Encrypted::start().await;
    let server = &encrypted.server;
    let key = server.command(&["keys", "add", "one", "--allow", "publish:app:x"]).await;
    let mut stream = encrypted.connect(&server.token("viewer").await).await;
    stream.send(Message::text(r#"{"action":"subscribe","topics":["app:x"]}"#)).await.unwrap();
    assert_eq!(frame(&mut stream).await["type"], "subscribed");
    let filler = "x".repeat(20_000);
    let reading = tokio::spawn(async move {
        let mut numbers = Vec::new();
        while numbers.len() < FRAMES {
            let frame = frame(&mut stream).await;
            assert_eq!(frame["type"], "notification", "{frame}");
            numbers.push(frame["data"]["number"].as_u64().unwrap());
        }
        // And the other way, in more than one record.
        let request = json!({"action": "ping", "ref": "p"}).to_string() + &" ".repeat(30_000);
        stream.send(Message::text(request)).await.unwrap();
        assert_eq!(frame(&mut stream).await["type"], "pong");
        numbers
    });
    for number in 0..FRAMES {
        let body = json!({"event": "e", "data": {"number": number, "filler": filler}});
        let post = encrypted.client.request(Method::POST, encrypted.url("/api/topics/app:x"));
        let response = post.header("x-api-key", &key).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }
    let numbers = reading.await.unwrap();
    assert!(numbers.is_sorted() && numbers.len() == FRAMES, "{numbers:?}");
}

/// What the functions answer, what stands in front of them refuses, and what cannot even be read as HTTP.
#[tokio::test]
async fn every_response_over_tls_sets_hsts_and_nosniff() {
    let encrypted = Encrypted::start().await;
    let token = format!("Authorization: Bearer {}\r\n", encrypted.server.token("viewer").await);
    let host = format!("Host: {}\r\n", encrypted.server.address());
    let long = "a".repeat(100_000);
    let form = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 7\r\n";
    for (request, expected) in [
        (format!("GET /healthz HTTP/1.1\r\n{host}\r\n"), 200),
        (format!("HEAD /healthz HTTP/1.1\r\n{host}\r\n"), 200),
        (format!("GET /api/images HTTP/1.1\r\n{host}{token}\r\n"), 200),
        (format!("GET /api/images HTTP/1.1\r\n{host}\r\n"), 401),
        (format!("GET /api/images?limit=0 HTTP/1.1\r\n{host}{token}\r\n"), 400),
        (format!("GET /nothing HTTP/1.1\r\n{host}\r\n"), 404),
        (format!("PUT /api/images HTTP/1.1\r\n{host}{token}\r\n"), 405),
        (format!("GET /live HTTP/1.1\r\n{host}\r\n"), 426),
        (format!("POST /live/@connections/x HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"), 403),
        (format!("POST /objects HTTP/1.1\r\n{host}{form}\r\n--x--\r\n"), 400),
        (format!("GET /objects/original/x HTTP/1.1\r\n{host}\r\n"), 403),
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("GET /healthz HTTP/1.1\r\n{host}{host}\r\n"), 400),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 421),
        ("nonsense\r\n\r\n".to_owned(), 400),
        (format!("GET /healthz HTTP/9.9\r\n{host}\r\n"), 400),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", &long[..20_000]), 414),
        (format!("GET /healthz HTTP/1.1\r\n{host}x: {long}\r\n\r\n"), 431),
        (format!("GET /healthz HTTP/1.1\r\n{host}{}\r\n", "x: x\r\n".repeat(200)), 431),
    ] {
        let response = encrypted.send(request.as_bytes()).await;
        let what = format!("{request:.60} {response:?}");
        assert_eq!(response.status, expected, "{what}");
        assert!(response.header("strict-transport-security").is_some_and(|said| said.contains("max-age=")), "{what}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{what}");
        assert_eq!(response.header("cross-origin-opener-policy"), Some("same-origin"), "{what}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_encrypted_socket_uses_one_file_descriptor() {
    const SOCKETS: usize = 20;
    let encrypted = Encrypted::start().await;
    let token = encrypted.server.token("viewer").await;
    let folder = format!("/proc/{}/fd", encrypted.server.process_id());
    let sockets = || {
        let files = std::fs::read_dir(&folder).unwrap().filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        files.filter(|file| file.to_string_lossy().starts_with("socket:")).count()
    };
    // What is opened once, at the first use, is open.
    let first = encrypted.connect(&token).await;
    let before = sockets();
    let mut open = vec![first];
    for _ in 0..SOCKETS {
        open.push(encrypted.connect(&token).await);
    }
    assert_eq!(sockets() - before, SOCKETS);
}
