//! The binary with a certificate of its own.

use std::sync::Arc;

use labelcast_tests::Server;
use reqwest::StatusCode;
use serde_json::Value;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

#[tokio::test]
async fn a_certificate_of_ones_own_serves_rest_and_the_socket_and_is_in_every_address() {
    let place = tempfile::tempdir().unwrap();
    let (certificate, key) = (place.path().join("certificate.pem"), place.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let arguments = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Server::start(&arguments).await;
    let address = server.address();

    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let health = client.get(format!("https://{address}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    let settings = client.get(format!("https://{address}/web/settings.json")).send().await.unwrap();
    let settings: Value = settings.json().await.unwrap();
    assert_eq!(
        (&settings["api"], &settings["live"]),
        (&format!("https://{address}/api").into(), &format!("wss://{address}/live").into())
    );

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut request = format!("wss://{address}/live").into_client_request().unwrap();
    let bearer = format!("Bearer {}", server.token("viewer").await);
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let (_, answer) =
        connect_async_tls_with_config(request, None, false, Some(Connector::Rustls(Arc::new(config)))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS.as_u16());
    assert!(client.get(format!("http://{address}/healthz")).send().await.is_err(), "no plain HTTP");
}
