//! Conditional requests and ranges (RFC 9110, sections 13 and 14).

use std::ops::RangeInclusive;

use axum::http::{HeaderMap, HeaderName, Method, header};
use chrono::{DateTime, SubsecRound, Utc};

/// What is known of the version that would be answered.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// Its entity tag with quotes, for example `"abc"`; strong unless it begins with `W/`.
    pub etag: &'a str,
    /// When it was last changed, if that is known.
    pub modified: Option<DateTime<Utc>>,
}

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// The request is answered as if it had none.
    Passed,
    /// 304: the client has this version.
    NotModified,
    /// 412: the client wants another version.
    Failed,
}

/// The part of a representation that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// 200: all of it.
    Whole,
    /// 206: these bytes, both ends included.
    Part(RangeInclusive<u64>),
    /// 416: it is not that long.
    Unsatisfiable,
}

impl Validators<'_> {
    /// Evaluates the conditions in the order that section 13.2.2 wants. `method` is `GET`, `HEAD` or one that changes.
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Precondition {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if headers.contains_key(header::IF_MATCH) {
            if !tags(headers, header::IF_MATCH).any(|tag| tag == "*" || self.is_strongly(tag)) {
                return Precondition::Failed;
            }
        } else if let (Some(since), Some(modified)) = (date(headers, &header::IF_UNMODIFIED_SINCE), self.modified())
            && modified > since
        {
            return Precondition::Failed;
        }
        if headers.contains_key(header::IF_NONE_MATCH) {
            if tags(headers, header::IF_NONE_MATCH).any(|tag| tag == "*" || self.is_weakly(tag)) {
                return if reads { Precondition::NotModified } else { Precondition::Failed };
            }
        } else if let (true, Some(since), Some(modified)) =
            (reads, date(headers, &header::IF_MODIFIED_SINCE), self.modified())
            && modified <= since
        {
            return Precondition::NotModified;
        }
        Precondition::Passed
    }

    /// The range of a `GET`, of a representation with this many bytes. Several at once are not cut out: the whole is a right
    /// answer too (section 14.2). So is it for what cannot be read, and for a range of another version (`If-Range`).
    pub fn range(&self, method: &Method, headers: &HeaderMap, size: u64) -> Range {
        let request = headers.get(header::RANGE).filter(|_| *method == Method::GET && self.is_same_version(headers));
        request.and_then(|value| value.to_str().ok()).and_then(|value| parse(value, size)).unwrap_or(Range::Whole)
    }

    fn is_same_version(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::IF_RANGE) else { return true };
        let Some(value) = value.to_str().ok().map(str::trim) else { return false };
        if value.ends_with('"') {
            return self.is_strongly(value);
        }
        // A date has to be the very one (section 13.1.5).
        DateTime::parse_from_rfc2822(value).is_ok_and(|date| self.modified() == Some(date.to_utc()))
    }

    /// Dates of HTTP have seconds.
    fn modified(&self) -> Option<DateTime<Utc>> {
        self.modified.map(|modified| modified.trunc_subsecs(0))
    }

    fn is_strongly(&self, tag: &str) -> bool {
        !tag.starts_with("W/") && tag == self.etag
    }

    fn is_weakly(&self, tag: &str) -> bool {
        opaque(tag) == opaque(self.etag)
    }
}

/// As HTTP writes a date: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(date: DateTime<Utc>) -> String {
    date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// What is no date is no condition (section 13.1.3).
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<DateTime<Utc>> {
    let text = headers.get(name)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|date| date.to_utc())
}

/// The entity tags of a list, over all headers of that name; `*` is one of them. A comma within quotes belongs to the tag.
fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| {
        let mut rest = value;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let weak = if rest.starts_with("W/") { 2 } else { 0 };
            let end = if rest[weak..].starts_with('"') {
                weak + 1 + rest[weak + 1..].find('"')? + 1
            } else {
                rest.find(',').unwrap_or(rest.len())
            };
            let (tag, after) = rest.split_at(end);
            rest = after;
            Some(tag.trim()).filter(|tag| !tag.is_empty())
        })
    })
}

