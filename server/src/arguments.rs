//! The server's command line: its options, and the configuration they make.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use socket_iwa::platform;
use socket_iwa_server::{Config, CongestionControl, GENERATED_VALIDITY, MAX_WORKERS, Retry};
use tracing::Level;

/// QUIC server: HTTP/3 (ALPN h3) and echo (ALPN echo).
///
/// Prints one line when it serves, stops on SIGINT and SIGTERM, and exits with 0 after a clean stop, with 2 when it
/// can't start.
#[derive(Clone, Parser)]
#[command(name = "socket-iwa-server", version)]
pub(crate) struct Arguments {
    /// Address and UDP port to serve on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4433")]
    pub(crate) listen: SocketAddr,
    /// Certificate chain in PEM [default: a self-signed one, made now]. Read again on SIGHUP
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Serve the files of this directory
    #[arg(long, value_name = "DIRECTORY")]
    root: Option<PathBuf>,
    /// Let the host at the other end of this descriptor, a connected stream socket, handle the requests and sessions that
    /// it asks for (docs/gateway.md), instead of the server's own examples
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(3..))]
    pub(crate) gateway_fd: Option<i32>,
    /// Workers that serve the port together, each with a core of its own, 1 to 16: a client is served by one of them. They
    /// have tickets, certificate, limits, counters and the room in common. Not with --gateway-fd
    #[arg(long, value_name = "NUMBER", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=MAX_WORKERS as i64))]
    pub(crate) workers: u8,
    /// Which of --workers this instance of the program is, where they are no threads of one
    #[arg(long, value_name = "NUMBER", hide = true, requires = "workers_fd")]
    pub(crate) worker: Option<usize>,
    /// The first of this instance's descriptors to the others, in the order of their numbers
    #[arg(long, value_name = "NUMBER", hide = true, requires = "worker",
          value_parser = clap::value_parser!(i32).range(3..))]
    pub(crate) workers_fd: Option<i32>,
    /// How long a certificate that is made here is valid. Before it ends the next one is announced, and takes over
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(GENERATED_VALIDITY), conflicts_with = "cert",
          value_parser = clap::value_parser!(u32).range(4..=1_209_600))]
    pub(crate) cert_validity: u32,
    /// Print JSON, one object a line, and nothing else to standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the counters this often
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) stats_interval: Option<u32>,
    /// Stop when standard input ends. Until then its lines are commands: {"connections": 20} tells of the 20 busiest
    /// connections, {"close": ID} closes one
    #[arg(long)]
    pub(crate) stop_on_stdin_close: bool,
    /// When asked to stop, wait this long for what clients have asked for
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(Config::default().drain_timeout))]
    drain_timeout: u32,
    /// What to log to standard error: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: Level,

    /// How long a session ticket is good for, up to 604800; 0: no tickets
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(Config::default().ticket_lifetime), help_heading = SESSIONS)]
    ticket_lifetime: u32,
    /// Keep the keys of tickets, stateless resets and address tokens in this file, which is made if it is not there, so
    /// that they survive a restart
    #[arg(long, value_name = "FILE", help_heading = SESSIONS)]
    ticket_keys: Option<PathBuf>,
    /// Take no early data (0-RTT)
    #[arg(long, help_heading = SESSIONS)]
    no_early_data: bool,
    /// Take early data for ALPN echo too: whoever records it can have it echoed again
    #[arg(long, help_heading = SESSIONS, conflicts_with = "no_early_data")]
    echo_early_data: bool,

    /// Connections at once; more are refused
    #[arg(long, value_name = "NUMBER", default_value_t = Config::default().max_connections, help_heading = LIMITS)]
    max_connections: usize,
    /// Handshakes in flight; more are refused
    #[arg(long, value_name = "NUMBER", default_value_t = Config::default().max_handshakes, help_heading = LIMITS)]
    max_handshakes: usize,
    /// Give up a handshake after this long
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(Config::default().handshake_timeout), help_heading = LIMITS)]
    handshake_timeout: u32,
    /// Streams of each direction that a client may have open at once
    #[arg(long, value_name = "NUMBER", default_value_t = Config::default().max_streams, help_heading = LIMITS)]
    max_streams: u32,
    /// Data that a connection can make the server hold, at least 1048576
    #[arg(long, value_name = "BYTES", default_value_t = Config::default().connection_memory, help_heading = LIMITS)]
    connection_memory: u32,
    /// Give up a request when its header section, or a KiB of its body, takes longer than this; 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(Config::default().request_timeout), help_heading = LIMITS)]
    request_timeout: u32,
    /// Close a connection that its client keeps alive without a use for it for this long; 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(Config::default().unused_timeout), help_heading = LIMITS)]
    unused_timeout: u32,
    /// Largest request body
    #[arg(long, value_name = "BYTES", default_value_t = Config::default().max_body, help_heading = LIMITS)]
    max_body: u64,

    /// Make clients prove their address first, at the price of a round trip: always, while 32
    /// handshakes (or half of --max-handshakes) are in flight, or never
    #[arg(long, value_name = "WHEN", default_value = "under-load", help_heading = TRANSPORT)]
    retry: RetryArgument,
    /// Congestion control
    #[arg(long, value_name = "ALGORITHM", default_value = "cubic", help_heading = TRANSPORT)]
    congestion: CongestionArgument,
    /// Close a connection without traffic after this long
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(Config::default().idle_timeout), help_heading = TRANSPORT)]
    idle_timeout: u32,
    /// Send something after this long without traffic, to keep connections alive [default: leave that to clients]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..), help_heading = TRANSPORT)]
    keep_alive: Option<u32>,
    /// Change a connection's keys when it has sent this much [default: when the cipher's limits ask for it]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..), help_heading = TRANSPORT)]
    key_update_after: Option<u64>,
    /// Largest datagram payload that path MTU discovery tries, 1200 to 65527 [default: 1452, on loopback 16384]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1200..=65527), help_heading = TRANSPORT)]
    max_datagram: Option<u16>,
    /// Browser sockets to spread the port over, 1 to 16; without effect elsewhere
    #[arg(long, value_name = "NUMBER", default_value_t = platform::DEFAULTS.stripes,
          value_parser = clap::value_parser!(u32).range(1..=16), help_heading = TRANSPORT)]
    pub(crate) stripes: u32,
    /// Write a qlog file for each connection into this directory, which is made if it is not there
    #[arg(long, value_name = "DIRECTORY", help_heading = TRANSPORT)]
    qlog: Option<PathBuf>,
}

