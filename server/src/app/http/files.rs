//! Files below one directory: which a path names, and how they are sent. On Linux the directory is the system's, in
//! WebAssembly one that was mounted or filled before the program started; `std::fs` is the same for both.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::conditions::{Verdict, Version, evaluate};
use super::content_type;
use super::respond::{TEXT, head};

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A directory whose files are served. Nothing outside it is, whatever links or dots a path has.
#[derive(Debug)]
pub(crate) struct Root(PathBuf);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    File(PathBuf),
    /// A directory, named without the slash at its end.
    Directory,
}

impl Root {
    /// # Errors
    ///
    /// When `path` is no directory that can be read; the message names it.
    pub(crate) fn new(path: &Path) -> Result<Self, String> {
        let open = || {
            fs::read_dir(path)?;
            fs::canonicalize(path)
        };
        open().map(Self).map_err(|error| format!("serve the files of {}: {error}", path.display()))
    }

    /// What the path of a request names. A name that begins with a dot is hidden, but for `.well-known` (RFC 8615).
    pub(crate) fn find(&self, path: &str) -> Option<Found> {
        let mut names = path.strip_prefix('/')?.split('/').peekable();
        let mut file = self.0.clone();
        let mut directory = true;
        while let Some(name) = names.next() {
            directory = name.is_empty() && names.peek().is_none();
            if directory {
                break;
            }
            let name = decode(name)?;
            // Of what `%` can hide, only these would change the meaning of the path.
            if name.is_empty() || name.contains(['/', '\0']) || (name.starts_with('.') && name != ".well-known") {
                return None;
            }
            file.push(name);
        }
        if directory {
            file.push("index.html");
        }
        // Resolves links: what they lead to counts.
        let file = fs::canonicalize(file).ok().filter(|file| file.starts_with(&self.0))?;
        let metadata = fs::metadata(&file).ok()?;
        if metadata.is_file() {
            Some(Found::File(file))
        } else {
            (metadata.is_dir() && !directory).then_some(Found::Directory)
        }
    }
}

/// Percent-decodes a name (RFC 3986, section 2.1). None if it is not UTF-8, or a `%` stands alone.
fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? * 16 + digit()?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn open(path: &Path) -> io::Result<(File, Version)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let modified = metadata.modified()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let etag = format!("\"{:x}-{:x}\"", since.as_nanos(), metadata.len());
    Ok((file, Version { etag, modified, length: metadata.len() }))
}

/// The answer to a GET or HEAD of a file: its head, and what of the file follows. None: there is no such file.
pub(super) fn answer(path: &Path, method: &Method, fields: &HeaderMap) -> Option<(Response<()>, Pieces)> {
    let (mut file, version) = match open(path) {
        Ok(opened) => opened,
        Err(error) => {
            // Gone since it was found, or not to be read by this server: for a client there is no difference.
            tracing::debug!(path = %path.display(), "open: {error}");
            return None;
        }
    };
    let (status, range) = match evaluate(fields, &version) {
        Verdict::Whole => (StatusCode::OK, 0..version.length),
        Verdict::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Verdict::NotModified => (StatusCode::NOT_MODIFIED, 0..0),
        Verdict::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, 0..0),
        Verdict::NotSatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let media_type = if status.is_success() { content_type::of(name) } else { TEXT };
    let mut head = head(status, media_type, Some(range.end - range.start));
    let headers = head.headers_mut();
    let value = |text: String| HeaderValue::try_from(text).expect("it is ASCII");
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, version.length);
            headers.insert(header::CONTENT_RANGE, value(content_range));
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            headers.insert(header::CONTENT_RANGE, value(format!("bytes */{}", version.length)));
        }
        StatusCode::NOT_MODIFIED => {
            // They describe a body that is not there.
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_LENGTH);
        }
        _ => {}
    }
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::LAST_MODIFIED, value(httpdate::fmt_http_date(version.modified)));
        headers.insert(header::ETAG, value(version.etag));
    }
    let left = if method != Method::HEAD && status.is_success() { range.end - range.start } else { 0 };
    let sought = file.seek(SeekFrom::Start(range.start));
    Some((head, Pieces { path: path.into(), file: sought.map(|_| file), left }))
}

