//! The stand-in for Rekognition and Translate as a process of its own: prints where it is, and serves until it is ended.
//! `stand_in ENDPOINT`: the S3 that pictures are read from.

use labelcast_tests::aws::client_config;
use labelcast_tests::stand_in::StandIn;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let endpoint = std::env::args().nth(1).expect("the address of the emulator");
    let config = client_config(&endpoint).await;
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let stand_in = StandIn::start(aws_sdk_s3::Client::from_conf(s3)).await;
    println!("{}", stand_in.endpoint());
    std::future::pending::<()>().await;
}