/// `None` if it is no single range of bytes that can be read.
fn parse(text: &str, size: u64) -> Option<Range> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Too large for a number is as good as the end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let end = size.checked_sub(1);
    if first.is_empty() {
        let suffix = number(last)?;
        let part = end.filter(|_| suffix > 0).map(|end| Range::Part(size.saturating_sub(suffix)..=end));
        return Some(part.unwrap_or(Range::Unsatisfiable));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    let part = end.filter(|end| first <= *end).map(|end| Range::Part(first..=last.min(end)));
    Some(part.unwrap_or(Range::Unsatisfiable))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const SIZE: u64 = 100;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn strong() -> Validators<'static> {
        let modified = DateTime::parse_from_rfc2822("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        Validators { etag: "\"abc\"", modified: Some(modified.to_utc()) }
    }

    #[test]
    fn conditions_are_evaluated_in_the_order_of_the_standard() {
        use Precondition::{Failed, NotModified, Passed};
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
        const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (conditions, expected) in [
            (&[][..], Passed),
            (&[(IF_MATCH, "\"abc\"")], Passed),
            (&[(IF_MATCH, "\"x\", \"abc\"")], Passed),
            (&[(IF_MATCH, "*")], Passed),
            (&[(IF_MATCH, "\"x\"")], Failed),
            (&[(IF_MATCH, "W/\"abc\"")], Failed),
            (&[(IF_MATCH, "abc")], Failed),
            (&[(IF_MATCH, "\"abc\""), (IF_UNMODIFIED_SINCE, BEFORE)], Passed),
            (&[(IF_UNMODIFIED_SINCE, BEFORE)], Failed),
            (&[(IF_UNMODIFIED_SINCE, SAME)], Passed),
            (&[(IF_UNMODIFIED_SINCE, "yesterday")], Passed),
            (&[(IF_NONE_MATCH, "\"abc\"")], NotModified),
            (&[(IF_NONE_MATCH, "W/\"abc\"")], NotModified),
            (&[(IF_NONE_MATCH, "\"a,b\",\"abc\"")], NotModified),
            (&[(IF_NONE_MATCH, "*")], NotModified),
            (&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, SAME)], Passed),
            (&[(IF_MODIFIED_SINCE, SAME)], NotModified),
            (&[(IF_MODIFIED_SINCE, BEFORE)], Passed),
            (&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, "\"abc\"")], Failed),
        ] {
            assert_eq!(strong().check(&Method::GET, &headers(conditions)), expected, "{conditions:?}");
        }
        assert_eq!(strong().check(&Method::DELETE, &headers(&[(IF_NONE_MATCH, "*")])), Failed);
    }

    #[test]
    fn weak_etags_never_match_strongly() {
        let weak = Validators { etag: "W/\"abc\"", modified: None };
        let check = |name, value| weak.check(&Method::GET, &headers(&[(name, value)]));
        assert_eq!(check(header::IF_MATCH, "W/\"abc\""), Precondition::Failed);
        assert_eq!(check(header::IF_NONE_MATCH, "\"abc\""), Precondition::NotModified);
    }

    #[test]
    fn a_single_range_is_served_and_anything_else_gets_the_whole_object() {
        for (range, expected) in [
            ("bytes=0-9", Range::Part(0..=9)),
            ("bytes=90-", Range::Part(90..=99)),
            ("bytes=90-1000", Range::Part(90..=99)),
            ("bytes=-10", Range::Part(90..=99)),
            ("bytes=-1000", Range::Part(0..=99)),
            ("BYTES=000-009", Range::Part(0..=9)),
            ("bytes=0-99999999999999999999999", Range::Part(0..=99)),
            ("bytes=100-", Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=9-0", Range::Whole),
            ("bytes=0-1,5-6", Range::Whole),
            ("bytes=", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("items=0-9", Range::Whole),
        ] {
            assert_eq!(strong().range(&Method::GET, &headers(&[(header::RANGE, range)]), SIZE), expected, "{range}");
        }
        assert_eq!(strong().range(&Method::HEAD, &headers(&[(header::RANGE, "bytes=0-9")]), SIZE), Range::Whole);
        assert_eq!(strong().range(&Method::GET, &headers(&[(header::RANGE, "bytes=0-")]), 0), Range::Unsatisfiable);
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole_object() {
        for (version, same) in [
            ("\"abc\"", true),
            ("W/\"abc\"", false),
            ("\"x\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:38 GMT", false),
            ("nonsense", false),
        ] {
            let headers = headers(&[(header::RANGE, "bytes=0-9"), (header::IF_RANGE, version)]);
            assert_eq!(strong().range(&Method::GET, &headers, SIZE) == Range::Part(0..=9), same, "{version}");
        }
    }
}
