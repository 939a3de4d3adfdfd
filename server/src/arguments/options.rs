//! The options that there are, for the reading and for `--help` alike, and what their values can be.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use socket_iwa_server::{CongestionControl, MAX_WORKERS, Retry};

use super::Arguments;

/// One option.
pub(super) struct Opt {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) takes: Takes,
    /// What it is set to when it is not given, if that is worth saying.
    pub(super) default: Option<fn(&Arguments) -> String>,
    /// An option without which it makes no sense.
    pub(super) requires: Option<&'static str>,
    /// An option that contradicts it.
    pub(super) conflicts: Option<&'static str>,
}

/// What an option does with what follows it.
pub(super) enum Takes {
    Nothing(fn(&mut Arguments)),
    /// A value of this name. The error says what is wrong with it.
    Value(&'static str, fn(&mut Arguments, &OsStr) -> Result<(), String>),
}

const fn flag(name: &'static str, help: &'static str, set: fn(&mut Arguments)) -> Opt {
    Opt { name, help, takes: Takes::Nothing(set), default: None, requires: None, conflicts: None }
}

const fn value(
    name: &'static str,
    value: &'static str,
    help: &'static str,
    set: fn(&mut Arguments, &OsStr) -> Result<(), String>,
) -> Opt {
    Opt { name, help, takes: Takes::Value(value, set), default: None, requires: None, conflicts: None }
}

impl Opt {
    const fn default(self, default: fn(&Arguments) -> String) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn requires(self, other: &'static str) -> Self {
        Self { requires: Some(other), ..self }
    }

    const fn conflicts(self, other: &'static str) -> Self {
        Self { conflicts: Some(other), ..self }
    }
}

/// As `--help` and errors name it.
impl Display for Opt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.takes {
            Takes::Nothing(_) => write!(f, "--{}", self.name),
            Takes::Value(value, _) => write!(f, "--{} <{value}>", self.name),
        }
    }
}

/// As `--help` shows them, each group below its heading.
pub(super) const OPTIONS: &[(&str, &[Opt])] =
    &[("Options", GENERAL), ("Sessions", SESSIONS), ("Limits", LIMITS), ("Transport", TRANSPORT)];

const GENERAL: &[Opt] = &[
    value("listen", "ADDR:PORT", "Address and UDP port to serve on; port 0 takes a free one", |to, given| {
        set(&mut to.listen, parsed(given))
    })
    .default(|by| by.listen.to_string()),
    value(
        "cert",
        "FILE",
        "Certificate chain in PEM [default: a self-signed one, made now]. Read again on SIGHUP",
        |to, given| set(&mut to.cert, path(given)),
    )
    .requires("key"),
    value("key", "FILE", "Private key of the certificate in PEM", |to, given| set(&mut to.key, path(given)))
        .requires("cert"),
    value("root", "DIRECTORY", "Serve the files of this directory", |to, given| set(&mut to.config.root, path(given))),
    value(
        "gateway-fd",
        "NUMBER",
        "Let the host at the other end of this descriptor, a connected stream socket, handle the requests and sessions \
         that it asks for (docs/gateway.md), instead of the server's own examples",
        |to, given| set(&mut to.gateway_fd, number(given, 3..=i32::MAX as u64).map(Some)),
    ),
    value(
        "workers",
        "NUMBER",
        "Workers that serve the port together, each with a core of its own, 1 to 16: a client is served by one of them. \
         They have tickets, certificate, limits, counters and the room in common. Not with --gateway-fd",
        |to, given| set(&mut to.workers, number(given, 1..=MAX_WORKERS as u64)),
    )
    .default(|by| by.workers.to_string()),
    value(
        "cert-validity",
        "SECONDS",
        "How long a certificate that is made here is valid. Before it ends the next one is announced, and takes over",
        |to, given| set(&mut to.cert_validity, seconds(given, 4..=1_209_600)),
    )
    .default(|by| by.cert_validity.as_secs().to_string())
    .conflicts("cert"),
    flag("json", "Print JSON, one object a line, and nothing else to standard output", |to| to.json = true),
    value("stats-interval", "SECONDS", "Print the counters this often", |to, given| {
        set(&mut to.stats_interval, seconds(given, 1..=U32).map(Some))
    }),
    flag(
        "stop-on-stdin-close",
        "Stop when standard input ends. Until then its lines are commands: {\"connections\": 20} tells of the 20 \
         busiest connections, {\"close\": ID} closes one",
        |to| to.stop_on_stdin_close = true,
    ),
    value(
        "drain-timeout",
        "SECONDS",
        "When asked to stop, wait this long for what clients have asked for",
        |to, given| set(&mut to.config.drain_timeout, seconds(given, 0..=U32)),
    )
    .default(|by| by.config.drain_timeout.as_secs().to_string()),
    value("log", "LEVEL", "What to log to standard error: error, warn, info, debug or trace", |to, given| {
        set(&mut to.log, parsed(given))
    })
    .default(|_| "info".to_owned()),
];

