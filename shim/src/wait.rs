//! Waiting for a descriptor, a deadline or a [`Stop`], by `poll(2)`: in WebAssembly that call suspends the stack.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Instant;

use crate::Stop;
use crate::stop::Request;

/// What a wait ended with. None set: the deadline passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Datagrams, or an error, can be received.
    pub readable: bool,
    /// A send would not block.
    pub writable: bool,
    /// The program was asked to stop.
    pub stopped: bool,
    /// It was sent a SIGHUP, where those are reported.
    pub hung_up: bool,
    /// Something that was waited for beside the socket can be read, written where that was asked for, or is broken.
    pub beside: bool,
}

/// Descriptors that can be waited for beside a socket.
pub const MAX_BESIDE: usize = 16;
/// Those of a [`Stop`]: two pipes and standard input.
const MAX_STOP: usize = 3;

/// A descriptor to wait for beside a socket: until it can be read, or written too.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// Which one.
    pub descriptor: BorrowedFd<'a>,
    /// Whether to wait for room to write as well.
    pub write: bool,
}

/// Waits until `socket` is readable, or writable where `write` asks for it, `deadline` passes, `stop` is requested, or
/// one of `beside` is ready.
pub(crate) fn wait<'a>(
    socket: RawFd,
    write: bool,
    deadline: Option<Instant>,
    stop: Option<&Stop>,
    beside: impl IntoIterator<Item = Beside<'a>>,
) -> io::Result<Ready> {
    let events = |write| if write { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN };
    let entry = |fd, write| libc::pollfd { fd, events: events(write), revents: 0 };
    // No allocation in the loop that calls this.
    let mut entries = [entry(socket, write); 1 + MAX_BESIDE + MAX_STOP];
    let mut count = 1;
    for beside in beside {
        assert!(count <= MAX_BESIDE, "more than {MAX_BESIDE} descriptors beside a socket");
        entries[count] = entry(beside.descriptor.as_raw_fd(), beside.write);
        count += 1;
    }
    let stops = count;
    for descriptor in stop.into_iter().flat_map(Stop::descriptors) {
        entries[count] = entry(descriptor, false);
        count += 1;
    }
    loop {
        // SAFETY: `entries` holds at least `count` initialised pollfd structures and outlives the call.
        let ready = unsafe { libc::poll(entries.as_mut_ptr(), count as libc::nfds_t, timeout_ms(deadline)) };
        if ready >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let (mut stopped, mut hung_up) = (false, false);
    for entry in entries[stops..count].iter().filter(|entry| entry.revents != 0) {
        let request = stop.map_or(Request::None, |stop| stop.request(entry.fd));
        stopped |= request == Request::Stop;
        hung_up |= request == Request::HangUp;
    }
    let revents = entries[0].revents;
    if revents & libc::POLLNVAL != 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(Ready {
        readable: revents & (libc::POLLIN | libc::POLLERR | libc::POLLHUP) != 0,
        writable: revents & libc::POLLOUT != 0,
        stopped,
        hung_up,
        beside: entries[1..stops].iter().any(|entry| entry.revents != 0),
    })
}

/// Milliseconds until `deadline`, rounded up so that the deadline has passed when the wait ends; -1 without one.
fn timeout_ms(deadline: Option<Instant>) -> libc::c_int {
    let Some(deadline) = deadline else { return -1 };
    let left = deadline.saturating_duration_since(Instant::now());
    left.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(libc::c_int::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn no_deadline_waits_for_ever() {
        assert_eq!(timeout_ms(None), -1);
    }

    #[test]
    fn a_deadline_is_rounded_up_to_the_next_millisecond() {
        let timeout = timeout_ms(Some(Instant::now() + Duration::from_micros(1500)));
        assert!((1..=2).contains(&timeout), "{timeout}");
    }

    #[test]
    fn a_deadline_that_has_passed_does_not_wait() {
        assert_eq!(timeout_ms(Some(Instant::now())), 0);
    }
}
