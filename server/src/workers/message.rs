//! What workers tell each other, as bytes: a kind, a length, and JSON but for what comes often. All workers are the same
//! program, so there are no versions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quinn_proto::EcnCodepoint;
use serde_json::{Value, json};
use socket_iwa::Datagram;

use crate::Certificate;
use crate::overview::Overview;
use crate::stats::COUNTERS;

/// Bytes before the content: its length, and the kind.
const HEADER: usize = 5;

/// What one worker tells another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// The first worker's first word.
    Start(Start),
    /// The answer: it serves.
    Ready,
    /// It can't start, or can't go on.
    Failed(String),
    /// The server is asked to stop.
    Stop,
    /// All its connections are closed.
    Stopped,
    /// What it has counted so far.
    Stats([u64; COUNTERS]),
    /// The certificates have changed.
    Certificate(CertificateNews),
    /// A question for so many of the busiest connections, and its answer.
    List(usize),
    Listed(Overview),
    /// The request to close a connection, and what came of it.
    Close(u64),
    Closed {
        id: u64,
        found: bool,
    },
    /// Lines of a ticket key file: a key that was made, tickets that were used.
    Tickets(String),
    /// A datagram of a connection that the other one has.
    Datagram(Forwarded),
    /// What a member of the room has said.
    Said(Said),
}

/// What a worker needs to serve as the first one does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Start {
    pub(crate) listen: SocketAddr,
    pub(crate) certificate: CertificateNews,
    /// The content of a ticket key file.
    pub(crate) tickets: String,
}

/// The certificate that handshakes are answered with from now on, in PEM, and the hash of the one that will be next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CertificateNews {
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) next_sha256: Option<String>,
}

/// A datagram with memory of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forwarded {
    pub(crate) remote: SocketAddr,
    pub(crate) local_ip: Option<IpAddr>,
    pub(crate) ecn: Option<EcnCodepoint>,
    pub(crate) payload: BytesMut,
}

/// A message in a room.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Datagram(Bytes),
    Stream(Bytes),
    Text(String),
}

impl From<&Datagram<'_>> for Forwarded {
    fn from(&Datagram { remote, local_ip, ecn, payload }: &Datagram<'_>) -> Self {
        Self { remote, local_ip, ecn: ecn.and_then(EcnCodepoint::from_bits), payload: payload.into() }
    }
}

