//! Which QUIC packets passed by: what an observer on the path sees in the headers (RFC 8999, RFC 9000 section 17, RFC
//! 9369 section 3.2), nothing of what is encrypted. It tells whether a Retry was really sent, or 0-RTT really used.

use serde::Serialize;

/// Packets of one direction, coalesced ones counted each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Packets {
    pub initial: u64,
    pub zero_rtt: u64,
    pub handshake: u64,
    pub retry: u64,
    pub version_negotiation: u64,
    /// Of a version that is not known here.
    pub other_version: u64,
    pub short: u64,
}

const VERSION_1: u32 = 1;
const VERSION_2: u32 = 0x6b33_43cf;

impl Packets {
    /// Counts the packets of a datagram. One that is malformed ends the count: nothing behind it can be told apart.
    pub fn count(&mut self, datagram: &[u8]) {
        let mut rest = datagram;
        while let Some(&first) = rest.first() {
            if first & 0x80 == 0 {
                self.short += 1;
                return; // the last of its datagram: it has no length
            }
            let Some(behind) = self.count_long(first, rest) else { return };
            rest = behind;
        }
    }

    /// Counts one packet with a long header and returns what follows it.
    fn count_long<'a>(&mut self, first: u8, packet: &'a [u8]) -> Option<&'a [u8]> {
        let mut reader = Reader(packet.get(1..)?);
        let version = u32::from_be_bytes(reader.take(4)?.try_into().ok()?);
        for _id in ["destination", "source"] {
            let length = reader.byte()?;
            reader.take(length.into())?;
        }
        let kind = (first >> 4) & 3;
        let kind = match version {
            0 => {
                self.version_negotiation += 1;
                return None;
            }
            VERSION_1 => kind,
            // The same four, each a number higher (RFC 9369, section 3.2).
            VERSION_2 => kind.wrapping_sub(1) & 3,
            _ => {
                self.other_version += 1;
                return None;
            }
        };
        match kind {
            0 => {
                self.initial += 1;
                let token = reader.varint()?;
                reader.take(token)?;
            }
            1 => self.zero_rtt += 1,
            2 => self.handshake += 1,
            _ => {
                self.retry += 1;
                return None;
            }
        }
        let length = reader.varint()?;
        reader.take(length)?;
        Some(reader.0)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// RFC 9000, section 16.
    fn varint(&mut self) -> Option<usize> {
        let first = self.byte()?;
        let more = self.take((1 << (first >> 6)) - 1)?;
        let begin = usize::from(first & 0x3f);
        Some(more.iter().fold(begin, |value, byte| value << 8 | usize::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(first: u8, version: u32, behind_ids: &[u8]) -> Vec<u8> {
        let mut packet = vec![first];
        packet.extend(version.to_be_bytes());
        packet.extend([2, 0xaa, 0xaa, 1, 0xbb]);
        packet.extend(behind_ids);
        packet
    }

    fn counted(datagram: &[u8]) -> Packets {
        let mut packets = Packets::default();
        packets.count(datagram);
        packets
    }

    #[test]
    fn coalesced_packets_are_told_apart() {
        // An Initial with a token of one byte and three bytes of payload, then 0-RTT with a length of two bytes' form.
        let mut datagram = long(0xc0, VERSION_1, &[1, 0x77, 3, 1, 2, 3]);
        datagram.extend(long(0xd0, VERSION_1, &[0x40, 2, 1, 2]));
        datagram.extend(long(0xe0, VERSION_1, &[1, 9]));
        datagram.extend([0x40, 1, 2, 3]);
        let expected = Packets { initial: 1, zero_rtt: 1, handshake: 1, short: 1, ..Packets::default() };
        assert_eq!(counted(&datagram), expected);
    }

    #[test]
    fn retry_and_version_negotiation_are_told_apart_in_both_versions() {
        assert_eq!(counted(&long(0xf0, VERSION_1, &[1; 20])).retry, 1);
        assert_eq!(counted(&long(0xc0, VERSION_2, &[1; 20])).retry, 1);
        assert_eq!(counted(&long(0xd0, VERSION_2, &[0, 1, 0])).initial, 1);
        assert_eq!(counted(&long(0x80, 0, &[0, 0, 0, 1])).version_negotiation, 1);
        assert_eq!(counted(&long(0xc0, 0x1a2a_3a4a, &[0; 10])).other_version, 1);
    }

    #[test]
    fn what_is_cut_off_is_no_reason_to_fail() {
        let whole = long(0xc0, VERSION_1, &[1, 0x77, 3, 1, 2, 3]);
        for length in 0..whole.len() {
            counted(&whole[..length]);
        }
    }
}
