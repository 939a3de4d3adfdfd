//! A UDP socket for servers: batches in, runs of segments out, one wait. The same API on every platform; what it is
//! made of stands in `native.rs` and `wasm.rs`.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd};
use std::time::Instant;

use crate::{Beside, Ready, Stop, wait};

#[cfg_attr(target_os = "emscripten", path = "wasm.rs")]
#[cfg_attr(not(target_os = "emscripten"), path = "native.rs")]
mod imp;

/// How to make a [`UdpSocket`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of received datagrams the kernel, or the library's queue, may hold (SO_RCVBUF). A system's maximum caps
    /// it silently, as `setsockopt` does, where the program may not exceed it (CAP_NET_ADMIN).
    pub receive_buffer: usize,
    /// Bytes of datagrams on their way out (SO_SNDBUF).
    pub send_buffer: usize,
    /// Browser sockets to spread the port over. Elsewhere it has no effect.
    pub stripes: u32,
    /// Who else has the port.
    pub sharing: Sharing,
}

/// Whether several sockets have one port (SO_REUSEPORT): the system then gives each the datagrams of some of the clients,
/// chosen by a hash of both addresses, which changes when one of the sockets is opened or closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// This socket alone.
    #[default]
    Alone,
    /// This one and those that come later. The port has to be free: one that shares it would also be bound beside those of
    /// another program.
    First,
    /// This one and others that are there.
    Later,
}

impl Default for Options {
    /// The platform's bytes to receive and number of stripes, 1 MiB to send, a port of its own.
    fn default() -> Self {
        let crate::platform::Defaults { receive_buffer, stripes, .. } = crate::platform::DEFAULTS;
        Self { receive_buffer, send_buffer: 1 << 20, stripes, sharing: Sharing::Alone }
    }
}

/// A datagram received.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Where it came from.
    pub remote: SocketAddr,
    /// The local address it was sent to, where the platform tells (not in WebAssembly).
    pub local_ip: Option<IpAddr>,
    /// The two ECN bits of its IP header (RFC 3168), where the platform tells (not in WebAssembly).
    pub ecn: Option<u8>,
    /// Its payload, in bytes.
    pub payload: &'a [u8],
}

/// Datagrams to send: `contents` cut into pieces of `segment_size` bytes, the last one possibly shorter.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    /// Where they go.
    pub destination: SocketAddr,
    /// The local address to send from, where the platform lets one choose (not in WebAssembly).
    pub source_ip: Option<IpAddr>,
    /// The two ECN bits to set (RFC 3168), where the platform can (not in WebAssembly).
    pub ecn: Option<u8>,
    /// The payloads, one after another, in bytes.
    pub contents: &'a [u8],
    /// Bytes a datagram; `None`: one datagram.
    pub segment_size: Option<usize>,
}

/// The memory that [`UdpSocket::receive`] receives into: 2 MiB natively, 64 KiB in WebAssembly.
#[derive(Debug, Default)]
pub struct Buffers(imp::Buffers);

/// A bound UDP socket that never blocks but in [`wait`](Self::wait).
#[derive(Debug)]
pub struct UdpSocket {
    socket: std::net::UdpSocket,
    imp: imp::State,
}

impl UdpSocket {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// As `bind(2)`, with the address in the message: EADDRINUSE, EACCES (in an Isolated Web App: ports below 1024),
    /// EADDRNOTAVAIL.
    pub fn bind(address: SocketAddr, options: &Options) -> io::Result<Self> {
        let bind = || {
            let address = if options.sharing == Sharing::First { free(address)? } else { address };
            imp::bind(address, options)
        };
        let socket =
            bind().map_err(|error| io::Error::new(error.kind(), format!("bind {address}: {}", describe(&error))))?;
        socket.set_nonblocking(true)?;
        let imp = imp::State::new(&socket, options)?;
        Ok(Self { socket, imp })
    }

    /// The address it is bound to, with the port that was taken.
    ///
    /// # Errors
    ///
    /// As `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The largest number of segments worth giving to one [`send_segments`](Self::send_segments).
    #[must_use]
    pub fn max_segments(&self) -> usize {
        self.imp.max_segments()
    }

