//! What ends a server's wait from outside. Owns the descriptors that [`crate::UdpSocket::wait`] watches beside the
//! socket, and reads them; knows nothing of sockets.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

/// A request to stop, which [`crate::UdpSocket::wait`] reports: from [`Stopper`], a signal, or the end of standard
/// input.
///
/// All of them are file descriptors, so one `poll` watches them beside the socket on every platform.
#[derive(Debug)]
pub struct Stop {
    pipe: PipeReader,
    writer: PipeWriter,
    stdin: bool,
}

impl Stop {
    /// A stop that only its [`Stopper`]s cause.
    ///
    /// # Errors
    ///
    /// When no pipe can be made.
    pub fn new() -> io::Result<Self> {
        let (pipe, writer) = io::pipe()?;
        Ok(Self { pipe, writer, stdin: false })
    }

    /// Also stops when standard input ends. What is read from it until then is ignored.
    #[must_use]
    pub fn when_stdin_closes(mut self) -> Self {
        self.stdin = true;
        self
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
        [Some(self.pipe.as_raw_fd()), self.stdin.then(|| io::stdin().as_raw_fd())].into_iter().flatten()
    }

    /// Whether `descriptor`, which is readable or hung up, means stop.
    pub(crate) fn is_requested_by(&self, descriptor: RawFd) -> bool {
        if descriptor == self.pipe.as_raw_fd() {
            return true;
        }
        // An error is an end too: nothing more will be read from there.
        let mut ignored = [0; 256];
        !matches!(io::stdin().lock().read(&mut ignored), Ok(1..))
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