const SESSIONS: &[Opt] = &[
    value(
        "ticket-lifetime",
        "SECONDS",
        "How long a session ticket is good for, up to 604800; 0: no tickets",
        |to, given| set(&mut to.config.ticket_lifetime, seconds(given, 0..=U32)),
    )
    .default(|by| by.config.ticket_lifetime.as_secs().to_string()),
    value(
        "ticket-keys",
        "FILE",
        "Keep the keys of tickets, stateless resets and address tokens in this file, which is made if it is not there, \
         so that they survive a restart",
        |to, given| set(&mut to.config.ticket_keys, path(given)),
    ),
    flag("no-early-data", "Take no early data (0-RTT)", |to| to.config.early_data = false),
    flag("echo-early-data", "Take early data for ALPN echo too: whoever records it can have it echoed again", |to| {
        to.config.echo_early_data = true
    })
    .conflicts("no-early-data"),
];

const LIMITS: &[Opt] = &[
    value("max-connections", "NUMBER", "Connections at once; more are refused", |to, given| {
        set(&mut to.config.max_connections, number(given, 0..=usize::MAX as u64))
    })
    .default(|by| by.config.max_connections.to_string()),
    value("max-handshakes", "NUMBER", "Handshakes in flight; more are refused", |to, given| {
        set(&mut to.config.max_handshakes, number(given, 0..=usize::MAX as u64))
    })
    .default(|by| by.config.max_handshakes.to_string()),
    value("handshake-timeout", "SECONDS", "Give up a handshake after this long", |to, given| {
        set(&mut to.config.handshake_timeout, seconds(given, 0..=U32))
    })
    .default(|by| by.config.handshake_timeout.as_secs().to_string()),
    value("max-streams", "NUMBER", "Streams of each direction that a client may have open at once", |to, given| {
        set(&mut to.config.max_streams, number(given, 0..=U32))
    })
    .default(|by| by.config.max_streams.to_string()),
    value(
        "connection-memory",
        "BYTES",
        "Data that a connection can make the server hold, at least 1048576",
        |to, given| set(&mut to.config.connection_memory, number(given, 0..=U32)),
    )
    .default(|by| by.config.connection_memory.to_string()),
    value(
        "request-timeout",
        "SECONDS",
        "Give up a request when its header section, or a KiB of its body, takes longer than this; 0: never",
        |to, given| set(&mut to.config.request_timeout, seconds(given, 0..=U32)),
    )
    .default(|by| by.config.request_timeout.as_secs().to_string()),
    value(
        "unused-timeout",
        "SECONDS",
        "Close a connection that its client keeps alive without a use for it for this long; 0: never",
        |to, given| set(&mut to.config.unused_timeout, seconds(given, 0..=U32)),
    )
    .default(|by| by.config.unused_timeout.as_secs().to_string()),
    value("max-body", "BYTES", "Largest request body", |to, given| {
        set(&mut to.config.max_body, number(given, 0..=u64::MAX))
    })
    .default(|by| by.config.max_body.to_string()),
];

