//! The other end of the TCP workloads: blocking sockets, which keep the time. Every wait has a limit.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::stream::{PIECE, Stream};
use crate::bench::report::median;
use crate::bench::subject::Running;
use crate::bench::{Result, fail};

/// Clients that connect at once.
pub(super) const CLIENTS: usize = 8;
/// Of round trips, so many are made before those that count.
const WARM_UP: usize = 200;
/// Nothing moves for so long: it has failed.
const LIMIT: Duration = Duration::from_secs(30);
const BUFFER: usize = 256 << 10;

fn connect(port: u16) -> Result<TcpStream> {
    let connection = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), LIMIT)?;
    limit(&connection)?;
    Ok(connection)
}

fn limit(connection: &TcpStream) -> Result<()> {
    connection.set_read_timeout(Some(LIMIT))?;
    connection.set_write_timeout(Some(LIMIT))?;
    connection.set_nodelay(true)?;
    Ok(())
}

fn accept(running: &Running) -> Result<TcpStream> {
    let connection = running.accept()?;
    limit(&connection)?;
    Ok(connection)
}

fn megabytes(bytes: u64, since: Instant) -> f64 {
    bytes as f64 / 1e6 / since.elapsed().as_secs_f64()
}

/// MB/s from the first byte to the last.
pub(super) fn take_upload(running: &mut Running, total: u64, check: bool) -> Result<f64> {
    let mut connection = accept(running).map_err(|error| running.explain(error))?;
    let stream = check.then(Stream::new);
    let mut buffer = vec![0; BUFFER];
    let (mut got, mut start) = (0, None);
    while got < total {
        let count = connection.read(&mut buffer)?;
        if count == 0 {
            return fail(format!("the upload ended after {got} bytes of {total}"))
                .map_err(|error| running.explain(error));
        }
        // The clock starts with the first bytes, which therefore do not count.
        let (_, first) = *start.get_or_insert((Instant::now(), count as u64));
        if stream.as_ref().is_some_and(|stream| stream.at(got, count) != &buffer[..count]) {
            return fail(format!("wrong bytes after {got} of {total}"));
        }
        got += count as u64;
        if got == total {
            let (begun, _) = start.unwrap_or((Instant::now(), 0));
            let rate = megabytes(total - first, begun);
            connection.write_all(&[0])?;
            running.finish()?;
            return Ok(rate);
        }
    }
    fail("nothing to upload")
}

/// MB/s from the first byte given to the answer that the last has arrived.
pub(super) fn give_download(running: &mut Running, total: u64) -> Result<f64> {
    let mut connection = accept(running).map_err(|error| running.explain(error))?;
    let stream = Stream::new();
    let start = Instant::now();
    let mut given = 0;
    while given < total {
        let piece = stream.at(given, (total - given).min(PIECE as u64) as usize);
        connection.write_all(piece)?;
        given += piece.len() as u64;
    }
    connection.read_exact(&mut [0]).map_err(|error| running.explain(error.into()))?;
    let rate = megabytes(total, start);
    drop(connection);
    running.finish()?;
    Ok(rate)
}

/// Connections a second that the program made and closed.
pub(super) fn take_connections(running: &mut Running, count: usize) -> Result<f64> {
    let mut start = None;
    for _ in 0..count {
        let mut connection = accept(running).map_err(|error| running.explain(error))?;
        start.get_or_insert_with(Instant::now);
        if connection.read(&mut [0]).map_err(|error| running.explain(error.into()))? != 0 {
            return fail("a byte came on a connection that was to be closed");
        }
    }
    let rate = count as f64 / start.map_or(0.0, |start| start.elapsed().as_secs_f64());
    running.finish()?;
    Ok(rate)
}

/// Connections a second that the program accepted and closed, for CLIENTS clients at once.
pub(super) fn make_connections(running: &mut Running, count: usize) -> Result<f64> {
    let port = running.port()?;
    running.value("listening")?;
    let start = Instant::now();
    let client = move || -> Result<()> {
        for _ in 0..count / CLIENTS {
            if connect(port)?.read(&mut [0])? != 0 {
                return fail("a byte came on a connection that was to be closed");
            }
        }
        Ok(())
    };
    let clients: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(client)).collect();
    for client in clients {
        client.join().unwrap_or_else(|_| fail("a client ended early")).map_err(|error| running.explain(error))?;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    running.finish()?;
    Ok(rate)
}

/// The median time in microseconds of `size` bytes there and back.
pub(super) fn round_trip(running: &mut Running, size: usize, count: usize) -> Result<f64> {
    let port = running.port()?;
    running.value("listening")?;
    let mut connection = connect(port)?;
    let (request, mut answer) = (vec![7; size], vec![0; size]);
    let mut times = Vec::with_capacity(count);
    for round in 0..WARM_UP + count {
        let start = Instant::now();
        connection.write_all(&request)?;
        connection.read_exact(&mut answer).map_err(|error| running.explain(error.into()))?;
        if round >= WARM_UP {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    drop(connection);
    running.finish()?;
    Ok(median(&mut times))
}