impl Message {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let start = out.len();
        out.put_bytes(0, HEADER);
        let mut json = |value: Value| out.put_slice(crate::json::text(&value).as_bytes());
        let kind = match self {
            Self::Start(Start { listen, certificate, tickets }) => {
                json(json!([listen.to_string(), certificate.to_json(), tickets]));
                0
            }
            Self::Ready => 1,
            Self::Failed(why) => {
                out.put_slice(why.as_bytes());
                2
            }
            Self::Stop => 3,
            Self::Stopped => 4,
            Self::Stats(counters) => {
                counters.iter().for_each(|counter| out.put_u64(*counter));
                5
            }
            Self::Certificate(news) => {
                json(news.to_json());
                6
            }
            Self::List(limit) => {
                out.put_u64(*limit as u64);
                7
            }
            Self::Listed(overview) => {
                json(overview.to_json());
                8
            }
            Self::Close(id) => {
                out.put_u64(*id);
                9
            }
            Self::Closed { id, found } => {
                out.put_u64(*id);
                out.put_u8((*found).into());
                10
            }
            Self::Tickets(lines) => {
                out.put_slice(lines.as_bytes());
                11
            }
            Self::Datagram(Forwarded { remote, local_ip, ecn, payload }) => {
                put_address(out, *remote);
                put_ip(out, *local_ip);
                out.put_u8(ecn.map_or(0, |ecn| ecn as u8));
                out.put_slice(payload);
                12
            }
            Self::Said(Said::Datagram(data)) => {
                out.put_slice(data);
                13
            }
            Self::Said(Said::Stream(data)) => {
                out.put_slice(data);
                14
            }
            Self::Said(Said::Text(text)) => {
                out.put_slice(text.as_bytes());
                15
            }
        };
        let length = u32::try_from(out.len() - start - HEADER).expect("a message is shorter than 4 GiB");
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        out[start + 4] = kind;
    }

    /// Takes the first message off `data`; the outer `None` when it is not whole yet, the inner one when it is none.
    pub(super) fn decode(data: &mut BytesMut) -> Option<Option<Self>> {
        let mut header = data.get(..HEADER)?;
        let length = header.get_u32() as usize;
        let kind = header.get_u8();
        if data.len() < HEADER + length {
            return None;
        }
        data.advance(HEADER);
        Some(Self::of(kind, data.split_to(length)))
    }

    fn of(kind: u8, mut content: BytesMut) -> Option<Self> {
        let text = |content: &[u8]| String::from_utf8(content.to_vec()).ok();
        let json = |content: &[u8]| serde_json::from_slice::<Value>(content).ok();
        Some(match kind {
            0 => {
                let start = json(&content)?;
                Self::Start(Start {
                    listen: start[0].as_str()?.parse().ok()?,
                    certificate: CertificateNews::from_json(&start[1])?,
                    tickets: start[2].as_str()?.to_owned(),
                })
            }
            1 => Self::Ready,
            2 => Self::Failed(text(&content)?),
            3 => Self::Stop,
            4 => Self::Stopped,
            5 => {
                let mut counters = [0; COUNTERS];
                for counter in &mut counters {
                    *counter = content.try_get_u64().ok()?;
                }
                Self::Stats(counters)
            }
            6 => Self::Certificate(CertificateNews::from_json(&json(&content)?)?),
            7 => Self::List(content.try_get_u64().ok()?.try_into().ok()?),
            8 => Self::Listed(Overview::from_json(&json(&content)?)?),
            9 => Self::Close(content.try_get_u64().ok()?),
            10 => Self::Closed { id: content.try_get_u64().ok()?, found: content.try_get_u8().ok()? != 0 },
            11 => Self::Tickets(text(&content)?),
            12 => Self::Datagram(Forwarded {
                remote: get_address(&mut content)?,
                local_ip: get_ip(&mut content)?,
                ecn: EcnCodepoint::from_bits(content.try_get_u8().ok()?),
                payload: content,
            }),
            13 => Self::Said(Said::Datagram(content.freeze())),
            14 => Self::Said(Said::Stream(content.freeze())),
            15 => Self::Said(Said::Text(text(&content)?)),
            _ => return None,
        })
    }
}

impl CertificateNews {
    /// The certificate.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(crate) fn certificate(&self) -> Result<Certificate, String> {
        Certificate::from_pem(&self.chain, &self.key).ok_or_else(|| "the first worker's certificate is none".into())
    }

    fn to_json(&self) -> Value {
        json!([self.chain, self.key, self.next_sha256])
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            chain: value[0].as_str()?.to_owned(),
            key: value[1].as_str()?.to_owned(),
            next_sha256: value[2].as_str().map(str::to_owned),
        })
    }
}

