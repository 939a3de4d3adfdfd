//! Descriptors that the program was started with, beside its standard streams: sockets that its parent, or the JavaScript
//! that runs it, has the other end of.

use std::io;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// The stream socket that the program has as `descriptor` since its start: natively one that its parent has connected,
/// in WebAssembly a channel (docs/calls.md). The descriptor itself stays open too.
///
/// # Errors
///
/// EBADF when it is not open.
pub fn inherited_stream(descriptor: RawFd) -> io::Result<UnixStream> {
    // By hand: std's own way is unsupported on wasm32.
    // SAFETY: no memory is passed; the descriptor stays with whoever owns it.
    let duplicate = unsafe { libc::dup(descriptor) };
    if duplicate < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { UnixStream::from_raw_fd(duplicate) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_descriptor_that_is_open_is_a_stream_and_one_that_is_not_an_error() {
        let (mut parent, inherited) = UnixStream::pair().unwrap();
        let mut stream = inherited_stream(inherited.as_raw_fd()).unwrap();
        parent.write_all(b"hello").unwrap();
        let mut data = [0; 5];
        stream.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"hello");
        for closed in [-1, 1 << 20] {
            assert_eq!(inherited_stream(closed).unwrap_err().raw_os_error(), Some(libc::EBADF));
        }
    }
}
