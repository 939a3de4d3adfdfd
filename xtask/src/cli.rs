//! The command line: names, options and their help. No behaviour.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::build::Artifact;
use crate::runtime::Runtime;
use crate::suites::Suite;
use crate::toolchain::Toolchain;

const ENVIRONMENT: &str = "\
Environment:
  CHROMIUM            the browser (default: chromium, google-chrome, ... from PATH)
  SOCKET_IWA_NODE     the Node with JSPI (default: node_modules/.bin/node)
  SOCKET_IWA_ENGINE   docker, podman or buildah (default: the first one that works)
  SOCKET_IWA_CACHE    the container's caches (default: ~/.cache/socket-iwa)
  SOCKET_IWA_BASE     pull or mmdebstrap: where the image's base comes from
  SOCKET_IWA_BUNDLE_CHROMIUM  the browser that installs signed bundles (default: the one above if it can, else Debian's 150)
  SOCKET_IWA_SIGNING_KEY      the key of the app's bundle (default: ~/.config/socket-iwa/signing-key.pem)

Exit codes: 0 done; 1 something ran and failed; 2 it could not be tried (usage, a missing tool, a port or a file).";

/// Builds, runs, shows and tests Socket.IWA
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = ENVIRONMENT, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the server on each runtime, check it with the native client, and show one table
    #[command(after_help = "\
Examples:
  cargo xtask demo
  cargo xtask demo --runtime chromium --screenshot app.png
  cargo xtask demo --json 2>/dev/null | tail -n 1

The first run installs and builds what is missing and says so; later ones reuse everything.
Exit code 1 when a runtime failed or its answers differ, whatever the other runtimes did.")]
    Demo(Demo),
    /// Run the server on one runtime until it is told to stop
    #[command(after_help = "\
Examples:
  cargo xtask serve --runtime chromium --port 4433
  cargo xtask serve --runtime native --json -- --stats-interval 1
  cargo xtask serve --runtime node --address ::1 --cert cert.pem --key key.pem

One line on standard output says that it is ready; logs go to standard error. With --json that line is
  {\"ready\":true,\"runtime\":\"native\",\"address\":\"127.0.0.1\",\"port\":4433,\"cert_sha256\":\"...\",\"cert_pem\":\"...\"}
It stops cleanly on SIGINT and SIGTERM, and when its standard input, if that is a pipe or a file, ends.")]
    Serve(Serve),
    /// Compile a C or C++ program whose sockets are Direct Sockets
    #[command(after_help = "\
Examples:
  cargo xtask emcc -- echo.c -o echo.js
  cargo xtask node -- echo.js
  cargo run --manifest-path PATH/TO/socket-iwa/Cargo.toml -p xtask -- emcc -- echo.c -o echo.js

It is the toolchain's emcc in the current directory, and when it links, with what emscripten-lib/bin/emcc adds: -sJSPI (with
-pthread -sPROXY_TO_PTHREAD), -sEXIT_RUNTIME, -sALLOW_MEMORY_GROWTH, -sSTACK_SIZE=1MB, --js-library .../libdirectsockets.js
and .../libc.c. Files in the directories that the arguments name are visible to it too.")]
    Emcc(Emscripten),
    /// Configure a C or C++ package whose programs' sockets are to be Direct Sockets
    #[command(after_help = "\
Examples, in the package's directory:
  cargo run --manifest-path PATH/TO/socket-iwa/Cargo.toml -p xtask -- emconfigure -- ./configure --disable-shared
  cargo run --manifest-path PATH/TO/socket-iwa/Cargo.toml -p xtask -- emmake -- make -j4
  npx iwa-run PROGRAM

It is the toolchain's emconfigure, with CC and CXX set to emscripten-lib/bin/emcc and em++. For a program with threads:
./configure CFLAGS='-O2 -pthread'. Directories that the arguments name, and those of $SOCKET_IWA_MOUNT, are visible to it.")]
    Emconfigure(Emscripten),
    /// Build a C or C++ package, by make, that was configured so, or that takes CC from the environment
    #[command(after_help = "Examples:\n  cargo xtask emmake -- make -j4\n  cargo xtask emmake -- make CC=emcc")]
    Emmake(Emscripten),
    /// Configure a C or C++ package, by CMake, whose programs' sockets are to be Direct Sockets
    #[command(after_help = "\
Examples:
  cargo xtask emcmake -- cmake -B build -DCMAKE_BUILD_TYPE=Release
  cargo xtask emmake -- cmake --build build")]
    Emcmake(Emscripten),
    /// Build a Rust program whose sockets are Direct Sockets
    #[command(after_help = "\
Examples, in the directory of a crate that depends on socket-iwa:
  cargo run --manifest-path PATH/TO/socket-iwa/Cargo.toml -p xtask -- cargo -- build --release
  cargo run --manifest-path PATH/TO/socket-iwa/Cargo.toml -p xtask -- node -- \\
    target/wasm32-unknown-emscripten/release/NAME.js

It is the toolchain's cargo with --target wasm32-unknown-emscripten and the settings of .cargo/wasm.toml, with --threads
those of .cargo/wasm-threads.toml as well. A build with threads has a standard library of its own.")]
    Cargo(Cargo),
    /// Run a program with the Node that has JSPI
    #[command(after_help = "Example:\n  cargo xtask node -- echo.js 127.0.0.1 4433")]
    Node(NodeArgs),
    /// Build the native server and client, the WebAssembly server and the app
    #[command(after_help = "\
Examples:
  cargo xtask build
  cargo xtask build --only wasm
  cargo xtask build --only bundle         # the app signed, with a key in ~/.config/socket-iwa that the first one makes
  cargo xtask build --only npm            # the npm packages socket-iwa, iwa-pack and iwa-run, in target/npm
  cargo xtask build --toolchain local     # your own emsdk and rustup, checked against docker/versions.env")]
    Build(Build),
    /// Run the tests
    #[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test --suite rust --suite js
  cargo xtask test --suite interop     # every cell of the matrix; writes docs/interop.md
  cargo xtask test --list

Without --suite all run, interop in a short form. What later suites need is built while earlier ones run.
The last line is `N passed, N failed`. A suite that can't run here fails and says why.")]
    Test(Test),
    /// Measure sockets and the QUIC server natively, on Node and in Chromium, beside what limits them
    #[command(after_help = "\
Examples:
  cargo xtask bench
  cargo xtask bench --quick --only tcp --only quic-download
  cargo xtask bench --json > before.json
  cargo xtask bench --against before.json
  cargo xtask bench --only quic --rounds 3 --into all.json     # a long run in pieces
  cargo xtask bench --only wasm-size --into all.json --document
  cargo xtask bench --profile --only quic-download --runtime chromium

docs/benchmarks.md says what is measured, and what came out on one machine. With --profile the profiles lie in
target/bench/profiles; Chromium's developer tools open them, `node stress-test/profile.mjs FILE` lists the costliest functions.
Exit code 1 when a measurement failed.")]
    Bench(Bench),
    /// Remove what was built
    #[command(after_help = "\
Examples:
  cargo xtask clean          # what these commands made in target/, but for the native builds
  cargo xtask clean --all    # and target/release, the browser for bundles, the toolchain's image and caches")]
    Clean(Clean),
}

