//! The server's command line: its options, and the configuration they make.
//!
//! lexopt takes the arguments apart; `OPTIONS` says what there is, for the reading and for `--help` alike. clap, which
//! does more of it by itself, was a tenth of what a browser loads (docs/performance.md).

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::Arg;
use socket_iwa::platform;
use socket_iwa_server::{Config, CongestionControl, GENERATED_VALIDITY, MAX_WORKERS, Retry};
use tracing::Level;

const ABOUT: &str = "QUIC server: HTTP/3 (ALPN h3) and echo (ALPN echo).

Prints one line when it serves, stops on SIGINT and SIGTERM, and exits with 0 after a clean stop, with 2 when it can't
start.

Usage: socket-iwa-server [OPTIONS]

  -h, --help
          Print help
  -V, --version
          Print version
";

const VERSION: &str = concat!("socket-iwa-server ", env!("CARGO_PKG_VERSION"), "\n");

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) listen: SocketAddr,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) gateway_fd: Option<i32>,
    pub(crate) workers: u8,
    /// Which of the workers this instance of the program is, where they are no threads of one.
    pub(crate) worker: Option<usize>,
    /// The first of this instance's descriptors to the other workers, in the order of their numbers.
    pub(crate) workers_fd: Option<i32>,
    pub(crate) cert_validity: Duration,
    pub(crate) json: bool,
    pub(crate) stats_interval: Option<Duration>,
    pub(crate) stop_on_stdin_close: bool,
    pub(crate) log: Level,
    pub(crate) stripes: u32,
    pub(crate) config: Config,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4433)),
            cert: None,
            key: None,
            gateway_fd: None,
            workers: 1,
            worker: None,
            workers_fd: None,
            cert_validity: GENERATED_VALIDITY,
            json: false,
            stats_interval: None,
            stop_on_stdin_close: false,
            log: Level::INFO,
            stripes: platform::DEFAULTS.stripes,
            config: Config::default(),
        }
    }
}

/// What a command line is for.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// To serve.
    Serve(Box<Arguments>),
    /// To print this and end.
    Say(String),
}

/// One option.
struct Opt {
    name: &'static str,
    help: &'static str,
    takes: Takes,
    /// What it is set to when it is not given, if that is worth saying.
    default: Option<fn(&Arguments) -> String>,
    /// An option without which it makes no sense.
    requires: Option<&'static str>,
    /// An option that contradicts it.
    conflicts: Option<&'static str>,
}

/// What an option does with what follows it.
enum Takes {
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
const OPTIONS: &[(&str, &[Opt])] =
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
        "Browser sockets to spread the port over, 1 to 16: four, and more while sending needs them; without effect \
         elsewhere",
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

/// Reads the program's arguments.
///
/// # Errors
///
/// One line that names what is wrong.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut arguments = Box::<Arguments>::default();
    let mut given: Vec<&Opt> = Vec::new();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let option = match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Invocation::Say(help())),
            Arg::Short('V') | Arg::Long("version") => return Ok(Invocation::Say(VERSION.to_owned())),
            Arg::Long(name) => option(name).ok_or_else(|| format!("unexpected argument '--{name}' found"))?,
            Arg::Short(name) => return Err(format!("unexpected argument '-{name}' found")),
            Arg::Value(value) => return Err(format!("unexpected argument '{}' found", value.display())),
        };
        if given.iter().any(|other| other.name == option.name) {
            return Err(format!("the argument '{option}' cannot be used multiple times"));
        }
        given.push(option);
        match option.takes {
            Takes::Nothing(set) => set(&mut arguments),
            Takes::Value(_, set) => {
                // Unlike value() it takes no option for one.
                let following = parser.values().ok().and_then(|mut values| values.next());
                let value =
                    following.ok_or_else(|| format!("a value is required for '{option}' but none was supplied"))?;
                set(&mut arguments, &value)
                    .map_err(|wrong| format!("invalid value '{}' for '{option}': {wrong}", value.display()))?;
            }
        }
    }
    for option in &given {
        let named = |name: &str| given.iter().find(|other| other.name == name);
        if let Some(name) = option.requires.filter(|name| named(name).is_none()) {
            return Err(format!("the argument '{option}' needs '--{name}' beside it"));
        }
        if let Some(other) = option.conflicts.and_then(named) {
            return Err(format!("the argument '{option}' cannot be used with '{other}'"));
        }
    }
    Ok(Invocation::Serve(arguments))
}

