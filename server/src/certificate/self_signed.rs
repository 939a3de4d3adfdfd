//! A self-signed certificate (RFC 5280) for an ECDSA P-256 key, which is one fixed form in DER (X.690) with a few values put
//! in. What can make any certificate, rcgen with what it needs, was 3 % of what a browser loads (docs/performance.md).

use std::net::IpAddr;
use std::time::Duration;

use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

/// Tags of ASN.1's types.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// And of parts that RFC 5280 numbers.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// Version 3, the third one from 0.
const V3: &[u8] = &[2];
/// No bit of the last byte of a bit string is left over.
const WHOLE: &[u8] = &[0];
/// The object identifiers of `commonName` and `subjectAltName`.
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
const ALTERNATIVE_NAMES: &[u8] = b"\x06\x03\x55\x1d\x11";
/// The algorithm `ecdsa-with-SHA256` (RFC 5758, section 3.2), a sequence of its identifier.
const ECDSA_WITH_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// The kind of key `id-ecPublicKey` on `secp256r1` (RFC 5480, section 2.1.1), a sequence of both identifiers.
const P256: &[u8] = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// The name of the subject, who is the issuer too.
const NAME: &str = "Socket.IWA server";
/// The last second that a certificate can name, of the year 9999, since 1970.
const LAST_SECOND: u64 = 253_402_300_799;
const DAY: u64 = 24 * 60 * 60;

/// Makes a certificate for `names` (DNS names or IP addresses), valid from and until a time since 1970, and its key in
/// PKCS #8, both in DER.
///
/// # Errors
///
/// When a name is neither, or there is no randomness.
pub(super) fn make(names: &[String], from: Duration, until: Duration) -> Result<(Vec<u8>, Vec<u8>), String> {
    let names = names.iter().map(|name| general_name(name)).collect::<Result<Vec<_>, _>>()?;
    sign(&names.concat(), &[time(from), time(until)].concat())
        .map_err(|Unspecified| "there is no randomness".to_owned())
}

fn sign(names: &[u8], validity: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Unspecified> {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random)?;
    let mut serial = [0; 16];
    random.fill(&mut serial)?;
    // A positive number, and as long as it looks.
    serial[0] = serial[0] & 0x7f | 0x40;
    let name = element(SEQUENCE, &[COMMON_NAME, &element(UTF8_STRING, &[NAME.as_bytes()])]);
    let name = element(SEQUENCE, &[&element(SET, &[&name])]);
    let names = element(OCTET_STRING, &[&element(SEQUENCE, &[names])]);
    let extensions = element(SEQUENCE, &[&element(SEQUENCE, &[ALTERNATIVE_NAMES, &names])]);
    let to_be_signed = element(
        SEQUENCE,
        &[
            &element(VERSION, &[&element(INTEGER, &[V3])]),
            &element(INTEGER, &[&serial]),
            ECDSA_WITH_SHA256,
            &name,
            &element(SEQUENCE, &[validity]),
            &name,
            &element(SEQUENCE, &[P256, &element(BIT_STRING, &[WHOLE, key.public_key().as_ref()])]),
            &element(EXTENSIONS, &[&extensions]),
        ],
    );
    let signature = element(BIT_STRING, &[WHOLE, key.sign(&random, &to_be_signed)?.as_ref()]);
    let certificate = element(SEQUENCE, &[&to_be_signed, ECDSA_WITH_SHA256, &signature]);
    Ok((certificate, pkcs8.as_ref().to_vec()))
}

/// An element of DER: its tag, the length of its content, and that in parts.
fn element(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|&byte| byte != 0).unwrap_or(length.len() - 1)..];
    let mut element = vec![tag];
    if content.len() > 0x7f {
        element.push(0x80 | length.len() as u8);
    }
    element.extend_from_slice(length);
    element.extend_from_slice(&content);
    element
}