#[derive(Args)]
pub(crate) struct Install {
    /// Install nothing: say what is missing and end with exit code 2
    #[arg(long)]
    pub(crate) no_install: bool,
}

#[derive(Args)]
pub(crate) struct Demo {
    /// all, native, node or chromium
    #[arg(long, default_value = "all", value_parser = parse_runtimes)]
    pub(crate) runtime: Runtimes,
    /// Print one JSON object on standard output, everything else on standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the picture of the app's page goes [default: target/demo/app.png in the repository]
    #[arg(long, value_name = "FILE")]
    pub(crate) screenshot: Option<PathBuf>,
    /// What compiles the WebAssembly server
    #[arg(long, value_enum, default_value_t = Toolchain::Container)]
    pub(crate) toolchain: Toolchain,
    #[command(flatten)]
    pub(crate) install: Install,
}

/// The value of `--runtime` where `all` is one.
#[derive(Clone)]
pub(crate) struct Runtimes(pub(crate) Vec<Runtime>);

fn parse_runtimes(text: &str) -> Result<Runtimes, String> {
    if text == "all" {
        return Ok(Runtimes(Runtime::ALL.to_vec()));
    }
    let one = Runtime::ALL.into_iter().find(|runtime| runtime.name() == text);
    one.map(|runtime| Runtimes(vec![runtime])).ok_or_else(|| "it is one of all, native, node, chromium".into())
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Where the server runs
    #[arg(long, value_enum)]
    pub(crate) runtime: Runtime,
    /// UDP port; 0 takes a free one
    #[arg(long, default_value_t = 4433)]
    pub(crate) port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) address: std::net::IpAddr,
    /// Certificate chain, PEM [default: a self-signed one, made at start]
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Print the ready line as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// The app in a signed bundle, in the place of target/iwa (chromium only)
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Picture of the app's page, taken when it stops (chromium only)
    #[arg(long, value_name = "FILE")]
    pub(crate) screenshot: Option<PathBuf>,
    /// What compiles the WebAssembly server
    #[arg(long, value_enum, default_value_t = Toolchain::Container)]
    pub(crate) toolchain: Toolchain,
    #[command(flatten)]
    pub(crate) install: Install,
    /// Build nothing: run what is there
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Further arguments for the server
    #[arg(last = true, value_name = "SERVER_ARGS")]
    pub(crate) server: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct Emscripten {
    /// Which Emscripten
    #[arg(long, value_enum, default_value_t = Toolchain::Container)]
    pub(crate) toolchain: Toolchain,
    #[command(flatten)]
    pub(crate) install: Install,
    /// The tool's arguments
    #[arg(last = true, required = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct Cargo {
    /// Which cargo, rustc and emcc
    #[arg(long, value_enum, default_value_t = Toolchain::Container)]
    pub(crate) toolchain: Toolchain,
    /// For a program that starts threads: a call that waits then blocks its thread alone, and JSPI is not needed
    #[arg(long)]
    pub(crate) threads: bool,
    #[command(flatten)]
    pub(crate) install: Install,
    /// cargo's arguments, its command first
    #[arg(last = true, required = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct NodeArgs {
    #[command(flatten)]
    pub(crate) install: Install,
    /// node's arguments
    #[arg(last = true, required = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct Build {
    /// Build this alone (may be repeated)
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Artifact>,
    /// What compiles the WebAssembly server
    #[arg(long, value_enum, default_value_t = Toolchain::Container)]
    pub(crate) toolchain: Toolchain,
    /// Print one JSON object on standard output, everything else on standard error
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) install: Install,
}

