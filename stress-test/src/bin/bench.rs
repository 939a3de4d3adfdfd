//! `socket-iwa-bench`: what `cargo xtask bench` runs once everything is built. Results go to standard output, progress to
//! standard error.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;
use stress_test::bench::report::Report;
use stress_test::bench::subject::{Launchers, Paths, Runtime};
use stress_test::bench::workload::{self, Workload};
use stress_test::bench::{Error, Plan, Result, machine, run};

/// Rounds of a whole run, and the share of each measurement that a quick one makes.
const ROUNDS: usize = 5;
const QUICK: f64 = 0.25;
/// A profile looks at the middle of a measurement that is this many times as long.
const PROFILED: f64 = 8.0;

/// Measures the sockets of one program natively, on Node and in Chromium, beside hand-written JavaScript
///
/// Each figure is a median with half the distance of its worst and best round. "bare" is the same work in JavaScript
/// straight on Direct Sockets, in the same browser or Node: the platform's limit. A ratio above 1 is in favour of the
/// program.
#[derive(Parser)]
#[command(name = "socket-iwa-bench", max_term_width = 100)]
struct Options {
    /// One short round: shows that everything works, measures little
    #[arg(long)]
    quick: bool,
    /// Measure only workloads whose name begins so (may be repeated)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measure only on this runtime: native, node, chromium; the latter two with their bare loops (may be repeated)
    #[arg(long, value_name = "NAME")]
    runtime: Vec<String>,
    /// Rounds [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Print JSON on standard output, the table on standard error
    #[arg(long)]
    json: bool,
    /// Show the change against the JSON of an earlier run
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Write CPU profiles of one longer round to this directory instead of measuring
    #[arg(long, value_name = "DIRECTORY")]
    profile: Option<PathBuf>,
    /// Name the workloads and end
    #[arg(long)]
    list: bool,
    /// The repository's root
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    repository: PathBuf,
    /// The native program; the WebAssembly one lies beside it, with .js
    #[arg(long, value_name = "FILE", default_value = "target/bench/subject")]
    program: PathBuf,
    /// The Node with JSPI
    #[arg(long, value_name = "FILE", default_value = "node_modules/.bin/node")]
    node: PathBuf,
    /// The browser [default: the launcher's]
    #[arg(long, value_name = "FILE")]
    chromium: Option<PathBuf>,
}

fn main() -> ExitCode {
    match command(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn command(options: &Options) -> Result<ExitCode> {
    let workloads = chosen(&options.only)?;
    if options.list {
        for Workload { name, about, unit, .. } in &workloads {
            println!("{name:<18} {:<14} {about}", unit.name());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let earlier = options.against.as_ref().map(read_report).transpose()?;
    let runtimes = runtimes(&options.runtime)?;
    let absolute = |path: &PathBuf| std::path::absolute(path);
    let mut launchers = Launchers::new(Paths {
        repository: absolute(&options.repository)?,
        program: absolute(&options.program)?,
        node: absolute(&options.node)?,
        chromium: options.chromium.clone(),
    });
    let mut about = machine::describe();
    if runtimes.contains(&Runtime::Node) {
        about["node"] = launchers.node_version()?.into();
    }
    if runtimes.contains(&Runtime::Chromium) {
        eprintln!("starting Chromium ...");
        about["chromium"] = launchers.chromium_version()?.into();
    }
    eprintln!("{about}");
    if let Some(directory) = &options.profile {
        fs::create_dir_all(directory).map_err(|error| Error(format!("{}: {error}", directory.display())))?;
    }
    let plan = Plan {
        workloads,
        runtimes,
        rounds: match (options.rounds, options.quick || options.profile.is_some()) {
            (Some(rounds), _) => rounds.into(),
            (None, true) => 1,
            (None, false) => ROUNDS,
        },
        scale: if options.profile.is_some() {
            PROFILED
        } else if options.quick {
            QUICK
        } else {
            1.0
        },
        profiles: options.profile.as_ref().map(absolute).transpose()?,
    };
    let report = run(&plan, &mut launchers, &|line| eprintln!("{line}"))?;
    drop(launchers);
    show(&report, &about, earlier.as_ref(), options.json)?;
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(report: &Report, about: &Value, earlier: Option<&Value>, json: bool) -> Result<()> {
    let table = report.table(earlier);
    if json {
        eprintln!("{table}");
        println!("{}", report.to_json(about));
    } else {
        println!("{table}");
    }
    for failure in &report.failures {
        eprintln!("failed: {failure}");
    }
    Ok(())
}

fn chosen(only: &[String]) -> Result<Vec<Workload>> {
    let all = workload::all();
    if let Some(unknown) = only.iter().find(|name| !all.iter().any(|one| one.name.starts_with(*name))) {
        return Err(Error(format!("--only {unknown}: no workload begins so (--list names them)")));
    }
    let is_chosen = |one: &Workload| only.is_empty() || only.iter().any(|name| one.name.starts_with(name));
    Ok(all.into_iter().filter(is_chosen).collect())
}

fn runtimes(names: &[String]) -> Result<Vec<Runtime>> {
    const PROGRAMS: [Runtime; 3] = [Runtime::Native, Runtime::Node, Runtime::Chromium];
    if let Some(unknown) = names.iter().find(|name| !PROGRAMS.iter().any(|one| one.name() == *name)) {
        return Err(Error(format!("--runtime {unknown}: it is one of native, node, chromium")));
    }
    let programs = PROGRAMS.into_iter().filter(|one| names.is_empty() || names.iter().any(|name| name == one.name()));
    Ok(programs.flat_map(|one| [Some(one), one.bare()]).flatten().collect())
}

fn read_report(file: &PathBuf) -> Result<Value> {
    let text = fs::read_to_string(file).map_err(|error| Error(format!("--against {}: {error}", file.display())))?;
    let report: Value =
        serde_json::from_str(&text).map_err(|error| Error(format!("--against {}: {error}", file.display())))?;
    if !report["workloads"].is_array() {
        return Err(Error(format!("--against {}: it is no report of this benchmark", file.display())));
    }
    Ok(report)
}