/// 0 for none, or the version and its bytes.
fn put_ip(out: &mut BytesMut, ip: Option<IpAddr>) {
    match ip {
        None => out.put_u8(0),
        Some(IpAddr::V4(ip)) => {
            out.put_u8(4);
            out.put_slice(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            out.put_u8(6);
            out.put_slice(&ip.octets());
        }
    }
}

fn get_ip(content: &mut BytesMut) -> Option<Option<IpAddr>> {
    match content.try_get_u8().ok()? {
        0 => Some(None),
        4 => Some(Some(Ipv4Addr::from(content.try_get_u32().ok()?).into())),
        6 => Some(Some(Ipv6Addr::from(content.try_get_u128().ok()?).into())),
        _ => None,
    }
}

fn put_address(out: &mut BytesMut, address: SocketAddr) {
    put_ip(out, Some(address.ip()));
    out.put_u16(address.port());
    if let SocketAddr::V6(address) = address {
        out.put_u32(address.flowinfo());
        out.put_u32(address.scope_id());
    }
}

fn get_address(content: &mut BytesMut) -> Option<SocketAddr> {
    let ip = get_ip(content)??;
    let port = content.try_get_u16().ok()?;
    Some(match ip {
        IpAddr::V4(ip) => (ip, port).into(),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, content.try_get_u32().ok()?, content.try_get_u32().ok()?).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectionInfo;
    use std::time::Duration;

    fn messages() -> Vec<Message> {
        let certificate =
            CertificateNews { chain: "chain\n".into(), key: "key\n".into(), next_sha256: Some("ab".into()) };
        let connection = ConnectionInfo {
            id: 7,
            remote: "192.0.2.1:443".parse().unwrap(),
            alpn: Some("h3".into()),
            age: Duration::from_millis(1500),
            bytes_sent: 1,
            bytes_received: u64::MAX,
            rtt: Some(Duration::from_micros(1234)),
            lost_packets: 2,
            sessions: 3,
        };
        let forwarded = |remote: &str, local_ip, ecn| {
            let payload = BytesMut::from(&b"data"[..]);
            Message::Datagram(Forwarded { remote: remote.parse().unwrap(), local_ip, ecn, payload })
        };
        vec![
            Message::Start(Start {
                listen: "[::1]:4433".parse().unwrap(),
                certificate: certificate.clone(),
                tickets: "lines\n".into(),
            }),
            Message::Ready,
            Message::Failed("é".into()),
            Message::Stop,
            Message::Stopped,
            Message::Stats(std::array::from_fn(|index| index as u64 + (1 << 40))),
            Message::Certificate(CertificateNews { next_sha256: None, ..certificate }),
            Message::List(20),
            Message::Listed(Overview {
                total: 2,
                busiest: vec![
                    ConnectionInfo {
                        alpn: None,
                        rtt: None,
                        remote: "[fe80::1]:1".parse().unwrap(),
                        ..connection.clone()
                    },
                    connection,
                ],
            }),
            Message::Close(1 << 40),
            Message::Closed { id: 3, found: true },
            Message::Tickets("used 1 ab\n".into()),
            forwarded("192.0.2.1:1", Some("192.0.2.2".parse().unwrap()), Some(EcnCodepoint::Ce)),
            forwarded("[fe80::1%3]:1", Some("::1".parse().unwrap()), None),
            // An IPv6 socket's clients are compared with their mapped addresses.
            forwarded("[::ffff:192.0.2.1]:1", None, Some(EcnCodepoint::Ect0)),
            Message::Said(Said::Datagram("d".into())),
            Message::Said(Said::Stream(Bytes::new())),
            Message::Said(Said::Text("t".into())),
        ]
    }

    #[test]
    fn messages_survive_however_their_bytes_are_cut() {
        let mut all = BytesMut::new();
        messages().iter().for_each(|message| message.encode(&mut all));
        for step in [1, 5, 13, all.len()] {
            let (mut data, mut decoded) = (BytesMut::new(), Vec::new());
            for piece in all.chunks(step) {
                data.extend_from_slice(piece);
                while let Some(message) = Message::decode(&mut data) {
                    decoded.push(message.unwrap());
                }
            }
            assert_eq!(decoded, messages(), "in pieces of {step}");
            assert!(data.is_empty());
        }
    }

    #[test]
    fn what_is_no_message_is_found() {
        for bytes in [&[0, 0, 0, 0, 99][..], &[0, 0, 0, 1, 0, b'{'], &[0, 0, 0, 1, 12, 5], &[0, 0, 0, 2, 9, 1, 2]] {
            assert_eq!(Message::decode(&mut BytesMut::from(bytes)), Some(None), "{bytes:?}");
        }
    }
}
