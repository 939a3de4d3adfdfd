//! A replay as an attacker on the path does it: the datagrams of a client's first flight are recorded on their way and
//! sent again. Whether the server takes their ticket a second time stands in its ServerHello, which everybody can read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::Error;
use crate::initial::{self, CRYPTO, Cursor};

/// Passes datagrams between one client and a server, and records those of the handshake.
pub(super) struct Recorder {
    /// Where the client connects to.
    pub(super) address: SocketAddr,
    log: Arc<Mutex<Recording>>,
    forwarding: JoinHandle<()>,
}

/// What went over the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    /// The client's datagrams before any answer.
    first_flight: Vec<Vec<u8>>,
    /// The server's first datagrams.
    answers: Vec<Vec<u8>>,
}

/// The server's datagrams that are kept: the ServerHello is in the first.
const ANSWERS: usize = 4;

impl Recorder {
    pub(super) async fn new(server: SocketAddr) -> Result<Self, Error> {
        let (socket, address) = bind_like(server).await?;
        let log = Arc::<Mutex<Recording>>::default();
        let forwarding = tokio::spawn(forward(socket, server, log.clone()));
        Ok(Self { address, log, forwarding })
    }

    pub(super) fn recording(&self) -> Recording {
        self.log.lock().expect("nothing panics with the recording locked").clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

async fn bind_like(server: SocketAddr) -> Result<(UdpSocket, SocketAddr), Error> {
    let local: SocketAddr =
        if server.is_ipv4() { ([127, 0, 0, 1], 0).into() } else { "[::1]:0".parse().expect("it is") };
    let failed = |error| Error::new(format!("bind {local}"), error);
    let socket = UdpSocket::bind(local).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok((socket, address))
}

async fn forward(socket: UdpSocket, server: SocketAddr, log: Arc<Mutex<Recording>>) {
    let mut buffer = vec![0; 65_536];
    let mut client = None;
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let data = &buffer[..length];
        {
            let log = &mut *log.lock().expect("nothing panics with the recording locked");
            if from == server && log.answers.len() < ANSWERS {
                log.answers.push(data.to_vec());
            } else if from != server && log.answers.is_empty() {
                log.first_flight.push(data.to_vec());
            }
        }
        let to = if from == server { client } else { Some(server) };
        if from != server {
            client = Some(from);
        }
        if let Some(to) = to {
            // A datagram that can't be sent is lost, as on a network.
            let _ = socket.send_to(data, to).await;
        }
    }
}

impl Recording {
    /// Whether the server resumed the recorded session.
    pub(super) fn resumed(&self) -> Result<bool, Error> {
        self.answered_by(&self.answers[..]).ok_or_else(|| Error::new("read the ServerHello", "there is none"))
    }

    /// Sends the first flight to `server` again, from several places at once, of which its workers, if it has several, serve
    /// some each, until it answers one and has had its time for the others. Returns whether it resumed the session for any.
    pub(super) async fn replay(&self, server: SocketAddr) -> Result<bool, Error> {
        const PLACES: usize = 8;
        // The server may still know the connection ID, and then says nothing: so again, until it has forgotten it.
        const AGAIN: Duration = Duration::from_millis(100);
        let mut sockets = Vec::new();
        for _ in 0..PLACES {
            sockets.push(bind_like(server).await?.0);
        }
        let mut buffer = vec![0; 65_536];
        let (mut answered, mut last_round) = (false, false);
        while !last_round {
            last_round = answered;
            for socket in &sockets {
                for datagram in &self.first_flight {
                    socket.send_to(datagram, server).await.map_err(|error| Error::new("replay", error))?;
                }
            }
            tokio::time::sleep(AGAIN).await;
            for socket in &sockets {
                // An ICMP error, say, of a server that is not there yet, is no answer.
                while let Ok((length, _)) = socket.try_recv_from(&mut buffer) {
                    match self.answered_by(&[buffer[..length].to_vec()]) {
                        Some(true) => return Ok(true),
                        Some(false) => answered = true,
                        None => {}
                    }
                }
            }
        }
        Ok(false)
    }

    fn answered_by(&self, answers: &[Vec<u8>]) -> Option<bool> {
        let id = Cursor(self.first_flight.first()?).connection_ids()?.0;
        let hello = answers.iter().find_map(|datagram| server_hello(datagram.clone(), id))?;
        has_pre_shared_key(&hello)
    }
}

/// The ServerHello in a server's datagram, if it begins with an Initial packet of the connection that the client began
/// with `id`.
fn server_hello(datagram: Vec<u8>, id: &[u8]) -> Option<Vec<u8>> {
    crypto_frame(&initial::open(datagram, id)?)
}

/// The data of the CRYPTO frame at offset 0 (RFC 9000, section 19.6).
fn crypto_frame(payload: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(payload);
    while cursor.frame()? == CRYPTO {
        let (offset, length) = (cursor.varint()?, cursor.varint()?);
        let data = cursor.take(length)?;
        if offset == 0 {
            return Some(data.to_vec());
        }
    }
    None
}

/// Whether a ServerHello takes the client's ticket: it has the extension pre_shared_key (RFC 8446, section 4.2.11).
fn has_pre_shared_key(hello: &[u8]) -> Option<bool> {
    let mut cursor = Cursor(hello);
    // Type 2 and a length; then version and random.
    if cursor.take(4)?[0] != 2 {
        return None;
    }
    cursor.take(2 + 32)?;
    let session = cursor.byte()?;
    cursor.take(session.into())?;
    // Cipher suite, compression, the length of the extensions.
    cursor.take(2 + 1 + 2)?;
    while !cursor.0.is_empty() {
        let (kind, length) = (cursor.short()?, cursor.short()?);
        if kind == 41 {
            return Some(true);
        }
        cursor.take(length.into())?;
    }
    Some(false)
}
