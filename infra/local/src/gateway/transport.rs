//! The stream below a socket. Frames are written by whoever pushes, so it is shared, and its calls never wait.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::limits;
use super::tls::Tls;
use crate::server::Explained;

/// A stream whose reads and writes never wait. Encrypted or not, it is one descriptor.
pub(super) enum Transport {
    Tcp(TcpStream),
    Tls(Box<Tls>),
    /// One end of a pair that no network is between.
    #[cfg(test)]
    Pair(tokio::net::UnixStream),
}

impl Transport {
    /// The stream of an upgraded connection, and what the client sent with the handshake already.
    pub(super) fn of(upgraded: Upgraded) -> io::Result<(Self, Bytes)> {
        // What was read is copied: a slice, even an empty one, would keep the whole buffer of the handshake, 8 KiB.
        let upgraded = match upgraded.downcast::<TokioIo<Explained<TcpStream>>>() {
            Ok(parts) => {
                return Ok((Self::plain(parts.io.into_inner().into_inner()), Bytes::copy_from_slice(&parts.read_buf)));
            }
            Err(other) => other,
        };
        let upgraded = match upgraded.downcast::<TokioIo<Explained<TlsStream<TcpStream>>>>() {
            Ok(parts) => {
                let stream = parts.io.into_inner().into_inner();
                bound(&SockRef::from(stream.get_ref().0));
                return Ok((Self::Tls(Box::new(Tls::new(stream))), Bytes::copy_from_slice(&parts.read_buf)));
            }
            Err(other) => other,
        };
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => Ok((Self::plain(parts.io.into_inner()), Bytes::copy_from_slice(&parts.read_buf))),
            Err(_) => Err(io::Error::other("the stream of a handshake has an unexpected type")),
        }
    }

    fn plain(stream: TcpStream) -> Self {
        bound(&SockRef::from(&stream));
        Self::Tcp(stream)
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(interest).await,
            Self::Tls(stream) => stream.ready(interest).await,
            #[cfg(test)]
            Self::Pair(stream) => stream.ready(interest).await,
        }
    }

    /// Ends our side: the peer reads the end after what was written. One that is gone is fine.
    pub(super) fn shut_down(&self) {
        match self {
            Self::Tcp(stream) => drop(SockRef::from(stream).shutdown(Shutdown::Write)),
            Self::Tls(stream) => stream.shut_down(),
            #[cfg(test)]
            Self::Pair(stream) => drop(SockRef::from(stream).shutdown(Shutdown::Write)),
        }
    }

    /// Has the stream end with a reset once it is dropped, so that the system keeps nothing for a peer that does not read: it
    /// would for minutes.
    pub(super) fn reset_on_drop(&self) {
        match self {
            // A stream that is gone needs none.
            Self::Tcp(stream) => drop(SockRef::from(stream).set_linger(Some(Duration::ZERO))),
            Self::Tls(stream) => stream.reset_on_drop(),
            #[cfg(test)]
            Self::Pair(_) => {}
        }
    }

    /// Reads what is there. Less than fits into the buffer is all there was, and the runtime learns that in the same step:
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
            Self::Tls(stream) => return stream.try_read(buffer),
            #[cfg(test)]
            Self::Pair(stream) => stream.try_io(Interest::READABLE, || read(SockRef::from(stream))),
        };
        all.map_or(outcome, Ok)
    }

    /// Writes what the stream takes. Without parts: what the stream itself holds back; 0 if that is nothing.
    pub(super) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, parts) {
            (Self::Tcp(_), []) => Ok(0),
            // Most often one frame waits, and a plain write of one is a tenth cheaper.
            (Self::Tcp(stream), [one]) => stream.try_write(one),
            (Self::Tcp(stream), many) => stream.try_write_vectored(many),
            (Self::Tls(stream), many) => stream.try_write(many),
            #[cfg(test)]
            (Self::Pair(_), []) => Ok(0),
            #[cfg(test)]
            (Self::Pair(stream), many) => stream.try_write_vectored(many),
        }
    }
}

/// Bounds what the system holds for a connection. Where it refuses, it holds what it would have held anyway.
fn bound(stream: &SockRef<'_>) {
    let _ = stream.set_send_buffer_size(limits::SEND_BUFFER);
}
