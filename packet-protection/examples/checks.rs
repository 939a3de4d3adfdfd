//! What has to hold of packet protection, on every platform: `cargo test` runs each natively, and as WebAssembly, which
//! has no test harness here, this is a program. It prints a line for each, and fails where one does not hold.

use std::process::ExitCode;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::{CipherSuite, quic};
use socket_iwa_packet_protection::{Key, NONCE_LENGTH, Refused, TAG_LENGTH};

type Result = std::result::Result<(), String>;

/// Longer than a datagram of Ethernet's size, and than eight groups of blocks.
const EVERY_LENGTH: usize = 2_200;
/// Some around the sizes that the server sends, and the largest a UDP datagram has.
const LONG: [usize; 7] = [4_095, 9_000, 16_384, 16_385, 24_576, 32_791, 65_527];

type Check = fn() -> Result;

const CHECKS: [(&str, Check); 9] = [
    ("the vector of RFC 8439, section 2.8.2", rfc_8439_aead_vector),
    ("the vector of RFC 8439, appendix A.5", rfc_8439_decryption_vector),
    ("the packet of RFC 9001, appendix A.5", rfc_9001_short_packet),
    ("every length is sealed and opened as ring does it", every_length_is_as_rings),
    ("numbers at Poly1305's limits give ring's tags", poly1305_at_its_limits),
    ("what was changed is refused", changes_are_refused),
    ("headers are protected as rustls' ring does it", headers_are_as_rings),
    ("what is no packet is an error", errors),
    ("WebAssembly alone has it installed, with the limits of RFC 9001", installed),
];

fn main() -> ExitCode {
    let mut failed = 0;
    for (name, check) in CHECKS {
        match check() {
            Ok(()) => println!("ok {name}"),
            Err(why) => {
                failed += 1;
                println!("FAILED {name}: {why}");
            }
        }
    }
    println!("{} passed, {failed} failed", CHECKS.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg_attr(test, test)]
fn rfc_8439_aead_vector() -> Result {
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen \
                 would be it.";
    let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
    let aad = hex("50515253c0c1c2c3c4c5c6c7");
    let mut data = text.to_vec();
    let tag = Key::new(&key).seal(&array(&hex("070000004041424344454647")), &aad, &mut data);
    let sealed =
        hex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
                      1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
                      3ff4def08e4b7a9de576d26586cec64b6116");
    same("ciphertext", &data, &sealed)?;
    same("tag", &tag, &hex("1ae10b594f09e26a7e902ecbd0600691"))
}

#[cfg_attr(test, test)]
fn rfc_8439_decryption_vector() -> Result {
    let key = array(&hex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"));
    let mut data = hex(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0\
                        bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855\
                        9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e9\
                        9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a\
                        0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130\
                        305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b",
    );
    let tag = array(&hex("eead9d67890cbb22392336fea1851f38"));
    let opened = Key::new(&key).open(
        &array(&hex("000000000102030405060708")),
        &hex("f33388860000000000004e91"),
        &mut data,
        &tag,
    );
    opened.map_err(|Refused| "refused".to_string())?;
    let text = "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or \
                obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference \
                material or to cite them other than as /\u{201c}work in progress./\u{201d}";
    same("text", &data, text.as_bytes())
}

#[cfg_attr(test, test)]
fn rfc_9001_short_packet() -> Result {
    const NUMBER: u64 = 654_360_564;
    let (packet, header) = quic_keys(
        &array(&hex("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8")),
        &array(&hex("e0459b3474bdd0e44a41c144")),
        &array(&hex("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4")),
    );
    let plain = hex("4200bff401");
    let mut whole = plain.clone();
    let (head, payload) = whole.split_at_mut(4);
    let tag = packet.encrypt_in_place(NUMBER, head, payload).map_err(|error| error.to_string())?;
    whole.extend(tag.as_ref());
    mask(&*header, &mut whole, true)?;
    same("packet", &whole, &hex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb"))?;

    mask(&*header, &mut whole, false)?;
    same("header", &whole[..4], &plain[..4])?;
    let (head, payload) = whole.split_at_mut(4);
    let opened = packet.decrypt_in_place(NUMBER, head, payload).map_err(|error| error.to_string())?;
    same("payload", opened, &plain[4..])
}

/// Adds or removes header protection of a short header with a packet number of three bytes.
fn mask(key: &dyn quic::HeaderProtectionKey, packet: &mut [u8], is_sender: bool) -> Result {
    let (header, sample) = packet.split_at_mut(5);
    let (first, number) = header.split_at_mut(1);
    let sample = &sample[..key.sample_len()];
    let done = match is_sender {
        true => key.encrypt_in_place(sample, &mut first[0], &mut number[..3]),
        false => key.decrypt_in_place(sample, &mut first[0], &mut number[..3]),
    };
    done.map_err(|error| error.to_string())
}

#[cfg_attr(test, test)]
fn every_length_is_as_rings() -> Result {
    let mut random = Random(1);
    (0..=EVERY_LENGTH).chain(LONG).try_for_each(|length| {
        let key = random.array();
        // Also nothing, whole blocks, and pairs of them.
        let aad = random.bytes(length % 67);
        as_rings(&key, &random.array(), &aad, &random.bytes(length))
    })
}

/// Numbers that are the modulus and next to it, carries through all limbs, and keys whose r is as large as it can be.
#[cfg_attr(test, test)]
fn poly1305_at_its_limits() -> Result {
    let mut random = Random(2);
    for length in [0, 16, 32, 48, 64, 255, 256, 448, 1_000] {
        for fill in [0x00, 0x01, 0x7f, 0x80, 0xfb, 0xff] {
            // Sealed it is `fill` throughout: that is what Poly1305 sees.
            for _ in 0..16 {
                let (key, nonce) = (random.array(), random.array());
                let mut stream = vec![0; length];
                Key::new(&key).seal(&nonce, &[], &mut stream);
                let data: Vec<u8> = stream.iter().map(|byte| byte ^ fill).collect();
                as_rings(&key, &nonce, &[fill; 33], &data)?;
            }
        }
    }
    Ok(())
}

/// Seals and opens with both.
fn as_rings(key: &[u8; 32], nonce: &[u8; NONCE_LENGTH], aad: &[u8], plain: &[u8]) -> Result {
    let what = |what: &str| format!("{what} of {} bytes with {} of additional data", plain.len(), aad.len());
    let ring = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|error| error.to_string())?);
    let mut expected = plain.to_vec();
    let expected_tag = ring
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut expected)
        .map_err(|error| error.to_string())?;
    let key = Key::new(key);
    let mut data = plain.to_vec();
    let tag = key.seal(nonce, aad, &mut data);
    same(&what("ciphertext"), &data, &expected)?;
    same(&what("tag"), &tag, expected_tag.as_ref())?;
    key.open(nonce, aad, &mut data, &tag).map_err(|Refused| what("refused: what was sealed"))?;
    same(&what("text"), &data, plain)
}