    /// Receives what is queued, at most one batch, into `buffers`, and calls `each` with every datagram. Returns how
    /// many there were.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing is queued; otherwise as `recvmsg(2)`. An error belongs to the datagram it was
    /// reported for: the socket goes on.
    pub fn receive(&self, buffers: &mut Buffers, each: impl FnMut(Datagram<'_>)) -> io::Result<usize> {
        self.imp.receive(&self.socket, &mut buffers.0, each)
    }

    /// Sends as many of `segments` as the send buffer takes. Returns the bytes taken: fewer than all means that the
    /// buffer is full and the rest waits for [`Ready::writable`].
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing could be taken; otherwise as `sendmsg(2)` for the first segment not sent. The socket
    /// goes on.
    pub fn send_segments(&self, segments: &Segments<'_>) -> io::Result<usize> {
        self.imp.send(&self.socket, segments)
    }

    /// Waits until something can be received, or sent where `write` asks for it, `deadline` passes, `stop` is
    /// requested, or one of `beside` is ready.
    ///
    /// # Errors
    ///
    /// As `poll(2)`.
    ///
    /// # Panics
    ///
    /// When `beside` has more than [`MAX_BESIDE`](crate::MAX_BESIDE).
    pub fn wait<'a>(
        &self,
        write: bool,
        deadline: Option<Instant>,
        stop: Option<&Stop>,
        beside: impl IntoIterator<Item = Beside<'a>>,
    ) -> io::Result<Ready> {
        wait::wait(self.socket.as_raw_fd(), write, deadline, stop, beside)
    }

    /// Datagrams dropped since the socket was made because its receive buffer was full.
    #[must_use]
    pub fn drops(&self) -> u64 {
        imp::drops(&self.socket)
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The error's errno name and what it means for a bind, where that says more than the system's own text.
fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => "EADDRINUSE: another program has this port; stop it or choose another".into(),
        Some(libc::EADDRNOTAVAIL) => "EADDRNOTAVAIL: this machine has no such address".into(),
        Some(libc::EACCES) if cfg!(target_os = "emscripten") => {
            "EACCES: Chrome refuses UDP ports below 1024 to Isolated Web Apps, and all of them without the \
             direct-sockets and local-network permissions"
                .into()
        }
        Some(libc::EACCES) => "EACCES: ports below 1024 need root or CAP_NET_BIND_SERVICE".into(),
        _ => error.to_string(),
    }
}

/// `address`, which nobody has; a free port in the place of port 0.
fn free(address: SocketAddr) -> io::Result<SocketAddr> {
    std::net::UdpSocket::bind(address)?.local_addr()
}

/// The address's family and, as libc has it, the address and its length in bytes.
fn sockaddr(address: SocketAddr) -> (libc::c_int, libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero bytes are a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
    let (family, length) = match address {
        SocketAddr::V4(v4) => {
            let value = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is larger than any sockaddr, and aligned for it.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(value) };
            (libc::AF_INET, size_of::<libc::sockaddr_in>())
        }
        SocketAddr::V6(v6) => {
            let value = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(value) };
            (libc::AF_INET6, size_of::<libc::sockaddr_in6>())
        }
    };
    (family, storage, length as libc::socklen_t)
}

/// A socket bound to `address`, which `prepare` has seen before: `std::net` makes and binds one in a single step.
fn bind_prepared(
    address: SocketAddr,
    prepare: impl FnOnce(&std::net::UdpSocket) -> io::Result<()>,
) -> io::Result<std::net::UdpSocket> {
    let (family, storage, length) = sockaddr(address);
    // SAFETY: no memory is passed.
    let descriptor = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    let socket = unsafe { std::net::UdpSocket::from_raw_fd(descriptor) };
    prepare(&socket)?;
    // SAFETY: `storage` holds an address of `length` bytes.
    let result = unsafe { libc::bind(descriptor, (&raw const storage).cast(), length) };
    if result == 0 { Ok(socket) } else { Err(io::Error::last_os_error()) }
}

/// `setsockopt(2)` of an `int`.
fn set_option(socket: &std::net::UdpSocket, level: i32, name: i32, value: i32) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and `value` is `length` readable bytes.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests;