const SESSIONS: &str = "Sessions";
const LIMITS: &str = "Limits";
const TRANSPORT: &str = "Transport";

#[derive(Clone, Copy, ValueEnum)]
enum RetryArgument {
    Always,
    UnderLoad,
    Never,
}

#[derive(Clone, Copy, ValueEnum)]
enum CongestionArgument {
    Cubic,
    Bbr,
    Newreno,
}

impl Arguments {
    pub(crate) fn config(&self) -> Config {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Config {
            idle_timeout: seconds(self.idle_timeout),
            keep_alive: self.keep_alive.map(seconds),
            max_connections: self.max_connections,
            max_handshakes: self.max_handshakes,
            handshake_timeout: seconds(self.handshake_timeout),
            max_streams: self.max_streams,
            connection_memory: self.connection_memory,
            request_timeout: seconds(self.request_timeout),
            unused_timeout: seconds(self.unused_timeout),
            max_body: self.max_body,
            root: self.root.clone(),
            retry: match self.retry {
                RetryArgument::Always => Retry::Always,
                RetryArgument::UnderLoad => Retry::UnderLoad,
                RetryArgument::Never => Retry::Never,
            },
            congestion: match self.congestion {
                CongestionArgument::Cubic => CongestionControl::Cubic,
                CongestionArgument::Bbr => CongestionControl::Bbr,
                CongestionArgument::Newreno => CongestionControl::NewReno,
            },
            max_datagram: self.max_datagram,
            key_update_after: self.key_update_after,
            ticket_lifetime: seconds(self.ticket_lifetime),
            ticket_keys: self.ticket_keys.clone(),
            early_data: !self.no_early_data,
            echo_early_data: self.echo_early_data,
            drain_timeout: seconds(self.drain_timeout),
            qlog: self.qlog.clone(),
            ..Config::default()
        }
    }
}

fn seconds(duration: Duration) -> u32 {
    duration.as_secs().try_into().unwrap_or(u32::MAX)
}