/// Each bit of the tag, each byte of the rest.
#[cfg_attr(test, test)]
fn changes_are_refused() -> Result {
    let mut random = Random(3);
    for length in [0, 1, 15, 16, 192, 193, 449, 1_425] {
        let (key, nonce) = (Key::new(&random.array()), random.array());
        let aad = random.bytes(13);
        let mut sealed = random.bytes(length);
        let tag = key.seal(&nonce, &aad, &mut sealed);
        let open = |nonce: &[u8; NONCE_LENGTH], aad: &[u8], sealed: &[u8], tag: &[u8; TAG_LENGTH], what: &str| match key
            .open(nonce, aad, &mut sealed.to_vec(), tag)
        {
            Err(Refused) => Ok(()),
            Ok(()) => Err(format!("{what} of {length} bytes was opened")),
        };
        for bit in 0..8 * TAG_LENGTH {
            open(&nonce, &aad, &sealed, &flipped(tag, bit), "a changed tag")?;
        }
        for byte in 0..length {
            open(&nonce, &aad, &flipped(sealed.clone(), 8 * byte + byte % 8), &tag, "changed ciphertext")?;
        }
        for byte in 0..aad.len() {
            open(&nonce, &flipped(aad.clone(), 8 * byte), &sealed, &tag, "changed additional data")?;
        }
        open(&flipped(nonce, 95), &aad, &sealed, &tag, "another nonce")?;
        open(&nonce, &aad[..12], &sealed, &tag, "shorter additional data")?;
        open(&nonce, &[&aad[..], &[0]].concat(), &sealed, &tag, "additional data with a zero more")?;
        open(&nonce, &aad, &[&sealed[..], &[0]].concat(), &tag, "ciphertext with a zero more")?;
    }
    Ok(())
}

