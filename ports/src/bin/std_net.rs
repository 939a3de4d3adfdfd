//! Rust's std::net, and the pairs of std::os::unix::net, one line a case: `name: result`. The same program runs on Linux, on Node and in Chromium, and
//! docs/ports.md has the lines that differ. It needs no thread: a connection completes in the listener's backlog.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use socket_iwa as _;

/// Long enough for anything on loopback.
const LIMIT: Duration = Duration::from_secs(5);
/// Linux keeps time-outs in ticks of 1, 4 or 10 ms, of which this is a multiple.
const SHORT: Duration = Duration::from_millis(40);

type Case = fn() -> io::Result<String>;

fn main() {
    for (name, case) in CASES {
        println!("{name}: {}", case().unwrap_or_else(|error| format!("error {:?}", error.kind())));
    }
}

const CASES: &[(&str, Case)] = &[
    ("tcp_addresses_of_both_ends_agree", || {
        let (listener, client, server) = connection()?;
        let agree = client.peer_addr()? == listener.local_addr()? && server.peer_addr()? == client.local_addr()?;
        Ok(format!("{agree}, {}", server.local_addr()? == client.peer_addr()?))
    }),
    ("tcp_accept_gives_the_address_of_the_peer", || {
        let listener = listen()?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        Ok((listener.accept()?.1 == client.local_addr()?).to_string())
    }),
    ("tcp_ipv6", || {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0))?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        client.write_all(b"six")?;
        let mut bytes = [0; 3];
        listener.accept()?.0.read_exact(&mut bytes)?;
        Ok(text(&bytes))
    }),
    ("tcp_incoming", || {
        let listener = listen()?;
        let mut clients = Vec::new();
        for number in 0..3u8 {
            let mut client = TcpStream::connect(listener.local_addr()?)?;
            client.write_all(&[b'a' + number])?;
            clients.push(client);
        }
        let mut all = String::new();
        for stream in listener.incoming().take(3) {
            let mut byte = [0];
            stream?.read_exact(&mut byte)?;
            all += &text(&byte);
        }
        Ok(all)
    }),
    ("tcp_write_and_read_a_megabyte", || {
        let (_, mut client, mut server) = connection()?;
        let sent: Vec<u8> = (0..1 << 20).map(|i: u32| (i * 7 + i / 256) as u8).collect();
        let mut received = vec![0; sent.len()];
        for (from, into) in sent.chunks(1 << 14).zip(received.chunks_mut(1 << 14)) {
            client.write_all(from)?;
            server.read_exact(into)?;
        }
        Ok((sent == received).to_string())
    }),
    ("tcp_lines_both_ways", || {
        let (_, mut client, server) = connection()?;
        writeln!(client, "question")?;
        let mut line = String::new();
        let mut server = BufReader::new(server);
        server.read_line(&mut line)?;
        write!(server.get_mut(), "answer to {line}")?;
        line.clear();
        BufReader::new(client).read_line(&mut line)?;
        Ok(line.trim_end().into())
    }),
    ("tcp_vectored", || {
        let (_, mut client, mut server) = connection()?;
        let written = client.write_vectored(&[io::IoSlice::new(b"two"), io::IoSlice::new(b"parts")])?;
        let (mut one, mut two) = ([0; 4], [0; 4]);
        let read = server.read_vectored(&mut [io::IoSliceMut::new(&mut one), io::IoSliceMut::new(&mut two)])?;
        Ok(format!("{written} {read} {} {}", text(&one), text(&two)))
    }),
    ("tcp_peek_leaves_the_bytes", || {
        let (_, mut client, mut server) = connection()?;
        client.write_all(b"peek")?;
        let (mut first, mut second) = ([0; 2], [0; 4]);
        let peeked = server.peek(&mut first)?;
        server.read_exact(&mut second)?;
        Ok(format!("{peeked} {} {}", text(&first), text(&second)))
    }),
    ("tcp_drop_ends_the_stream", || {
        let (_, mut client, mut server) = connection()?;
        client.write_all(b"the end")?;
        drop(client);
        let mut all = String::new();
        server.read_to_string(&mut all)?;
        Ok(all)
    }),
    ("tcp_read_timeout", || {
        let (_, _client, mut server) = connection()?;
        server.set_read_timeout(Some(SHORT))?;
        let start = Instant::now();
        let kind = kind(server.read(&mut [0; 8]));
        Ok(format!("{:?} {kind} {}", server.read_timeout()?, start.elapsed() >= SHORT))
    }),
    ("tcp_timeouts_are_reported", || {
        let (_, client, _server) = connection()?;
        let before = (client.read_timeout()?, client.write_timeout()?);
        client.set_write_timeout(Some(SHORT))?;
        let set = client.write_timeout()?;
        client.set_write_timeout(None)?;
        Ok(format!("{before:?} {set:?} {:?}", client.write_timeout()?))
    }),
    ("tcp_timeout_of_zero", || {
        let (_, client, _server) = connection()?;
        Ok(kind(client.set_read_timeout(Some(Duration::ZERO))))
    }),
    ("tcp_write_timeout", || {
        let (_, mut client, _server) = connection()?;
        client.set_write_timeout(Some(SHORT))?;
        let chunk = [0; 1 << 16];
        for _ in 0..10_000 {
            if let Err(error) = client.write(&chunk) {
                return Ok(format!("{:?}", error.kind()));
            }
        }
        Ok("never".into())
    }),
    ("tcp_nonblocking_read", || {
        let (_, mut client, mut server) = connection()?;
        server.set_nonblocking(true)?;
        let empty = kind(server.read(&mut [0; 4]));
        client.write_all(b"data")?;
        let mut bytes = [0; 4];
        server.set_nonblocking(false)?;
        server.read_exact(&mut bytes)?;
        Ok(format!("{empty}, then {}", text(&bytes)))
    }),
    ("tcp_nonblocking_accept", || {
        let listener = listen()?;
        listener.set_nonblocking(true)?;
        let none = kind(listener.accept());
        let _client = TcpStream::connect(listener.local_addr()?)?;
        listener.set_nonblocking(false)?;
        Ok(format!("{none}, then {}", kind(listener.accept())))
    }),
    ("tcp_shutdown_read", || {
        let (_, client, mut server) = connection()?;
        server.shutdown(Shutdown::Read)?;
        drop(client);
        Ok(format!("{:?}", server.read(&mut [0; 4])?))
    }),
    ("tcp_shutdown_write_ends_the_stream_for_the_peer", || {
        let (_, mut client, mut server) = connection()?;
        client.write_all(b"question")?;
        client.shutdown(Shutdown::Write)?;
        server.set_read_timeout(Some(LIMIT / 10))?;
        let mut all = Vec::new();
        let end = kind(server.read_to_end(&mut all));
        server.write_all(b"answer")?;
        let mut answer = [0; 6];
        client.read_exact(&mut answer)?;
        Ok(format!("{} {end}, {}, write {}", text(&all), text(&answer), kind(client.write(b"more"))))
    }),
    ("tcp_shutdown_both", || {
        let (_, client, mut server) = connection()?;
        client.shutdown(Shutdown::Both)?;
        Ok(format!("{:?}", server.read(&mut [0; 4])?))
    }),
    ("tcp_connect_to_a_closed_port", || {
        let address = listen()?.local_addr()?;
        Ok(kind(TcpStream::connect(address)))
    }),
    ("tcp_connect_timeout", || {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let connected = kind(TcpStream::connect_timeout(&address, LIMIT));
        drop(listener);
        let refused = kind(TcpStream::connect_timeout(&address, LIMIT));
        Ok(format!("{connected}, {refused}, {}", kind(TcpStream::connect_timeout(&address, Duration::ZERO))))
    }),
    ("tcp_bind_a_taken_port", || {
        let listener = listen()?;
        Ok(kind(TcpListener::bind(listener.local_addr()?)))
    }),
    ("tcp_bind_an_address_of_another_machine", || Ok(kind(TcpListener::bind((Ipv4Addr::new(192, 0, 2, 1), 0))))),
    ("tcp_bind_the_first_of_several_addresses_that_is_free", || {
        let taken = listen()?;
        let addresses = [taken.local_addr()?, loopback()];
        let other = TcpListener::bind(&addresses[..])?;
        Ok((other.local_addr()?.port() != taken.local_addr()?.port()).to_string())
    }),
    ("tcp_nodelay", || {
        let (_, client, _server) = connection()?;
        let before = client.nodelay()?;
        client.set_nodelay(true)?;
        Ok(format!("{before} {}", client.nodelay()?))
    }),
    ("tcp_ttl", || {
        let (_, client, _server) = connection()?;
        client.set_ttl(42)?;
        Ok(client.ttl()?.to_string())
    }),
    ("tcp_take_error", || Ok(format!("{:?}", connection()?.1.take_error()?))),
    ("tcp_try_clone", || {
        let (_, mut client, mut server) = connection()?;
        client.try_clone()?.write_all(b"clo")?;
        client.write_all(b"ned")?;
        let mut bytes = [0; 6];
        server.read_exact(&mut bytes)?;
        Ok(text(&bytes))
    }),
    ("tcp_shared_by_reference", || {
        let (_, client, server) = connection()?;
        (&client).write_all(b"there")?;
        (&server).write_all(b"back")?;
        let (mut there, mut back) = ([0; 5], [0; 4]);
        (&server).read_exact(&mut there)?;
        (&client).read_exact(&mut back)?;
        Ok(format!("{} {}", text(&there), text(&back)))
    }),
    ("names_literal", || addresses("127.0.0.1:80")),
    ("names_literal_ipv6", || addresses("[::1]:80")),
    ("names_pair", || addresses((Ipv4Addr::LOCALHOST, 80))),
    ("names_without_a_port", || addresses("127.0.0.1")),
    ("names_localhost_connects", || {
        let listener = listen()?;
        Ok(kind(TcpStream::connect(("localhost", listener.local_addr()?.port()))))
    }),
    ("names_unknown_connects", || {
        Ok(TcpStream::connect("no-such-name.invalid:80").map_or("no connection", |_| "a connection").into())
    }),
    ("udp_datagrams_both_ways", || {
        let (one, other) = (udp()?, udp()?);
        one.send_to(b"there", other.local_addr()?)?;
        let (there, from) = received(&other)?;
        other.send_to(b"back", from)?;
        Ok(format!("{there} {} {}", from == one.local_addr()?, received(&one)?.0))
    }),
    ("udp_ipv6", || {
        let (one, other) = (UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?);
        one.send_to(b"six", other.local_addr()?)?;
        Ok(received(&other)?.0)
    }),
    ("udp_connected", || {
        let (one, other) = connected()?;
        one.send(b"hello")?;
        let mut bytes = [0; 8];
        let length = other.recv(&mut bytes)?;
        Ok(format!("{} {}", text(&bytes[..length]), one.peer_addr()? == other.local_addr()?))
    }),
    ("udp_connected_hears_its_peer_alone", || {
        let (one, other) = connected()?;
        udp()?.send_to(b"stranger", other.local_addr()?)?;
        one.send(b"peer")?;
        Ok(received(&other)?.0)
    }),
    ("udp_send_without_a_destination", || Ok(kind(udp()?.send(b"x")))),
    ("udp_peer_of_an_unconnected_socket", || Ok(kind(udp()?.peer_addr()))),
    ("udp_peek_leaves_the_datagram", || {
        let (one, other) = connected()?;
        one.send(b"peek")?;
        let mut bytes = [0; 8];
        let (length, from) = other.peek_from(&mut bytes)?;
        let peeked = text(&bytes[..length]);
        let again = other.peek(&mut bytes)?;
        Ok(format!("{peeked} {} {again} {}", from == one.local_addr()?, received(&other)?.0))
    }),
    ("udp_a_datagram_is_cut_to_the_buffer", || {
        let (one, other) = connected()?;
        one.send(b"long datagram")?;
        one.send(b"next")?;
        let mut bytes = [0; 4];
        let length = other.recv(&mut bytes)?;
        Ok(format!("{} {}", text(&bytes[..length]), received(&other)?.0))
    }),
    ("udp_too_long", || Ok(kind(udp()?.send_to(&vec![0; 65_508], loopback_port(9))))),
    ("udp_read_timeout", || {
        let socket = udp()?;
        socket.set_read_timeout(Some(SHORT))?;
        let start = Instant::now();
        let kind = kind(socket.recv(&mut [0; 4]));
        Ok(format!("{:?} {kind} {}", socket.read_timeout()?, start.elapsed() >= SHORT))
    }),
    ("udp_nonblocking", || {
        let socket = udp()?;
        socket.set_nonblocking(true)?;
        Ok(kind(socket.recv(&mut [0; 4])))
    }),
    ("udp_try_clone", || {
        let (one, other) = connected()?;
        one.try_clone()?.send(b"clone")?;
        Ok(received(&other)?.0)
    }),
    ("udp_broadcast", || {
        let socket = udp()?;
        let before = socket.broadcast()?;
        socket.set_broadcast(true)?;
        Ok(format!("{before} {}", socket.broadcast()?))
    }),
    ("udp_ttl", || {
        let socket = udp()?;
        socket.set_ttl(42)?;
        Ok(socket.ttl()?.to_string())
    }),
    ("udp_multicast_options", || {
        let socket = udp()?;
        let before = (socket.multicast_loop_v4()?, socket.multicast_ttl_v4()?);
        socket.set_multicast_loop_v4(false)?;
        socket.set_multicast_ttl_v4(7)?;
        Ok(format!("{before:?} {:?}", (socket.multicast_loop_v4()?, socket.multicast_ttl_v4()?)))
    }),
    ("udp_bind_a_taken_port", || {
        let socket = udp()?;
        Ok(kind(UdpSocket::bind(socket.local_addr()?)))
    }),
    ("unix_stream_pair", || {
        let (mut one, mut other) = UnixStream::pair()?;
        one.set_read_timeout(Some(LIMIT))?;
        one.write_all(b"question")?;
        one.shutdown(Shutdown::Write)?;
        let mut question = String::new();
        other.read_to_string(&mut question)?;
        other.write_all(b"answer")?;
        drop(other);
        let mut answer = String::new();
        one.read_to_string(&mut answer)?;
        Ok(format!("{question} {answer} unnamed {}", one.peer_addr()?.is_unnamed()))
    }),
    ("unix_datagram_pair", || {
        let (one, other) = UnixDatagram::pair()?;
        other.set_nonblocking(true)?;
        one.send(b"one")?;
        one.send(b"two")?;
        let mut bytes = [0; 8];
        let first = other.recv(&mut bytes)?;
        let second = other.recv(&mut bytes)?;
        Ok(format!("{first} {second} {}", kind(other.recv(&mut bytes))))
    }),
    ("udp_connect_by_name", || {
        let (one, other) = (udp()?, udp()?);
        one.connect(("localhost", other.local_addr()?.port()))?;
        one.send(b"named")?;
        Ok(received(&other)?.0)
    }),
];

