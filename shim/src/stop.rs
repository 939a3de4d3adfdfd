//! What ends a server's wait from outside. Owns the descriptors that [`crate::UdpSocket::wait`] watches beside the
//! socket, and reads them; knows nothing of sockets.

use std::cell::RefCell;
use std::io::{self, BufRead, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use crate::lines::Lines;

/// A request to stop, which [`crate::UdpSocket::wait`] reports: from [`Stopper`], a signal, or the end of standard
/// input.
///
/// All of them are file descriptors, so one `poll` watches them beside the socket on every platform.
#[derive(Debug)]
pub struct Stop {
    pipe: PipeReader,
    writer: PipeWriter,
    stdin: bool,
    /// What standard input has brought.
    lines: RefCell<Lines>,
    hangups: Option<PipeReader>,
}

/// What a descriptor that is ready means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    None,
    Stop,
    HangUp,
}

impl Stop {
    /// A stop that only its [`Stopper`]s cause.
    ///
    /// # Errors
    ///
    /// When no pipe can be made.
    pub fn new() -> io::Result<Self> {
        let (pipe, writer) = io::pipe()?;
        Ok(Self { pipe, writer, stdin: false, lines: RefCell::default(), hangups: None })
    }

    /// Also stops when standard input ends. The lines that come until then are [`take_line`](Self::take_line)'s.
    #[must_use]
    pub fn when_stdin_closes(mut self) -> Self {
        self.stdin = true;
        self
    }

    /// The next line that standard input has brought while somebody waited, where its end counts: trimmed, not empty, at
    /// most 4096 bytes. Of those that nobody takes, the last 256 are kept.
    pub fn take_line(&self) -> Option<String> {
        self.lines.borrow_mut().pop()
    }

    /// Also stops on SIGINT and SIGTERM. WebAssembly has no signals: there this adds nothing.
    ///
    /// # Errors
    ///
    /// When a handler can't be installed.
    pub fn on_signals(self) -> io::Result<Self> {
        #[cfg(not(target_os = "emscripten"))]
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::low_level::pipe::register(signal, self.writer.try_clone()?)?;
        }
        Ok(self)
    }

    /// Also reports SIGHUP, which by custom asks a server to read its files again ([`Ready::hung_up`](crate::Ready)), and
    /// does not stop. WebAssembly has no signals: there this adds nothing.
    ///
    /// # Errors
    ///
    /// When a handler can't be installed.
    pub fn with_hangups(self) -> io::Result<Self> {
        #[cfg(not(target_os = "emscripten"))]
        {
            let (reader, writer) = io::pipe()?;
            signal_hook::low_level::pipe::register(signal_hook::consts::SIGHUP, writer)?;
            Ok(Self { hangups: Some(reader), ..self })
        }
        #[cfg(target_os = "emscripten")]
        Ok(self)
    }

    /// A handle that stops from another thread.
    ///
    /// # Errors
    ///
    /// When the pipe's descriptor can't be duplicated.
    pub fn stopper(&self) -> io::Result<Stopper> {
        Ok(Stopper(self.writer.try_clone()?))
    }

    /// The descriptors to watch for input: the pipe, and standard input if it counts.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let stdin = self.stdin.then(|| io::stdin().as_raw_fd());
        [Some(self.pipe.as_raw_fd()), stdin, self.hangups.as_ref().map(AsRawFd::as_raw_fd)].into_iter().flatten()
    }

    /// What `descriptor`, which is readable or hung up, means.
    pub(crate) fn request(&self, descriptor: RawFd) -> Request {
        if descriptor == self.pipe.as_raw_fd() {
            return Request::Stop;
        }
        let mut ignored = [0; 256];
        if let Some(mut hangups) = self.hangups.as_ref().filter(|hangups| hangups.as_raw_fd() == descriptor) {
            // As many as came are one.
            return hangups.read(&mut ignored).map_or(Request::None, |_| Request::HangUp);
        }
        let mut stdin = io::stdin().lock();
        // All that was read at once: `poll` does not see what stays in the buffer. An error is an end too.
        let length = match stdin.fill_buf() {
            Ok(chunk) if !chunk.is_empty() => {
                self.lines.borrow_mut().push(chunk);
                chunk.len()
            }
            _ => return Request::Stop,
        };
        stdin.consume(length);
        Request::None
    }
}

/// Stops the [`Stop`] it came from; may be used from any thread, more than once.
#[derive(Debug)]
pub struct Stopper(PipeWriter);

impl Stopper {
    /// Asks to stop.
    ///
    /// # Errors
    ///
    /// When the [`Stop`] is gone.
    pub fn stop(&self) -> io::Result<()> {
        (&self.0).write_all(&[0])
    }
}