fn flipped<T: AsMut<[u8]>>(mut bytes: T, bit: usize) -> T {
    bytes.as_mut()[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[cfg_attr(test, test)]
fn headers_are_as_rings() -> Result {
    let mut random = Random(4);
    let provider = rustls::crypto::ring::default_provider();
    let ring = suite(&provider)?.quic.ok_or("ring has no QUIC")?;
    for first in 0..=u8::MAX {
        let key: [u8; 32] = random.array();
        let (_, ours) = quic_keys(&key, &[0; 12], &key);
        let rings = ring.header_protection_key(AeadKey::from(key));
        let (sample, number) = (random.bytes(16), random.bytes(4));
        for is_sender in [true, false] {
            let masked = |key: &dyn quic::HeaderProtectionKey| {
                let (mut first, mut number) = (first, number.clone());
                let done = match is_sender {
                    true => key.encrypt_in_place(&sample, &mut first, &mut number),
                    false => key.decrypt_in_place(&sample, &mut first, &mut number),
                };
                done.map(|()| [vec![first], number].concat()).map_err(|error| error.to_string())
            };
            same(&format!("first byte {first:#04x}, sender {is_sender}"), &masked(&*ours)?, &masked(&*rings)?)?;
        }
    }
    Ok(())
}

#[cfg_attr(test, test)]
fn errors() -> Result {
    let (packet, header) = quic_keys(&[1; 32], &[2; 12], &[3; 32]);
    expect("a packet shorter than a tag is refused", packet.decrypt_in_place(1, b"", &mut [0; 15]).is_err())?;
    expect("garbage is refused", packet.decrypt_in_place(1, b"", &mut [0; 16]).is_err())?;
    let (mut first, mut number) = (0x43, [7; 5]);
    expect("a short sample", header.encrypt_in_place(&[0; 15], &mut first, &mut number[..4]).is_err())?;
    expect("a long sample", header.decrypt_in_place(&[0; 17], &mut first, &mut number[..4]).is_err())?;
    expect("a long packet number", header.encrypt_in_place(&[0; 16], &mut first, &mut number).is_err())?;
    expect("an error changes nothing", (first, number) == (0x43, [7; 5]))
}

#[cfg_attr(test, test)]
fn installed() -> Result {
    let mut provider = rustls::crypto::ring::default_provider();
    let names = |provider: &rustls::crypto::CryptoProvider| {
        provider.cipher_suites.iter().map(|suite| suite.suite()).collect::<Vec<_>>()
    };
    let before = names(&provider);
    let rings = suite(&provider)?.quic.ok_or("ring has no QUIC")?;
    socket_iwa_packet_protection::install(&mut provider);
    expect("the suites are the same, in the same order", names(&provider) == before)?;
    let quic = suite(&provider)?.quic.ok_or("no QUIC any more")?;
    let is_rings = std::ptr::addr_eq(quic, rings);
    expect(
        "the packet protection is another one in WebAssembly, and only there",
        is_rings != cfg!(target_arch = "wasm32"),
    )?;
    expect("the key's length", quic.aead_key_len() == 32)?;
    let (key, header) = quic_keys(&[1; 32], &[2; 12], &[3; 32]);
    let theirs = rings.packet_key(AeadKey::from([1; 32]), Iv::from([2; 12]));
    expect("the confidentiality limit", key.confidentiality_limit() == theirs.confidentiality_limit())?;
    expect("the integrity limit", key.integrity_limit() == 1 << 36)?;
    expect("the tag's length", key.tag_len() == 16)?;
    expect("the sample's length", header.sample_len() == 16)
}

fn suite(provider: &rustls::crypto::CryptoProvider) -> std::result::Result<&'static rustls::Tls13CipherSuite, String> {
    let mut suites = provider.cipher_suites.iter();
    let found = suites.find(|suite| suite.suite() == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    found.and_then(|suite| suite.tls13()).ok_or_else(|| "the provider lacks the suite".to_string())
}

fn quic_keys(
    key: &[u8; 32],
    iv: &[u8; 12],
    header: &[u8; 32],
) -> (Box<dyn quic::PacketKey>, Box<dyn quic::HeaderProtectionKey>) {
    let algorithm = socket_iwa_packet_protection::CHACHA20_POLY1305;
    let packet = algorithm.packet_key(AeadKey::from(*key), Iv::from(*iv));
    (packet, algorithm.header_protection_key(AeadKey::from(*header)))
}

fn expect(what: &str, holds: bool) -> Result {
    if holds { Ok(()) } else { Err(what.to_string()) }
}

fn same(what: &str, found: &[u8], expected: &[u8]) -> Result {
    if found == expected {
        return Ok(());
    }
    let at = found.iter().zip(expected).position(|(a, b)| a != b);
    let at = at.unwrap_or(found.len().min(expected.len()));
    Err(format!("{what}: not what was expected from byte {at} on"))
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes().chunks_exact(2).map(|pair| 16 * digit(pair[0]) + digit(pair[1])).collect()
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("as many bytes as are wanted")
}

/// The same numbers each time (SplitMix64; Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 56) as u8
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }
}
