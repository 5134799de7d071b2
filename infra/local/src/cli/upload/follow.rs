//! Receives results over the socket.

use labelcast_functions::protocol::{ClientFrame, ServerFrame, Subscribe};
use tokio::sync::mpsc;

use super::News;
use crate::cli::failure::Failure;
use crate::cli::remote::{ConnectError, Service, Socket};

/// Subscribes to `uploads` and forwards its notifications. If the connection fails, that is reported, and results are
/// polled for.
pub(super) async fn listen(service: &Service, news: mpsc::Sender<News>) -> Result<(), Failure> {
    let mut socket = match Socket::connect(service).await {
        Ok(socket) => socket,
        Err(ConnectError::Refused(why)) => return Err(Failure::failed(why)),
        Err(ConnectError::Unreachable(why)) => {
            disconnected(&news, why).await;
            return Ok(());
        }
    };
    match subscribe(&mut socket).await {
        Ok(()) => {}
        Err(Subscribing::Refused(why)) => return Err(Failure::failed(why)),
        Err(Subscribing::Lost(why)) => {
            disconnected(&news, why).await;
            return Ok(());
        }
    }
    tokio::spawn(async move {
        let why = loop {
            match socket.next().await.map(|incoming| incoming.frame) {
                Ok(ServerFrame::Notification(notification)) => {
                    if news.send(News::Notified(notification)).await.is_err() {
                        return;
                    }
                }
                Ok(ServerFrame::Closing { message, .. }) => break message,
                Ok(_) => {}
                Err(lost) => break lost,
            }
        };
        disconnected(&news, why).await;
    });
    Ok(())
}

async fn disconnected(news: &mpsc::Sender<News>, why: String) {
    // If nobody receives it, all results are there.
    let _ = news.send(News::Disconnected { why }).await;
}

enum Subscribing {
    Refused(String),
    Lost(String),
}

async fn subscribe(socket: &mut Socket) -> Result<(), Subscribing> {
    let request = Subscribe { topics: vec!["uploads".to_owned()], filter: None, since: [].into(), reference: None };
    socket.send(&ClientFrame::Subscribe(request)).await.map_err(Subscribing::Lost)?;
    loop {
        match socket.next().await.map_err(Subscribing::Lost)?.frame {
            ServerFrame::Subscribed { .. } => return Ok(()),
            ServerFrame::Error { message, .. } => return Err(Subscribing::Refused(message)),
            ServerFrame::Closing { message, .. } => return Err(Subscribing::Lost(message)),
            _ => {}
        }
    }
}