const TRANSPORT: &[Opt] = &[
    value(
        "retry",
        "WHEN",
        "Make clients prove their address first, at the price of a round trip: always, under-load (while 32 \
         handshakes, or half of --max-handshakes, are in flight), or never",
        |to, given| set(&mut to.config.retry, one_of(RETRY, given)),
    )
    .default(|_| "under-load".to_owned()),
    value("congestion", "ALGORITHM", "Congestion control: cubic, bbr or newreno", |to, given| {
        set(&mut to.config.congestion, one_of(CONGESTION, given))
    })
    .default(|_| "cubic".to_owned()),
    value("idle-timeout", "SECONDS", "Close a connection without traffic after this long", |to, given| {
        set(&mut to.config.idle_timeout, seconds(given, 0..=U32))
    })
    .default(|by| by.config.idle_timeout.as_secs().to_string()),
    value(
        "keep-alive",
        "SECONDS",
        "Send something after this long without traffic, to keep connections alive [default: leave that to clients]",
        |to, given| set(&mut to.config.keep_alive, seconds(given, 1..=U32).map(Some)),
    ),
    value(
        "key-update-after",
        "BYTES",
        "Change a connection's keys when it has sent this much [default: when the cipher's limits ask for it]",
        |to, given| set(&mut to.config.key_update_after, number(given, 1..=u64::MAX).map(Some)),
    ),
    value(
        "max-datagram",
        "BYTES",
        "Largest datagram payload that path MTU discovery tries, 1200 to 65527 [default: 1452, on loopback 16384]",
        |to, given| set(&mut to.config.max_datagram, number(given, 1200..=65_527).map(Some)),
    ),
    value(
        "stripes",
        "NUMBER",
        "Browser sockets to spread the port over, 1 to 16: four, and more while sending needs them; on Node four at \
         most; without effect natively",
        |to, given| set(&mut to.stripes, number(given, 1..=16)),
    )
    .default(|by| by.stripes.to_string()),
    value(
        "qlog",
        "DIRECTORY",
        "Write a qlog file for each connection into this directory, which is made if it is not there",
        |to, given| set(&mut to.config.qlog, path(given)),
    ),
];

/// What only those give who start each worker as a program of its own.
const HIDDEN: &[Opt] = &[
    value("worker", "NUMBER", "", |to, given| set(&mut to.worker, number(given, 0..=MAX_WORKERS as u64).map(Some)))
        .requires("workers-fd"),
    value("workers-fd", "NUMBER", "", |to, given| {
        set(&mut to.workers_fd, number(given, 3..=i32::MAX as u64).map(Some))
    })
    .requires("worker"),
];

const RETRY: &[(&str, Retry)] = &[("always", Retry::Always), ("under-load", Retry::UnderLoad), ("never", Retry::Never)];

const CONGESTION: &[(&str, CongestionControl)] =
    &[("cubic", CongestionControl::Cubic), ("bbr", CongestionControl::Bbr), ("newreno", CongestionControl::NewReno)];

const U32: u64 = u32::MAX as u64;

pub(super) fn option(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().flat_map(|(_, options)| *options).chain(HIDDEN).find(|option| option.name == name)
}

fn set<T>(into: &mut T, value: Result<T, String>) -> Result<(), String> {
    *into = value?;
    Ok(())
}

fn parsed<T: FromStr<Err: Display>>(given: &OsStr) -> Result<T, String> {
    let text = given.to_str().ok_or("it is no UTF-8")?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Never an error: `set` takes what may fail.
fn path(given: &OsStr) -> Result<Option<PathBuf>, String> {
    Ok(Some(given.into()))
}

fn number<T: TryFrom<u64>>(given: &OsStr, allowed: RangeInclusive<u64>) -> Result<T, String> {
    let value = Some(parsed(given)?).filter(|value| allowed.contains(value));
    let fits = value.and_then(|value| T::try_from(value).ok());
    fits.ok_or_else(|| format!("{} is not in {}..={}", given.display(), allowed.start(), allowed.end()))
}

fn seconds(given: &OsStr, allowed: RangeInclusive<u64>) -> Result<Duration, String> {
    number(given, allowed).map(Duration::from_secs)
}

fn one_of<T: Copy>(known: &[(&str, T)], given: &OsStr) -> Result<T, String> {
    let found = known.iter().find(|(name, _)| given == *name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        format!("possible values: {}", names.join(", "))
    })
}