/// What an answer has promised of a file, piece by piece.
pub(super) struct Pieces {
    path: PathBuf,
    file: io::Result<File>,
    left: u64,
}

/// The rest can't be read. Why is logged.
pub(super) struct Broken;

impl Iterator for Pieces {
    type Item = Result<Bytes, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let piece = self.file.as_mut().map_err(|error| error.to_string()).and_then(|file| read(file, self.left));
        Some(match piece {
            Ok(piece) => {
                self.left -= piece.len() as u64;
                Ok(piece)
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), "read: {error}");
                Err(Broken)
            }
        })
    }
}

/// A file's content, piece by piece.
pub(crate) fn chunks(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Bytes>>> {
    let mut file = File::open(path)?;
    Ok(std::iter::from_fn(move || {
        let mut chunk = vec![0; CHUNK];
        match file.read(&mut chunk) {
            Ok(0) => None,
            Ok(length) => {
                chunk.truncate(length);
                Some(Ok(chunk.into()))
            }
            Err(error) => Some(Err(error)),
        }
    }))
}

/// The next bytes of a file that has to have `left` more.
fn read(file: &mut File, left: u64) -> Result<Bytes, String> {
    let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
    match file.read(&mut chunk) {
        Ok(0) => Err("it has become shorter".into()),
        Ok(length) => {
            chunk.truncate(length);
            Ok(chunk.into())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a few files, and a link that leads out of it.
    fn with_root(test: impl FnOnce(&Root)) {
        let name = std::thread::current().name().unwrap_or_default().replace("::", "-");
        let outside = std::env::temp_dir().join(format!("socket-iwa-{}-{name}", std::process::id()));
        let inside = outside.join("root");
        fs::create_dir_all(inside.join("sub dir")).unwrap();
        fs::create_dir_all(inside.join(".well-known")).unwrap();
        for file in ["root/index.html", "root/sub dir/a.txt", "root/.hidden", "root/.well-known/x", "secret", "root/ä%"]
        {
            fs::write(outside.join(file), file).unwrap();
        }
        std::os::unix::fs::symlink("../secret", inside.join("out")).unwrap();
        std::os::unix::fs::symlink("sub dir/a.txt", inside.join("in")).unwrap();
        test(&Root::new(&inside).unwrap());
        fs::remove_dir_all(outside).unwrap();
    }

    #[test]
    fn paths_name_files_and_directories() {
        with_root(|root| {
            let file = |name: &str| Some(Found::File(root.0.join(name)));
            assert_eq!(root.find("/"), file("index.html"));
            assert_eq!(root.find("/sub%20dir/a.txt"), file("sub dir/a.txt"));
            assert_eq!(root.find("/%C3%A4%25"), file("ä%"));
            assert_eq!(root.find("/.well-known/x"), file(".well-known/x"));
            assert_eq!(root.find("/in"), file("sub dir/a.txt"));
            assert_eq!(root.find("/sub%20dir"), Some(Found::Directory));
            assert_eq!(root.find("/sub%20dir/"), None);
        });
    }

    #[test]
    fn nothing_outside_is_found() {
        with_root(|root| {
            for path in [
                "/../secret",
                "/%2e%2e/secret",
                "/.%2E/secret",
                "/..%2fsecret",
                "/sub%20dir/../../secret",
                "/sub%20dir/..",
                "/out",
                "//secret",
                "/index.html/",
                "/index.html%00",
                "/index.html%",
                "/index.html%4",
                "/%ff",
                "/.hidden",
                "/./index.html",
                "secret",
                "",
            ] {
                assert_eq!(root.find(path), None, "{path}");
            }
        });
    }
}