fn loopback() -> SocketAddr {
    loopback_port(0)
}

fn loopback_port(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn listen() -> io::Result<TcpListener> {
    TcpListener::bind(loopback())
}

/// A listener and both ends of a connection to it.
fn connection() -> io::Result<(TcpListener, TcpStream, TcpStream)> {
    let listener = listen()?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    Ok((listener, client, server))
}

fn udp() -> io::Result<UdpSocket> {
    UdpSocket::bind(loopback())
}

/// Two sockets, each the other's peer.
fn connected() -> io::Result<(UdpSocket, UdpSocket)> {
    let (one, other) = (udp()?, udp()?);
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    Ok((one, other))
}

fn received(socket: &UdpSocket) -> io::Result<(String, SocketAddr)> {
    socket.set_read_timeout(Some(LIMIT))?;
    let mut bytes = [0; 2048];
    let (length, from) = socket.recv_from(&mut bytes)?;
    Ok((text(&bytes[..length]), from))
}

fn addresses(name: impl ToSocketAddrs) -> io::Result<String> {
    Ok(format!("{:?}", name.to_socket_addrs()?.collect::<Vec<_>>()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How it ended, without what it gave: that may be an address or a number that no one knows before.
fn kind<T>(result: io::Result<T>) -> String {
    result.map_or_else(|error| format!("{:?}", error.kind()), |_| "ok".into())
}
