use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::*;

fn bind(address: impl Into<IpAddr>) -> UdpSocket {
    UdpSocket::bind(SocketAddr::new(address.into(), 0), &Options::default()).unwrap()
}

/// Receives until `count` datagrams have come, waiting at most ten seconds.
fn receive(socket: &UdpSocket, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let (mut buffers, mut received) = (Buffers::default(), Vec::new());
    while received.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} datagrams came", received.len());
        socket.wait(false, Some(deadline), None, None).unwrap();
        let outcome =
            socket.receive(&mut buffers, |datagram| received.push((datagram.remote, datagram.payload.to_vec())));
        if let Err(error) = outcome {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }
    received
}

fn segments(destination: SocketAddr, contents: &[u8], segment_size: Option<usize>) -> Segments<'_> {
    Segments { destination, source_ip: None, ecn: None, contents, segment_size }
}

#[test]
fn segments_arrive_as_datagrams_of_that_size_and_a_shorter_last_one() {
    let sender = bind(Ipv4Addr::LOCALHOST);
    let receiver = bind(Ipv4Addr::LOCALHOST);
    let contents: Vec<u8> = (0..2500u32).map(|byte| byte as u8).collect();
    let sent = sender.send_segments(&segments(receiver.local_addr().unwrap(), &contents, Some(1000))).unwrap();
    assert_eq!(sent, 2500);
    let received = receive(&receiver, 3);
    assert_eq!(received.iter().map(|(_, payload)| payload.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
    assert_eq!(received.iter().flat_map(|(_, payload)| payload.clone()).collect::<Vec<_>>(), contents);
    assert!(received.iter().all(|(remote, _)| *remote == sender.local_addr().unwrap()));
}

#[test]
fn an_empty_datagram_arrives() {
    let sender = bind(Ipv6Addr::LOCALHOST);
    let receiver = bind(Ipv6Addr::LOCALHOST);
    sender.send_segments(&segments(receiver.local_addr().unwrap(), &[], None)).unwrap();
    assert_eq!(receive(&receiver, 1)[0].1, b"");
}

#[test]
fn receiving_with_nothing_queued_would_block() {
    let error =
        bind(Ipv4Addr::LOCALHOST).receive(&mut Buffers::default(), |_| panic!("a datagram from nowhere")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_failed_send_does_not_disable_the_socket() {
    let sender = bind(Ipv4Addr::LOCALHOST);
    let receiver = bind(Ipv4Addr::LOCALHOST);
    let port_zero = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    sender.send_segments(&segments(port_zero, b"nobody", None)).unwrap_err();
    sender.send_segments(&segments(receiver.local_addr().unwrap(), &[0; 65_508], None)).unwrap_err();
    sender.send_segments(&segments(receiver.local_addr().unwrap(), b"still here", None)).unwrap();
    assert_eq!(receive(&receiver, 1)[0].1, b"still here");
}

#[test]
fn a_taken_port_names_the_address_and_what_to_do() {
    let taken = bind(Ipv4Addr::LOCALHOST).local_addr().unwrap();
    let holder = UdpSocket::bind(taken, &Options::default()).unwrap();
    let error = UdpSocket::bind(taken, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("bind {taken}: EADDRINUSE")), "{error}");
    drop(holder);
}

#[test]
fn a_wait_ends_at_its_deadline() {
    let socket = bind(Ipv4Addr::LOCALHOST);
    let deadline = Instant::now() + Duration::from_millis(5);
    assert_eq!(socket.wait(false, Some(deadline), None, None).unwrap(), Ready::default());
    assert!(Instant::now() >= deadline);
}

#[test]
fn a_wait_for_room_to_send_ends_at_once() {
    let ready = bind(Ipv4Addr::LOCALHOST).wait(true, None, None, None).unwrap();
    assert!(ready.writable);
}

#[test]
fn a_stopper_ends_a_wait_from_another_thread() {
    let socket = bind(Ipv4Addr::LOCALHOST);
    let stop = Stop::new().unwrap();
    let stopper = stop.stopper().unwrap();
    let thread = std::thread::spawn(move || stopper.stop());
    assert!(socket.wait(false, None, Some(&stop), None).unwrap().stopped);
    thread.join().unwrap().unwrap();
}

#[test]
fn datagrams_beyond_the_receive_buffer_are_counted_as_drops() {
    let options = Options { receive_buffer: 4096, ..Options::default() };
    let receiver = UdpSocket::bind(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), &options).unwrap();
    let sender = bind(Ipv4Addr::LOCALHOST);
    for _ in 0..64 {
        sender.send_segments(&segments(receiver.local_addr().unwrap(), &[0; 1000], None)).unwrap();
    }
    assert!(receiver.drops() > 0);
}

#[test]
fn what_is_beside_the_socket_ends_a_wait() {
    use std::io::Write;
    let socket = bind(Ipv4Addr::LOCALHOST);
    let (mut there, here) = std::os::unix::net::UnixStream::pair().unwrap();
    let beside = |write| Some(Beside { descriptor: here.as_fd(), write });
    let now = Some(Instant::now());
    assert_eq!(socket.wait(false, now, None, beside(false)).unwrap(), Ready::default());
    assert!(socket.wait(false, None, None, beside(true)).unwrap().beside);
    there.write_all(b"x").unwrap();
    assert_eq!(socket.wait(false, None, None, beside(false)).unwrap(), Ready { beside: true, ..Ready::default() });
}

#[test]
fn sockets_that_share_a_port_get_each_client_s_datagrams_on_one_of_them() {
    let shared = |address, sharing| UdpSocket::bind(address, &Options { sharing, ..Options::default() });
    let first = shared(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), Sharing::First).unwrap();
    let address = first.local_addr().unwrap();
    let second = shared(address, Sharing::Later).unwrap();
    let clients: Vec<_> = (0..64).map(|_| bind(Ipv4Addr::LOCALHOST)).collect();
    for _ in 0..2 {
        for client in &clients {
            client.send_segments(&segments(address, b"hello", None)).unwrap();
        }
    }
    let mut buffers = Buffers::default();
    let mut remotes = [&first, &second].map(|socket| {
        let mut remotes = Vec::new();
        while socket.receive(&mut buffers, |datagram| remotes.push(datagram.remote.port())).is_ok() {}
        remotes.sort_unstable();
        remotes
    });
    assert_eq!(remotes.iter().map(Vec::len).sum::<usize>(), 128);
    for remotes in &mut remotes {
        assert!(!remotes.is_empty(), "all clients fell to one socket");
        assert!(remotes.chunks(2).all(|pair| pair[0] == pair[1]), "a client fell to both");
    }
}

#[test]
fn a_port_that_another_program_shares_is_not_free() {
    let first = UdpSocket::bind(
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
        &Options { sharing: Sharing::First, ..Options::default() },
    )
    .unwrap();
    for sharing in [Sharing::First, Sharing::Alone] {
        let error = UdpSocket::bind(first.local_addr().unwrap(), &Options { sharing, ..Options::default() });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