/// An alternative name of the subject.
fn general_name(name: &str) -> Result<Vec<u8>, String> {
    match name.parse() {
        Ok(IpAddr::V4(address)) => Ok(element(IP_ADDRESS, &[&address.octets()])),
        Ok(IpAddr::V6(address)) => Ok(element(IP_ADDRESS, &[&address.octets()])),
        Err(_) if name.is_ascii() => Ok(element(DNS_NAME, &[name.as_bytes()])),
        Err(_) => Err(format!("'{name}' is no DNS name in ASCII, and no IP address")),
    }
}

/// A time of the validity (RFC 5280, section 4.1.2.5): until 2049 its year has two digits.
fn time(since_1970: Duration) -> Vec<u8> {
    let seconds = since_1970.as_secs().min(LAST_SECOND);
    let (year, month, day) = date(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds / 60 % 60, seconds % 60);
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        element(UTC_TIME, &[&text.as_bytes()[2..]])
    } else {
        element(GENERALIZED_TIME, &[text.as_bytes()])
    }
}

/// Year, month and day so many days after 1970-01-01 (<https://howardhinnant.github.io/date_algorithms.html>,
/// `civil_from_days`). Its years begin in March, so that a leap day is the last day of one.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    // From 0000-03-01 on.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn made(names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        make(&names, NOW - HOUR, NOW + HOUR).unwrap().0.into()
    }

    /// What rustls says of the certificate, for a client that trusts it.
    fn verify(certificate: &CertificateDer<'static>, name: &str, now: Duration) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::since_unix_epoch(now)).map(drop)
    }

    #[test]
    fn a_client_that_trusts_it_takes_it_for_its_names_while_it_is_valid() {
        let certificate = made(&["localhost", "127.0.0.1", "::1"]);
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(verify(&certificate, name, NOW), Ok(()), "{name}");
        }
        assert!(verify(&certificate, "example.org", NOW).is_err());
        assert!(verify(&certificate, "127.0.0.2", NOW).is_err());
        assert!(verify(&certificate, "localhost", NOW - 2 * HOUR).is_err());
        assert!(verify(&certificate, "localhost", NOW + 2 * HOUR).is_err());
    }

    #[test]
    fn a_signature_is_over_all_of_it() {
        let certificate = made(&["localhost"]);
        let mut forged = certificate.to_vec();
        let name = forged.windows(9).position(|window| window == b"localhost").unwrap();
        forged[name] = b'L';
        assert_eq!(verify(&certificate, "localhost", NOW), Ok(()));
        assert!(verify(&forged.into(), "localhost", NOW).is_err());
    }

    #[test]
    fn as_many_names_as_one_likes_make_lengths_of_several_bytes() {
        let names: Vec<_> = (0..2000).map(|number| format!("name-{number}.example")).collect();
        let refs: Vec<_> = names.iter().map(String::as_str).collect();
        for count in [1, 5, 10, 2000] {
            assert_eq!(verify(&made(&refs[..count]), refs[count - 1], NOW), Ok(()), "{count}");
        }
    }

    #[test]
    fn what_is_no_name_is_named() {
        assert!(make(&["ä.example".into()], NOW, NOW).unwrap_err().contains("ä.example"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let text = |seconds| String::from_utf8(time(Duration::from_secs(seconds))).unwrap();
        for (seconds, expected) in [
            (0, "\x17\x0d700101000000Z"),
            (951_782_400, "\x17\x0d000229000000Z"),
            (1_709_251_199, "\x17\x0d240229235959Z"),
            (1_709_251_200, "\x17\x0d240301000000Z"),
            (1_798_761_599, "\x17\x0d261231235959Z"),
            (2_524_607_999, "\x17\x0d491231235959Z"),
            (2_524_608_000, "\x18\x0f20500101000000Z"),
            (4_107_542_400, "\x18\x0f21000301000000Z"),
            (LAST_SECOND, "\x18\x0f99991231235959Z"),
            (u64::MAX, "\x18\x0f99991231235959Z"),
        ] {
            assert_eq!(text(seconds), expected);
        }
    }
}
