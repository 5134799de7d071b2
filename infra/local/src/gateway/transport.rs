//! The stream below a socket. Frames are written by whoever pushes, so it is shared, and its calls never wait.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{Interest, Ready, copy_bidirectional_with_sizes};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;

use super::limits;

/// Buffers of an encrypted connection, in bytes: there for every idle one. Clients send little.
const FROM_CLIENT: usize = 1024;
const TO_CLIENT: usize = 4096;

/// A stream whose reads and writes never wait.
pub(super) enum Transport {
    Tcp(TcpStream),
    /// One end of a pair; a task carries what goes through it to and from TLS.
    Pair(UnixStream, Arc<Notify>),
}

impl Transport {
    /// The stream of an upgraded connection, and what the client sent with the handshake already.
    pub(super) fn of(upgraded: Upgraded) -> io::Result<(Self, Bytes)> {
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => {
                let stream = parts.io.into_inner();
                bound(&SockRef::from(&stream));
                // Copied: a slice, even an empty one, would keep the whole buffer of the handshake, 8 KiB.
                Ok((Self::Tcp(stream), Bytes::copy_from_slice(&parts.read_buf)))
            }
            Err(upgraded) => {
                let parts = upgraded
                    .downcast::<TokioIo<TlsStream<TcpStream>>>()
                    .map_err(|_| io::Error::other("a connection is plain or TLS"))?;
                let (ours, theirs) = UnixStream::pair()?;
                let reset = Arc::new(Notify::new());
                tokio::spawn(carry(parts.io.into_inner(), theirs, reset.clone()));
                Ok((Self::Pair(ours, reset), Bytes::copy_from_slice(&parts.read_buf)))
            }
        }
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(interest).await,
            Self::Pair(stream, _) => stream.ready(interest).await,
        }
    }

    /// Ends our side: the peer reads the end after what was written. One that is gone is fine.
    pub(super) fn shut_down(&self) {
        let _ = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Pair(stream, _) => SockRef::from(stream).shutdown(Shutdown::Write),
        };
    }

    /// Has the stream end with a reset once it is dropped, so that the system keeps nothing for a peer that does not read: it
    /// would for minutes.
    pub(super) fn reset_on_drop(&self) {
        match self {
            // A stream that is gone needs none.
            Self::Tcp(stream) => drop(SockRef::from(stream).set_linger(Some(Duration::ZERO))),
            Self::Pair(_, reset) => reset.notify_one(),
        }
    }

    /// Reads what is there. Less than fits into the buffer is all there was, and the runtime hears of it in the same step:
    /// else it would find out by another read, in vain.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len();
        let mut all = None;
        let mut read = |socket: SockRef<'_>| {
            let read = (&*socket).read(buffer)?;
            if (1..wanted).contains(&read) {
                all = Some(read);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(read)
        };
        let outcome = match self {
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, || read(SockRef::from(stream))),
            Self::Pair(stream, _) => stream.try_io(Interest::READABLE, || read(SockRef::from(stream))),
        };
        all.map_or(outcome, Ok)
    }

    pub(super) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, parts) {
            // Most often one frame waits, and a plain write of one is a tenth cheaper.
            (Self::Tcp(stream), [one]) => stream.try_write(one),
            (Self::Tcp(stream), many) => stream.try_write_vectored(many),
            (Self::Pair(stream, _), many) => stream.try_write_vectored(many),
        }
    }
}

/// Bounds what the system holds for a connection. Where it refuses, it holds what it would have held anyway.
fn bound(stream: &SockRef<'_>) {
    let _ = stream.set_send_buffer_size(limits::SEND_BUFFER);
}

/// Carries what goes through a pair to and from TLS. Ends when either side does; the socket's own task says why.
async fn carry(mut encrypted: TlsStream<TcpStream>, mut pair: UnixStream, reset: Arc<Notify>) {
    bound(&SockRef::from(encrypted.get_ref().0));
    bound(&SockRef::from(&pair));
    tokio::select! {
        _ = copy_bidirectional_with_sizes(&mut encrypted, &mut pair, FROM_CLIENT, TO_CLIENT) => {}
        () = reset.notified() => drop(SockRef::from(encrypted.get_ref().0).set_linger(Some(Duration::ZERO))),
    }
}
