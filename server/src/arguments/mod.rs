//! The server's command line: its options, and the configuration they make.
//!
//! lexopt takes the arguments apart; [`OPTIONS`] says what there is, for the reading and for `--help` alike. clap, which
//! does more of it by itself, was a tenth of what a browser loads (docs/size.md).

mod options;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg;
use socket_iwa::platform;
use socket_iwa_server::{Config, GENERATED_VALIDITY};
use tracing::Level;

use options::{OPTIONS, Opt, Takes, option};

const ABOUT: &str = "QUIC server: HTTP/3, WebTransport, WebSocket (ALPN h3), HTTP/0.9 (hq-interop) and echo (echo).

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
#[cfg(test)]
mod tests {
    use socket_iwa_server::Retry;

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
