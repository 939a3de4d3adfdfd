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
        Ok(Self { pipe, writer, stdin: false, hangups: None })
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
        // An error is an end too: nothing more will be read from there.
        match io::stdin().lock().read(&mut ignored) {
            Ok(1..) => Request::None,
            _ => Request::Stop,
        }
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
