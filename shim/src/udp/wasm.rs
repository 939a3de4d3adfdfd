//! WebAssembly: `std::net` on libdirectsockets.js. A call that finds something queued costs less than a microsecond,
//! so a batch is a loop.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use super::{Datagram, Options, Segments, Sharing, bind_prepared, set_option};

/// The private options of libdirectsockets.js (docs/calls.md).
const SOL_DIRECTSOCKETS: i32 = 0x4453;
const DS_STRIPES: i32 = 1;
const DS_DROPS: i32 = 2;

/// Datagrams a call of `receive`: enough to spread the cost of the loop around it, few enough to keep timers on time.
const BATCH: usize = 64;
/// Segments a call of `send`: each is a datagram of its own, so more only delays the other connections.
const MAX_SEGMENTS: usize = 16;
/// The largest UDP payload.
const BUFFER: usize = 65_535;

#[derive(Debug)]
pub(super) struct State;

#[derive(Debug)]
pub(super) struct Buffers(Box<[u8]>);

impl Default for Buffers {
    fn default() -> Self {
        Self(vec![0; BUFFER].into_boxed_slice())
    }
}

/// Stripes, and whether the port is shared, are chosen before the bind.
pub(super) fn bind(address: SocketAddr, options: &Options) -> io::Result<UdpSocket> {
    bind_prepared(address, |socket| {
        if options.sharing != Sharing::Alone {
            set_option(socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
        }
        set_option(socket, SOL_DIRECTSOCKETS, DS_STRIPES, i32::try_from(options.stripes).unwrap_or(i32::MAX))
    })
}

impl State {
    pub(super) fn new(socket: &UdpSocket, options: &Options) -> io::Result<Self> {
        let size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
        set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, size(options.receive_buffer))?;
        set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, size(options.send_buffer))?;
        Ok(Self)
    }

    pub(super) fn max_segments(&self) -> usize {
        MAX_SEGMENTS
    }

    pub(super) fn receive(
        &self,
        socket: &UdpSocket,
        Buffers(buffer): &mut Buffers,
        mut each: impl FnMut(Datagram<'_>),
    ) -> io::Result<usize> {
        for count in 0..BATCH {
            match socket.recv_from(buffer) {
                Ok((length, remote)) => {
                    each(Datagram { remote, local_ip: None, ecn: None, payload: &buffer[..length] });
                }
                Err(error) if count == 0 => return Err(error),
                // Reported again, if it persists, by the next call.
                Err(_) => return Ok(count),
            }
        }
        Ok(BATCH)
    }

    pub(super) fn send(&self, socket: &UdpSocket, segments: &Segments<'_>) -> io::Result<usize> {
        let size = segments.segment_size.unwrap_or(segments.contents.len()).max(1);
        let mut sent = 0;
        for segment in segments.contents.chunks(size) {
            match socket.send_to(segment, segments.destination) {
                Ok(_) => sent += segment.len(),
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }
}

pub(super) fn drops(socket: &UdpSocket) -> u64 {
    let mut value = MaybeUninit::<u32>::zeroed();
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open, and `value` is `length` writable bytes.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), SOL_DIRECTSOCKETS, DS_DROPS, value.as_mut_ptr().cast(), &mut length)
    };
    // SAFETY: zeroed memory is a valid integer, whatever the library wrote over it.
    if result == 0 { u64::from(unsafe { value.assume_init() }) } else { 0 }
}
