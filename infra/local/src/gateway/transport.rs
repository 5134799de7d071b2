//! The stream below a socket. Frames are written by whoever pushes, so it is shared, and its calls never wait.

use std::io::{self, IoSlice};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::net::Shutdown;
use tokio::io::{Interest, Ready, copy_bidirectional_with_sizes};
use tokio::net::{TcpStream, UnixStream};

/// Buffers of an encrypted connection, in bytes: there for every idle one. Clients send little.
const FROM_CLIENT: usize = 1024;
const TO_CLIENT: usize = 4096;

/// A stream whose reads and writes never wait.
pub(super) enum Transport {
    Tcp(TcpStream),
    /// One end of a pair; a task carries what goes through it to and from TLS.
    Pair(UnixStream),
}

impl Transport {
    /// The stream of an upgraded connection, and what the client sent with the handshake already.
    pub(super) fn of(upgraded: Upgraded) -> io::Result<(Self, Bytes)> {
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            // Copied: a slice, even an empty one, would keep the whole buffer of the handshake, 8 KiB.
            Ok(parts) => Ok((Self::Tcp(parts.io.into_inner()), Bytes::copy_from_slice(&parts.read_buf))),
            Err(encrypted) => {
                let (ours, mut theirs) = UnixStream::pair()?;
                let mut encrypted = TokioIo::new(encrypted);
                // Ends when either side does; the socket's own task says why.
                tokio::spawn(async move {
                    copy_bidirectional_with_sizes(&mut encrypted, &mut theirs, FROM_CLIENT, TO_CLIENT).await
                });
                Ok((Self::Pair(ours), Bytes::new()))
            }
        }
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(interest).await,
            Self::Pair(stream) => stream.ready(interest).await,
        }
    }

    /// Ends our side: the peer reads the end after what was written. One that is gone is fine.
    pub(super) fn shut_down(&self) {
        let _ = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Pair(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        };
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Pair(stream) => stream.try_read(buffer),
        }
    }

    pub(super) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, parts) {
            // Most often one frame waits, and a plain write of one is a tenth cheaper.
            (Self::Tcp(stream), [one]) => stream.try_write(one),
            (Self::Tcp(stream), many) => stream.try_write_vectored(many),
            (Self::Pair(stream), many) => stream.try_write_vectored(many),
        }
    }
}
