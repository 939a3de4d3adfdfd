//! Linux: quinn-udp does the batching (recvmmsg), the segmentation offload and the control messages.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, Transmit, UdpSocketState};

use super::{Datagram, Options, Segments, Sharing, bind_prepared, set_option};

/// The largest UDP payload; with GRO the kernel fills a buffer with several datagrams up to it.
const BUFFER: usize = 65_535;

#[derive(Debug)]
pub(super) struct State {
    udp: UdpSocketState,
}

#[derive(Debug)]
pub(super) struct Buffers {
    payloads: Box<[u8]>,
    meta: [RecvMeta; BATCH_SIZE],
}

impl Default for Buffers {
    fn default() -> Self {
        Self { payloads: vec![0; BUFFER * BATCH_SIZE].into_boxed_slice(), meta: [RecvMeta::default(); BATCH_SIZE] }
    }
}

pub(super) fn bind(address: SocketAddr, options: &Options) -> io::Result<UdpSocket> {
    match options.sharing {
        Sharing::Alone => UdpSocket::bind(address),
        Sharing::First | Sharing::Later => {
            bind_prepared(address, |socket| set_option(socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1))
        }
    }
}

impl State {
    pub(super) fn new(socket: &UdpSocket, options: &Options) -> io::Result<Self> {
        let udp = UdpSocketState::new(socket.into())?;
        let size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
        // The administrator may have more than the system's maximum.
        set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, size(options.receive_buffer))
            .or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, size(options.receive_buffer)))?;
        set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, size(options.send_buffer))?;
        Ok(Self { udp })
    }

    pub(super) fn max_segments(&self) -> usize {
        self.udp.max_gso_segments()
    }

    pub(super) fn receive(
        &self,
        socket: &UdpSocket,
        buffers: &mut Buffers,
        mut each: impl FnMut(Datagram<'_>),
    ) -> io::Result<usize> {
        let Buffers { payloads, meta } = buffers;
        let mut rest = payloads.chunks_exact_mut(BUFFER);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(rest.next().expect("a buffer for each slice")));
        let messages = self.udp.recv(socket.into(), &mut slices, meta)?;
        let mut count = 0;
        for (meta, buffer) in meta[..messages].iter().zip(&slices) {
            let datagram = |payload| Datagram {
                remote: meta.addr,
                local_ip: meta.dst_ip,
                ecn: meta.ecn.map(|ecn| ecn as u8),
                payload,
            };
            if meta.len == 0 {
                each(datagram(&[]));
                count += 1;
            } else {
                for payload in buffer[..meta.len].chunks(meta.stride) {
                    each(datagram(payload));
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    pub(super) fn send(&self, socket: &UdpSocket, segments: &Segments<'_>) -> io::Result<usize> {
        let transmit = Transmit {
            destination: segments.destination,
            ecn: segments.ecn.and_then(EcnCodepoint::from_bits),
            contents: segments.contents,
            segment_size: segments.segment_size,
            src_ip: segments.source_ip,
        };
        self.udp.try_send(socket.into(), &transmit)?;
        Ok(segments.contents.len())
    }
}

/// SO_MEMINFO's ninth number (SK_MEMINFO_DROPS, Linux 4.12).
pub(super) fn drops(socket: &UdpSocket) -> u64 {
    const SK_MEMINFO_DROPS: usize = 8;
    let mut info = MaybeUninit::<[u32; 9]>::zeroed();
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the descriptor is open, and `info` is `length` writable bytes.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, info.as_mut_ptr().cast(), &mut length)
    };
    if result != 0 {
        return 0;
    }
    // SAFETY: zeroed memory is a valid array of integers, whatever the kernel wrote over it.
    u64::from(unsafe { info.assume_init() }[SK_MEMINFO_DROPS])
}
