//! `socket-iwa-bench`: what `cargo xtask bench` runs once everything is built. Results go to standard output, progress to
//! standard error.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use stress_test::bench::document;
use stress_test::bench::lab::{Lab, Paths};
use stress_test::bench::record::Record;
use stress_test::bench::report::Report;
use stress_test::bench::runtime::Runtime;
use stress_test::bench::workload::{self, Workload};
use stress_test::bench::{Error, Plan, Result, machine, run};

/// Rounds of a whole run, and the share of each measurement that a quick one makes, or one that only looks.
const ROUNDS: usize = 5;
const QUICK: f64 = 0.25;
const SMOKE: f64 = 0.04;

/// Measures sockets and the QUIC server natively, on Node and in Chromium, beside what limits them
///
/// Each figure is a median with half the distance of its worst and best round. "bare" is the same work in JavaScript
/// straight on Direct Sockets, in the same browser or Node: the platform's limit. "quinn" is quinn's own server on tokio. A
/// ratio above 1 is in favour of this project.
#[derive(Parser)]
#[command(name = "socket-iwa-bench", max_term_width = 100)]
struct Options {
    /// One short round: shows that everything works, measures little
    #[arg(long)]
    quick: bool,
    /// One very short round of a few workloads of each kind
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Measure only workloads whose name begins so (may be repeated)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measure only on this runtime: native, node, chromium; each with what it is held against (may be repeated)
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
    /// Add the figures to those of this JSON file, which is made if it is not there: a long run can be made in pieces
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Write the figures, those of --into among them, into docs/benchmarks.md, with charts
    #[arg(long, conflicts_with = "profile")]
    document: bool,
    /// Write CPU profiles of one longer round to this directory instead of measuring
    #[arg(long, value_name = "DIRECTORY")]
    profile: Option<PathBuf>,
    /// Name the workloads and end
    #[arg(long)]
    list: bool,
    /// The repository's root
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    repository: PathBuf,
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
    let workloads = chosen(&options.only, options.smoke)?;
    if options.list {
        for Workload { name, about, figures, .. } in &workloads {
            let mut units: Vec<_> = figures.iter().map(|figure| figure.unit.name()).collect();
            units.dedup();
            println!("{name:<22} {:<24} {about}", units.join(", "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let earlier = options.against.as_deref().map(Record::read).transpose()?;
    let so_far = options.into.as_deref().filter(|file| file.exists()).map(Record::read).transpose()?;
    let runtimes = runtimes(&options.runtime)?;
    let absolute = |path: &PathBuf| std::path::absolute(path);
    let paths = Paths {
        repository: absolute(&options.repository)?,
        node: absolute(&options.node)?,
        chromium: options.chromium.clone(),
    };
    let mut machine = machine::describe();
    if runtimes.contains(&Runtime::Node) {
        machine["node"] = paths.node_version()?.into();
    }
    let mut lab = Lab::new(paths);
    if runtimes.contains(&Runtime::Chromium) {
        eprintln!("starting Chromium ...");
        machine["chromium"] = lab.chromium_version()?.into();
    }
    eprintln!("{machine}");
    if let Some(directory) = &options.profile {
        fs::create_dir_all(directory).map_err(|error| Error(format!("{}: {error}", directory.display())))?;
    }
    let briefly = options.quick || options.smoke || options.profile.is_some();
    let plan = Plan {
        workloads,
        runtimes,
        rounds: options.rounds.map_or(if briefly { 1 } else { ROUNDS }, usize::from),
        scale: match (options.smoke, options.quick) {
            (true, _) => SMOKE,
            (_, true) => QUICK,
            _ => 1.0,
        },
        profiles: options.profile.as_ref().map(absolute).transpose()?,
    };
    let report = run(&plan, &mut lab, &|line| eprintln!("{line}"));
    drop(lab);
    finish(options, Record { machine, report }, so_far, earlier.map(|record| record.report).as_ref())
}

fn finish(options: &Options, measured: Record, so_far: Option<Record>, earlier: Option<&Report>) -> Result<ExitCode> {
    let all = match so_far {
        Some(mut all) => {
            let order: Vec<_> = workload::all().iter().flat_map(|one| one.rows().collect::<Vec<_>>()).collect();
            all.add(measured, &order);
            all
        }
        None => measured,
    };
    if let Some(file) = &options.into {
        let written = fs::write(file, format!("{}\n", all.to_json()));
        written.map_err(|error| Error(format!("{}: {error}", file.display())))?;
    }
    if options.document {
        document::write(&all, &options.repository)?;
    }
    let table = all.report.table(earlier);
    if options.json {
        eprintln!("{table}");
        println!("{}", all.to_json());
    } else {
        println!("{table}");
    }
    for failure in &all.report.failures {
        eprintln!("failed: {failure}");
    }
    Ok(if all.report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(only: &[String], smoke: bool) -> Result<Vec<Workload>> {
    let all = workload::all();
    if let Some(unknown) = only.iter().find(|name| !all.iter().any(|one| one.name.starts_with(*name))) {
        return Err(Error(format!("--only {unknown}: no workload begins so (--list names them)")));
    }
    let is_named = |one: &Workload| only.is_empty() || only.iter().any(|name| one.name.starts_with(name));
    Ok(all.into_iter().filter(|one| is_named(one) && (one.is_sample || !smoke)).collect())
}

fn runtimes(names: &[String]) -> Result<Vec<Runtime>> {
    const PROGRAMS: [Runtime; 3] = [Runtime::Native, Runtime::Node, Runtime::Chromium];
    if let Some(unknown) = names.iter().find(|name| !PROGRAMS.iter().any(|one| one.name() == *name)) {
        return Err(Error(format!("--runtime {unknown}: it is one of native, node, chromium")));
    }
    let programs = PROGRAMS.into_iter().filter(|one| names.is_empty() || names.iter().any(|name| name == one.name()));
    Ok(programs.flat_map(|one| [Some(one), one.limit()]).flatten().collect())
}
