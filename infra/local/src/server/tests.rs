use std::io::ErrorKind;

use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::DropGuard;

use super::*;

const ANYWHERE: &str = "127.0.0.1:0";

fn app() -> Router {
    let address =
        |Extension(ConnectInfo(address)): Extension<ConnectInfo<SocketAddr>>| async move { address.ip().to_string() };
    let length = |body: Bytes| async move { body.len().to_string() };
    Router::new().route("/address", get(address)).route("/length", post(length))
}

fn options() -> Options {
    Options { public_url: "https://x".to_owned(), max_connections: 1_000, unauthenticated_per_address: 100 }
}

fn serve(tls: &Tls) -> (SocketAddr, DropGuard) {
    serve_with(tls, Timeouts::default())
}

fn serve_with(tls: &Tls, timeouts: Timeouts) -> (SocketAddr, DropGuard) {
    let mut server = Server::listen(ANYWHERE.parse().unwrap(), tls).unwrap();
    server.timeouts = timeouts;
    let address = server.address().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(server.with(options()).serve(app(), stop.clone()));
    (address, stop.drop_guard())
}

/// What a server says to these bytes until it closes the connection.
async fn said(address: SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    match stream.read_to_end(&mut response).await {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(response).unwrap(),
    }
}

#[tokio::test]
async fn a_publicly_reachable_address_requires_tls() {
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = Server::listen(open.parse().unwrap(), &Tls::None);
        assert!(matches!(refused, Err(ListenError::Unprotected(_))), "{open}");
    }
    assert!(Server::listen("0.0.0.0:0".parse().unwrap(), &Tls::BehindProxy).is_ok());
    assert!(Server::listen(ANYWHERE.parse().unwrap(), &Tls::None).is_ok());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = Server::listen(ANYWHERE.parse().unwrap(), &Tls::None).unwrap();
    let address = first.address().unwrap();
    let Err(error) = Server::listen(address, &Tls::None) else { panic!("two listen on {address}") };
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_custom_certificate_serves_tls_to_clients_that_trust_it_and_no_plain_http() {
    let place = tempfile::tempdir().unwrap();
    let (certificate, key) = (place.path().join("cert.pem"), place.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (address, _serving) = serve(&Tls::Own { certificate: certificate.clone(), key: key.clone() });

    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let url = format!("https://localhost:{}/address", address.port());
    let client = client.get(url).send().await.unwrap();
    assert_eq!(client.text().await.unwrap(), "127.0.0.1");
    assert!(!said(address, "GET /address HTTP/1.1\r\nhost: x\r\n\r\n").await.contains("200"));

    std::fs::write(&key, "no key").unwrap();
    let tls = Tls::Own { certificate, key: key.clone() };
    let Err(error) = Server::listen(ANYWHERE.parse().unwrap(), &tls) else { panic!("that is no key") };
    assert!(error.to_string().contains(key.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn forwarded_addresses_are_trusted_only_when_configured() {
    let client = reqwest::Client::new();
    for (tls, expected) in [(Tls::BehindProxy, "203.0.113.9"), (Tls::None, "127.0.0.1")] {
        let (address, _serving) = serve(&tls);
        let get = client.get(format!("http://{address}/address")).header("x-forwarded-for", "10.0.0.1, 203.0.113.9");
        assert_eq!(get.send().await.unwrap().text().await.unwrap(), expected);
    }
}

/// Much for one of the three, little for the others.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_mins(10);

#[tokio::test]
async fn a_client_sending_headers_slowly_is_disconnected() {
    let (address, _serving) =
        serve_with(&Tls::None, Timeouts { head: SHORT, piece: LONG, body: LONG, unauthenticated: LONG });
    for prefix in ["", "GET /address HT", "GET /address HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        assert!(!said(address, prefix).await.contains("200"), "{prefix}");
    }
}

#[tokio::test]
async fn an_idle_keep_alive_connection_is_closed() {
    let (address, _serving) =
        serve_with(&Tls::None, Timeouts { head: SHORT, piece: LONG, body: LONG, unauthenticated: LONG });
    let response = said(address, "GET /address HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("127.0.0.1"), "{response}");
}

#[tokio::test]
async fn a_client_sending_its_body_slowly_is_disconnected_whether_it_stalls_or_drips() {
    for timeouts in [
        Timeouts { head: LONG, piece: SHORT, body: LONG, unauthenticated: LONG },
        Timeouts { head: LONG, piece: LONG, body: SHORT, unauthenticated: LONG },
    ] {
        let (address, _serving) = serve_with(&Tls::None, timeouts);
        let begun = "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nsome";
        let response = said(address, begun).await;
        assert!(response.starts_with("HTTP/1.1 4"), "{response}");
    }
}

#[tokio::test]
async fn a_stopping_server_completes_open_requests_and_accepts_no_more() {
    let server = Server::listen(ANYWHERE.parse().unwrap(), &Tls::None).unwrap();
    let address = server.address().unwrap();
    let (request, goes_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (requested_now, may_go_on) = (request.clone(), goes_on.clone());
    let slow = move || async move {
        requested_now.add_permits(1);
        may_go_on.acquire().await.unwrap().forget();
        "done"
    };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(Router::new().route("/slow", get(slow)), stop.clone()));
    let response = tokio::spawn(reqwest::get(format!("http://{address}/slow")));
    request.acquire().await.unwrap().forget();
    stop.cancel();
    goes_on.add_permits(1);
    assert_eq!(response.await.unwrap().unwrap().text().await.unwrap(), "done");
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
