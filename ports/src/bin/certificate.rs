//! Writes a self-signed certificate for localhost and its key, for tests. Natively only.
//!     certificate CERTIFICATE.pem KEY.pem

#[cfg(not(target_os = "emscripten"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(certificate), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: certificate CERTIFICATE.pem KEY.pem".into());
    };
    let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
    std::fs::write(certificate, made.cert.pem())?;
    std::fs::write(key, made.signing_key.serialize_pem())?;
    Ok(())
}

#[cfg(target_os = "emscripten")]
fn main() {}