fn option(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().flat_map(|(_, options)| *options).chain(HIDDEN).find(|option| option.name == name)
}

fn help() -> String {
    let defaults = Arguments::default();
    let mut text = ABOUT.to_owned();
    for (heading, options) in OPTIONS {
        text += &format!("\n{heading}:\n");
        for option in *options {
            text += &format!("      {option}\n          {}", option.help);
            if let Some(default) = option.default {
                text += &format!(" [default: {}]", default(&defaults));
            }
            text.push('\n');
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Invocation, String> {
        super::read(line.split_whitespace().map(OsString::from))
    }

    fn arguments(line: &str) -> Arguments {
        match read(line) {
            Ok(Invocation::Serve(arguments)) => *arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_is_given_is_set_and_the_rest_is_as_the_help_says() {
        let given =
            arguments("--listen [::1]:5 --retry=always --max-datagram 1300 --keep-alive 7 --no-early-data --json");
        assert_eq!(given.listen.to_string(), "[::1]:5");
        assert_eq!(given.config.retry, Retry::Always);
        assert_eq!(given.config.max_datagram, Some(1300));
        assert_eq!(given.config.keep_alive, Some(Duration::from_secs(7)));
        assert!(given.json && !given.config.early_data);
        assert_eq!(given.config.max_connections, Config::default().max_connections);
        let Ok(Invocation::Say(help)) = read("--max-connections 7 --help") else { panic!("no help") };
        let default = format!("[default: {}]", Config::default().max_connections);
        assert!(help.contains(&format!(
            "--max-connections <NUMBER>\n          Connections at once; more are refused {default}"
        )));
    }

    #[test]
    fn defaults_that_are_written_out_are_the_defaults() {
        let defaults = Arguments::default();
        for (_, options) in OPTIONS {
            for option in *options {
                let (Some(default), Takes::Value(_, set)) = (option.default, &option.takes) else { continue };
                let mut arguments = Arguments::default();
                set(&mut arguments, default(&defaults).as_ref()).unwrap();
                assert_eq!(format!("{arguments:?}"), format!("{defaults:?}"), "{option}");
            }
        }
    }

    #[test]
    fn an_option_has_one_name_and_those_it_speaks_of_are_there() {
        let mut names = std::collections::HashSet::new();
        for (_, options) in OPTIONS {
            for one in *options {
                assert!(names.insert(one.name), "{one} is there twice");
                for other in one.requires.iter().chain(&one.conflicts) {
                    assert!(option(other).is_some(), "{one} speaks of {other}");
                }
            }
        }
    }

    #[test]
    fn a_file_name_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt;
        let name = OsString::from_vec(vec![b'/', 0xff]);
        let Ok(Invocation::Serve(given)) = super::read(["--root".into(), name.clone()]) else { panic!("refused") };
        assert_eq!(given.config.root, Some(name.into()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("--wrong", "unexpected argument '--wrong' found"),
            ("-x", "unexpected argument '-x' found"),
            ("surplus", "unexpected argument 'surplus' found"),
            ("--listen", "a value is required for '--listen <ADDR:PORT>' but none was supplied"),
            ("--root --json", "a value is required for '--root <DIRECTORY>' but none was supplied"),
            ("--json=1", "unexpected argument for option '--json': \"1\""),
            ("--json --json", "the argument '--json' cannot be used multiple times"),
            ("--listen here", "invalid value 'here' for '--listen <ADDR:PORT>': invalid socket address syntax"),
            ("--retry maybe", "invalid value 'maybe' for '--retry <WHEN>': possible values: always, under-load, never"),
            ("--stripes 17", "invalid value '17' for '--stripes <NUMBER>': 17 is not in 1..=16"),
            ("--max-streams 4294967296", "4294967296 is not in 0..=4294967295"),
            ("--cert a", "the argument '--cert <FILE>' needs '--key' beside it"),
            ("--no-early-data --echo-early-data", "'--echo-early-data' cannot be used with '--no-early-data'"),
            ("--cert a --key b --cert-validity 9", "'--cert-validity <SECONDS>' cannot be used with '--cert <FILE>'"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