#[derive(Args)]
pub(crate) struct Test {
    /// Run this suite alone (may be repeated)
    #[arg(long, value_enum)]
    pub(crate) suite: Vec<Suite>,
    /// Name the suites and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// Print one JSON object on standard output, everything else on standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// What compiles WebAssembly
    #[arg(long, value_enum, default_value_t = Toolchain::Container)]
    pub(crate) toolchain: Toolchain,
    #[command(flatten)]
    pub(crate) install: Install,
}

#[derive(Args)]
pub(crate) struct Bench {
    /// One short round: shows that everything works, measures little
    #[arg(long)]
    quick: bool,
    /// One very short round of a few workloads of each kind: what the suite `bench` runs
    #[arg(long)]
    smoke: bool,
    /// Measure only workloads whose name begins so (may be repeated)
    #[arg(long, value_name = "NAME")]
    only: Vec<OsString>,
    /// Measure only there: native, node, chromium (may be repeated)
    #[arg(long, value_name = "NAME")]
    runtime: Vec<OsString>,
    /// Rounds [default: 5]
    #[arg(long, value_name = "N")]
    rounds: Option<u16>,
    /// Print JSON on standard output, the table on standard error
    #[arg(long)]
    json: bool,
    /// Show the change against the JSON of an earlier run
    #[arg(long, value_name = "FILE")]
    against: Option<OsString>,
    /// Add the figures to those of this JSON file: a long run can be made in pieces
    #[arg(long, value_name = "FILE")]
    into: Option<OsString>,
    /// Write the figures, those of --into among them, into docs/benchmarks.md, with charts
    #[arg(long, conflicts_with = "profile")]
    document: bool,
    /// Write CPU profiles of one longer round instead of measuring
    #[arg(long)]
    pub(crate) profile: bool,
    /// Name the workloads and end
    #[arg(long)]
    pub(crate) list: bool,
    /// What compiles the WebAssembly programs
    #[arg(long, value_enum, default_value_t = Toolchain::Container)]
    pub(crate) toolchain: Toolchain,
    #[command(flatten)]
    pub(crate) install: Install,
}

impl Bench {
    /// The benchmark's own options, as it takes them.
    pub(crate) fn options(&self) -> Vec<OsString> {
        let flags = [("--quick", self.quick), ("--smoke", self.smoke), ("--json", self.json), ("--list", self.list)];
        let mut options: Vec<OsString> = flags.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.into()).collect();
        let lists = [("--only", &self.only), ("--runtime", &self.runtime)];
        let values = lists.into_iter().flat_map(|(name, list)| list.iter().map(move |value| (name, value.clone())));
        let rounds = self.rounds.map(|rounds| ("--rounds", OsString::from(rounds.to_string())));
        let against = self.against.clone().map(|file| ("--against", file));
        let into = self.into.clone().map(|file| ("--into", file));
        for (name, value) in values.chain(rounds).chain(against).chain(into) {
            options.extend([name.into(), value]);
        }
        options
    }
}

#[derive(Args)]
pub(crate) struct Clean {
    /// The toolchain's image and caches and the native release build too
    #[arg(long)]
    pub(crate) all: bool,
}
