//! Posts through `@connections`, for `make bench-posts`: `posts serve PORT` responds 200 to everything, `posts sdk ENDPOINT
//! COUNT` posts as `notify` does, `posts hyper ENDPOINT COUNT` posts with nothing but an HTTP client, unsigned.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http1::handshake;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use labelcast_aws::pusher::GatewayPusher;
use labelcast_functions::ports::{Frame, Pushed, Pusher};
use labelcast_functions::signing::Credentials;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connections that are posted to at once, and those of one notification.
const MAX_CONCURRENCY: usize = 64;
const RECEIVERS: usize = 1_000;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", port] => serve(port.parse()?).await,
        ["sdk", endpoint, count] => sdk(endpoint, count.parse()?).await,
        ["hyper", endpoint, count] => bare(endpoint, count.parse()?).await,
        _ => Err("posts serve PORT | posts sdk ENDPOINT COUNT | posts hyper ENDPOINT COUNT".into()),
    }
}

async fn serve(port: u16) -> Result<(), Failed> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let response = service_fn(async |request: Request<hyper::body::Incoming>| {
            request.into_body().collect().await.map(|_| Response::new(Empty::<Bytes>::new()))
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), response));
    }
}

/// As long as a notification of an image with ten labels.
fn frame() -> Frame {
    Frame::encode(&json!({ "type": "next", "text": "x".repeat(1_000) })).expect("it is small")
}

async fn sdk(endpoint: &str, count: usize) -> Result<(), Failed> {
    let measured = || "measured".to_owned();
    let credentials = Credentials { access_key_id: measured(), secret_access_key: measured(), session_token: None };
    let config = labelcast_aws::sdk::config("eu-west-1".to_owned(), credentials);
    let pusher = GatewayPusher::new(&config, endpoint);
    for begun in (0..count).step_by(RECEIVERS) {
        let to: Result<_, _> =
            (begun..count.min(begun + RECEIVERS)).map(|number| format!("id{number}").parse()).collect();
        let unreached = pusher.push(vec![Pushed { frame: frame(), to: to? }]).await;
        if !unreached.is_empty() {
            return Err(format!("{} were not reached", unreached.len()).into());
        }
    }
    Ok(())
}

async fn bare(endpoint: &str, count: usize) -> Result<(), Failed> {
    let address = endpoint.strip_prefix("http://").ok_or("http:// alone")?.to_owned();
    let frame = frame();
    let mut all = JoinSet::new();
    for worker in 0..MAX_CONCURRENCY {
        let (address, frame) = (address.clone(), frame.bytes().clone());
        all.spawn(async move {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            for number in (worker..count).step_by(MAX_CONCURRENCY) {
                let request = Request::post(format!("/@connections/id{number}")).header("host", &address);
                let response = sender.send_request(request.body(Full::new(frame.clone()))?).await?;
                response.into_body().collect().await?;
            }
            Ok::<_, Failed>(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    Ok(())
}
