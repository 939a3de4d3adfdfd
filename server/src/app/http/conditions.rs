//! Whether a request wants a file at all, and which part of it: preconditions (RFC 9110, section 13) and ranges (section
//! 14). It knows a file's validators and length, and nothing of files.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};

/// What tells one version of a file from another.
pub(super) struct Version {
    pub(super) etag: String,
    pub(super) modified: SystemTime,
    pub(super) length: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// 200.
    Whole,
    /// 206.
    Part(Range<u64>),
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    NotSatisfiable,
}

/// Evaluates a GET or HEAD, in the order of RFC 9110, section 13.2.2.
pub(super) fn evaluate(headers: &HeaderMap, version: &Version) -> Verdict {
    let modified_after = |name| date(headers, name).map(|date| whole_seconds(version.modified) > date);
    let failed = match tags(headers, header::IF_MATCH) {
        Some(tags) => !tags.matches(&version.etag, false),
        None => modified_after(header::IF_UNMODIFIED_SINCE) == Some(true),
    };
    if failed {
        return Verdict::PreconditionFailed;
    }
    let known = match tags(headers, header::IF_NONE_MATCH) {
        Some(tags) => tags.matches(&version.etag, true),
        None => modified_after(header::IF_MODIFIED_SINCE) == Some(false),
    };
    if known {
        return Verdict::NotModified;
    }
    if !range_is_of(headers, version) {
        return Verdict::Whole;
    }
    range(headers, version.length)
}

/// Whether `if-range` leaves the range in force (section 13.1.5).
fn range_is_of(headers: &HeaderMap, version: &Version) -> bool {
    let Some(value) = text(headers, header::IF_RANGE) else {
        return true;
    };
    if value.contains('"') {
        return value == version.etag;
    }
    httpdate::parse_http_date(value).is_ok_and(|date| date == whole_seconds(version.modified))
}

/// The one range that is asked for. Several, another unit, or what is no range are answered with the whole (section 14.2).
fn range(headers: &HeaderMap, length: u64) -> Verdict {
    let parsed = text(headers, header::RANGE).and_then(|value| {
        let (first, last) = value.strip_prefix("bytes=")?.trim().split_once('-')?;
        let number = |digits: &str| match digits {
            "" => Some(None),
            // `parse` alone would take a sign.
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Some(digits.parse().unwrap_or(u64::MAX)))
            }
            _ => None,
        };
        Some((number(first)?, number(last)?))
    });
    match parsed {
        Some((Some(first), last)) if last.is_none_or(|last| first <= last) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            if first < length { Verdict::Part(first..end) } else { Verdict::NotSatisfiable }
        }
        Some((None, Some(suffix))) => match suffix.min(length) {
            0 => Verdict::NotSatisfiable,
            suffix => Verdict::Part(length - suffix..length),
        },
        _ => Verdict::Whole,
    }
}

struct Tags<'a>(Vec<&'a str>);

impl Tags<'_> {
    /// Compares weakly or strongly (section 8.8.3.2); the file's own tag is a strong one.
    fn matches(&self, etag: &str, weakly: bool) -> bool {
        self.0.iter().any(|tag| match tag.strip_prefix("W/") {
            Some(weak) => weakly && weak == etag,
            None => *tag == "*" || *tag == etag,
        })
    }
}

/// The entity tags of a header; None without it.
fn tags(headers: &HeaderMap, name: HeaderName) -> Option<Tags<'_>> {
    let values = headers.get_all(name);
    let tags: Vec<_> =
        values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    (values.iter().next().is_some()).then(|| Tags(tags.into_iter().map(str::trim).collect()))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

/// HTTP's dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// What a request with these headers gets of a file of ten bytes, modified at 784111777.5 s.
    fn verdict(headers: &[(&'static str, &'static str)]) -> Verdict {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        let version = Version { etag: "\"tag\"".into(), modified, length: 10 };
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        evaluate(&headers.collect(), &version)
    }

    /// The second in which the file was modified, the one before, and the one after.
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[test]
    fn a_range_is_a_first_and_a_last_byte_or_a_suffix() {
        for (range, expected) in [
            ("bytes=0-0", Verdict::Part(0..1)),
            ("bytes=2-5", Verdict::Part(2..6)),
            ("bytes=2-", Verdict::Part(2..10)),
            ("bytes=2-99999999999999999999999", Verdict::Part(2..10)),
            ("bytes=-3", Verdict::Part(7..10)),
            ("bytes=-30", Verdict::Part(0..10)),
            ("bytes=10-", Verdict::NotSatisfiable),
            ("bytes=99999999999999999999999-", Verdict::NotSatisfiable),
            ("bytes=-0", Verdict::NotSatisfiable),
        ] {
            assert_eq!(verdict(&[("range", range)]), expected, "{range}");
        }
    }

    #[test]
    fn what_is_no_single_range_gets_the_whole() {
        for range in ["bytes=5-2", "bytes=0-1,3-4", "bytes=-", "bytes=+1-2", "bytes=a-b", "lines=1-2", "bytes", ""] {
            assert_eq!(verdict(&[("range", range)]), Verdict::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole() {
        for (condition, expected) in [
            ("\"tag\"", Verdict::Part(0..1)),
            (SAME, Verdict::Part(0..1)),
            ("\"other\"", Verdict::Whole),
            ("W/\"tag\"", Verdict::Whole),
            (AFTER, Verdict::Whole),
            ("nonsense", Verdict::Whole),
        ] {
            assert_eq!(verdict(&[("range", "bytes=0-0"), ("if-range", condition)]), expected, "{condition}");
        }
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        for tags in ["\"tag\"", "W/\"tag\"", "*", "\"a\", \"tag\""] {
            assert_eq!(verdict(&[("if-none-match", tags)]), Verdict::NotModified, "{tags}");
        }
        assert_eq!(verdict(&[("if-none-match", "\"other\"")]), Verdict::Whole);
        assert_eq!(verdict(&[("if-modified-since", SAME)]), Verdict::NotModified);
        assert_eq!(verdict(&[("if-modified-since", BEFORE)]), Verdict::Whole);
        assert_eq!(verdict(&[("if-modified-since", "yesterday")]), Verdict::Whole);
        // The tag decides where both are there.
        assert_eq!(verdict(&[("if-none-match", "\"other\""), ("if-modified-since", SAME)]), Verdict::Whole);
    }

    #[test]
    fn a_precondition_that_does_not_hold_fails_first() {
        assert_eq!(verdict(&[("if-match", "\"other\""), ("if-none-match", "*")]), Verdict::PreconditionFailed);
        assert_eq!(verdict(&[("if-match", "W/\"tag\"")]), Verdict::PreconditionFailed);
        assert_eq!(verdict(&[("if-match", "*")]), Verdict::Whole);
        assert_eq!(verdict(&[("if-unmodified-since", BEFORE)]), Verdict::PreconditionFailed);
        assert_eq!(verdict(&[("if-unmodified-since", SAME)]), Verdict::Whole);
    }
}
