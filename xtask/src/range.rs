//! The `Range` header of HTTP (RFC 9110, section 14).

use std::ops::Range;

/// What a request asks of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it: there is no range, or one that a server may ignore.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that the file does not have.
    Beyond,
}

/// Reads the header's value for a file of `length` bytes. Of several ranges none is honoured, which the RFC allows.
pub fn parse(value: &str, length: u64) -> Asked {
    let Some((first, last)) = value
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Asked::Whole;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(last)) if first.is_empty() => length.saturating_sub(last)..length,
        _ => return Asked::Whole,
    };
    if range.is_empty() {
        Asked::Beyond
    } else {
        Asked::Part(range)
    }
}

/// Digits only: `u64::from_str` would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_rfc() {
        // RFC 9110, section 14.1.2: a file of 10,000 bytes.
        assert_eq!(parse("bytes=0-499", 10_000), Asked::Part(0..500));
        assert_eq!(parse("bytes=500-999", 10_000), Asked::Part(500..1_000));
        assert_eq!(parse("bytes=-500", 10_000), Asked::Part(9_500..10_000));
        assert_eq!(parse("bytes=9500-", 10_000), Asked::Part(9_500..10_000));
        assert_eq!(
            parse("bytes=9999-20000", 10_000),
            Asked::Part(9_999..10_000)
        );
        assert_eq!(parse("bytes=-20000", 10_000), Asked::Part(0..10_000));
    }

    #[test]
    fn ranges_beyond_the_file() {
        assert_eq!(parse("bytes=10000-", 10_000), Asked::Beyond);
        assert_eq!(parse("bytes=10000-10001", 10_000), Asked::Beyond);
        assert_eq!(parse("bytes=-0", 10_000), Asked::Beyond);
        assert_eq!(parse("bytes=0-0", 0), Asked::Beyond);
    }

    #[test]
    fn what_is_no_single_range_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=5-4",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=0-99999999999999999999999",
        ] {
            assert_eq!(parse(value, 10_000), Asked::Whole, "{value}");
        }
        assert_eq!(
            parse("bytes=0-18446744073709551615", 10_000),
            Asked::Part(0..10_000)
        );
    }
}
