use chrono::{FixedOffset, TimeZone};
use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    // A Tuesday.
    Utc.with_ymd_and_hms(2026, 11, 24, 12, 30, 5).unwrap()
}

fn in_zone(text: &str, zone: &str) -> Result<String, DateError> {
    let zone: Zone = zone.parse().unwrap();
    parse_date(text, now(), &zone).map(|d| d.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
}

fn at(text: &str) -> Result<String, DateError> {
    in_zone(text, "UTC")
}

#[test]
fn every_form_of_the_contract_is_read() {
    for (text, date) in [
        ("2019-09-23", "2019-09-23T00:00:00Z"),
        ("2019-09", "2019-09-01T00:00:00Z"),
        ("2019", "2019-01-01T00:00:00Z"),
        ("2019-9", "2019-09-01T00:00:00Z"),
        ("2018-3-5", "2018-03-05T00:00:00Z"),
        ("2018/03/05", "2018-03-05T00:00:00Z"),
        ("2018/3/5 10:00", "2018-03-05T10:00:00Z"),
        ("2018/3", "2018-03-01T00:00:00Z"),
        ("5 Mar 2018", "2018-03-05T00:00:00Z"),
        ("05 march 2018 09:30", "2018-03-05T09:30:00Z"),
        ("Mar 5 2018", "2018-03-05T00:00:00Z"),
        ("March 5th, 2018", "2018-03-05T00:00:00Z"),
        ("Mar 2018", "2018-03-01T00:00:00Z"),
        ("31/12/2018", "2018-12-31T00:00:00Z"),
        ("12/31/2018 10:00", "2018-12-31T10:00:00Z"),
        ("5.5.2018", "2018-05-05T00:00:00Z"),
        ("last monday", "2026-11-23T00:00:00Z"),
        ("Last Tuesday", "2026-11-17T00:00:00Z"),
        ("last fri 18:00", "2026-11-20T18:00:00Z"),
        ("1mo", "2026-10-25T12:30:05Z"),
        ("2019-09-23 10:00", "2019-09-23T10:00:00Z"),
        ("2019-09-23 10:00:07", "2019-09-23T10:00:07Z"),
        ("2019-09-23T10:00:07", "2019-09-23T10:00:07Z"),
        ("2019-09-23T10", "2019-09-23T10:00:00Z"),
        ("2019-09-23T10:00:00Z", "2019-09-23T10:00:00Z"),
        ("2019-09-23t10:00:00z", "2019-09-23T10:00:00Z"),
        ("2019-09-23T10:00:00.250Z", "2019-09-23T10:00:00.250Z"),
        ("2019-09-23T10:00:00+02:00", "2019-09-23T08:00:00Z"),
        ("2019-09-23T10:00:00-02:30", "2019-09-23T12:30:00Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z"),
        ("now", "2026-11-24T12:30:05Z"),
        ("today", "2026-11-24T00:00:00Z"),
        ("Yesterday", "2026-11-23T00:00:00Z"),
        ("10:00", "2026-11-24T10:00:00Z"),
        ("today 10:00", "2026-11-24T10:00:00Z"),
        ("yesterday 09:30:15", "2026-11-23T09:30:15Z"),
        ("tuesday", "2026-11-24T00:00:00Z"),
        ("wednesday", "2026-11-18T00:00:00Z"),
        ("Mon 18:00", "2026-11-23T18:00:00Z"),
        ("90m", "2026-11-24T11:00:05Z"),
        ("3d", "2026-11-21T12:30:05Z"),
        ("1h30m", "2026-11-24T11:00:05Z"),
        ("1 week ago", "2026-11-17T12:30:05Z"),
        ("2 days 3h  Ago", "2026-11-22T09:30:05Z"),
    ] {
        assert_eq!(at(text).as_deref(), Ok(date), "{text}");
    }
}

#[test]
fn what_machines_write_is_read() {
    for (text, date) in [
        // date -Is, -Ins, -Ih, -R, --rfc-3339=ns
        ("2019-09-23T10:00:00+02:00", "2019-09-23T08:00:00Z"),
        (
            "2019-09-23T10:00:00,123456789+02:00",
            "2019-09-23T08:00:00.123456789Z",
        ),
        ("2019-09-23T10+02:00", "2019-09-23T08:00:00Z"),
        ("Mon, 23 Sep 2019 10:00:00 +0200", "2019-09-23T08:00:00Z"),
        (
            "2019-09-23 10:00:00.123456789+02:00",
            "2019-09-23T08:00:00.123456789Z",
        ),
        // PostgreSQL, git, Go, Python, HTTP, and ISO 8601 without its dashes
        ("2019-09-23 10:00:00+00", "2019-09-23T10:00:00Z"),
        (
            "2019-09-23 10:00:00.123456-05:30",
            "2019-09-23T15:30:00.123456Z",
        ),
        ("2019-09-23 10:00:00 +0200", "2019-09-23T08:00:00Z"),
        (
            "2019-09-23 10:00:00.5 +0200 CEST",
            "2019-09-23T08:00:00.500Z",
        ),
        ("2019-09-23 10:00:00 UTC", "2019-09-23T10:00:00Z"),
        (
            "2019-09-23T10:00:00.123456+00:00",
            "2019-09-23T10:00:00.123456Z",
        ),
        ("Mon, 23 Sep 2019 10:00:00 GMT", "2019-09-23T10:00:00Z"),
        ("20190923T100000Z", "2019-09-23T10:00:00Z"),
        ("20190923T1000+0200", "2019-09-23T08:00:00Z"),
    ] {
        assert_eq!(at(text).as_deref(), Ok(date), "{text}");
    }
}

#[test]
fn numbers_are_unix_times_told_apart_by_their_length() {
    for (text, date) in [
        ("0", "1970-01-01T00:00:00Z"),
        ("999999999", "2001-09-09T01:46:39Z"),
        ("1569232800", "2019-09-23T10:00:00Z"),
        ("1569232800.25", "2019-09-23T10:00:00.250Z"),
        ("1569232800,123456789", "2019-09-23T10:00:00.123456789Z"),
        ("156923280012", "1974-12-22T05:48:00.012Z"),
        ("1569232800123", "2019-09-23T10:00:00.123Z"),
        ("1569232800123456", "2019-09-23T10:00:00.123456Z"),
        ("1569232800123456789", "2019-09-23T10:00:00.123456789Z"),
        ("@1569232800", "2019-09-23T10:00:00Z"),
        ("@86400", "1970-01-02T00:00:00Z"),
        ("@2019092310.5", "2033-12-25T02:58:30.500Z"),
        ("@253402300799", "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(at(text).as_deref(), Ok(date), "{text}");
    }
}

#[test]
fn digits_that_can_be_a_calendar_date_are_refused_with_the_date_written_out() {
    for (text, meant) in [
        ("201909", "2019-09"),
        ("20190923", "2019-09-23"),
        ("2019092310", "2019-09-23 10:00"),
        ("201909231000", "2019-09-23 10:00"),
        ("20190923100007", "2019-09-23 10:00:07"),
        ("20190923100007123", "2019-09-23 10:00:07"),
    ] {
        let error = at(text).unwrap_err();
        assert!(matches!(error, DateError::TwoReadings { .. }), "{error}");
        assert!(error.to_string().contains(meant), "{error}");
        assert!(at(meant).is_ok(), "{meant}");
    }
}

#[test]
fn days_and_months_that_can_be_taken_for_each_other_are_refused_with_both() {
    for text in ["03/05/2018", "3.5.2018", "03-05-2018 10:00"] {
        let error = at(text).unwrap_err().to_string();
        assert!(error.contains("2018-05-03 or 2018-03-05"), "{error}");
    }
    for text in [
        "40/50/2018",
        "5/5/18",
        "last day",
        "5 Mar",
        "Mar 32",
        "5 Foo 2018",
    ] {
        assert!(matches!(at(text), Err(DateError::Form(_))), "{text}");
    }
    for (text, readings) in [
        ("last week", "write 7d for so long ago, or 2026-11-16 for"),
        ("Last month", "write 1mo for so long ago, or 2026-10-01 for"),
        ("last year", "write 1y for so long ago, or 2025-01-01 for"),
    ] {
        let error = at(text).unwrap_err().to_string();
        assert!(error.contains(readings), "{error}");
    }
    let error = at("30 Feb 2019").unwrap_err().to_string();
    assert!(error.contains("February 2019 has 28 days"), "{error}");
}

#[test]
fn a_number_of_another_length_is_refused_with_the_lengths_there_are() {
    for text in [
        "1",
        "10",
        "930",
        "12345",
        "190923",
        "99999999999",
        "99999999999999",
        "12.5",
    ] {
        let error = at(text).unwrap_err();
        assert!(matches!(error, DateError::Digits { .. }), "{text}: {error}");
    }
    for (text, said) in [("3", "has 1 digit; "), ("12345", "has 5 digits; ")] {
        let error = at(text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_date_that_does_not_exist_says_why() {
    for (text, why) in [
        ("2019-02-29", "February 2019 has 28 days"),
        ("2020-02-30", "February 2020 has 29 days"),
        ("2019-04-31T10:00:00Z", "April 2019 has 30 days"),
        ("2019-13-01", "the months are 01 to 12, not 13"),
        ("2019-00", "the months are 01 to 12, not 00"),
        ("2019-09-00", "a month begins with day 01"),
        (
            "2019-09-23 25:00",
            "the hours of a day are 00 to 23, not 25",
        ),
        ("2019-09-23 24:00", "24:00 is 00:00 of the next day"),
        ("today 10:60", "the minutes of an hour are 00 to 59, not 60"),
        ("10:00:61", "the seconds of a minute are 00 to 59, not 61"),
    ] {
        let error = at(text).unwrap_err().to_string();
        assert!(
            error.contains(why) && error.contains(&shown(text)),
            "{error}"
        );
    }
}

#[test]
fn years_before_1970_and_after_9999_are_refused() {
    for text in [
        "1969-12-31",
        "1969-12-31T23:59:59Z",
        "0000-01",
        "@253402300800",
        "@99999999999999999",
        "60y",
        "9000 years ago",
        "Wed, 31 Dec 1969 10:00:00 GMT",
    ] {
        let error = at(text).unwrap_err();
        assert!(matches!(error, DateError::OutOfRange(_)), "{text}: {error}");
    }
    assert_eq!(
        at("9999-12-31T23:59:59Z").as_deref(),
        Ok("9999-12-31T23:59:59Z")
    );
    // The year is in range; its first hours are before 1970 in UTC.
    assert_eq!(
        in_zone("1970-01-01", "Asia/Tokyo").as_deref(),
        Ok("1970-01-01T00:00:00Z")
    );
    assert_eq!(
        at("1970-01-01T00:00:00+09:00").as_deref(),
        Ok("1970-01-01T00:00:00Z")
    );
    assert!(
        in_zone("9999-12-31 23:00", "America/New_York")
            .unwrap()
            .starts_with("9999-12-31T23:59:59")
    );
}

#[test]
fn a_plus_that_arrived_as_a_blank_is_read_as_the_plus_it_was() {
    for text in [
        "2019-09-23T10:00:00+02:00",
        "2019-09-23 10:00+02:00",
        "2019-09-23T10+02:00",
        "2019-09-23 10:00:00+00",
        "2019-09-23 10:00:00 +0200",
        "2019-09-23T10:00:00,123+02:00",
        "2019-09-23 10:00:00 +0200 CEST",
        "20190923T1000+0200",
        "Mon, 23 Sep 2019 10:00:00 +0200",
    ] {
        assert!(at(text).is_ok(), "{text}");
        assert_eq!(at(&text.replace('+', " ")), at(text), "{text}");
    }
    assert_eq!(
        at("2019-09-23 02:00").as_deref(),
        Ok("2019-09-23T02:00:00Z")
    );
}

#[test]
fn without_an_offset_the_clocks_of_the_zone_say_when() {
    for (text, zone, date) in [
        ("2019-09-23", "Europe/Berlin", "2019-09-22T22:00:00Z"),
        ("2019-09-23 10:00", "Asia/Kolkata", "2019-09-23T04:30:00Z"),
        ("today", "Pacific/Auckland", "2026-11-24T11:00:00Z"),
        ("mon", "Pacific/Auckland", "2026-11-22T11:00:00Z"),
        ("10:00", "America/New_York", "2026-11-24T15:00:00Z"),
        // The earlier of two, and a day without a midnight.
        (
            "2019-11-03 01:30",
            "America/New_York",
            "2019-11-03T05:30:00Z",
        ),
        ("2023-04-28", "Africa/Cairo", "2023-04-27T22:00:00Z"),
        ("2019-09-23", "CET-1CEST", "2019-09-22T22:00:00Z"),
    ] {
        assert_eq!(in_zone(text, zone).as_deref(), Ok(date), "{text} {zone}");
    }
    let error = in_zone("2019-03-10 02:30", "America/New_York").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("America/New_York: the clocks skip it"),
        "{error}"
    );
}

#[test]
fn what_is_no_date_is_refused_by_value() {
    for text in [
        "",
        " ",
        "tomorrowish",
        "2019-09-23T",
        "2019-09-23T1",
        "2019-09-23T1:00",
        "2019-09-23T10:00+99:00",
        "2019-09-23x10:00",
        "2019-09-23T10:00.5",
        "2019-09-23T10:00:00.",
        "2019-09-23+02:00",
        "-5",
        "99999999999999999999",
        "9999999999999999y",
        "@",
        "@-5",
        "@1.5.5",
        "1.5.5",
        "today x",
        "mon 1:00",
        "ago",
        " ago",
        "monda",
        "2019-09-23T10:00:00 +02:00 x",
        "10:",
        "20190923T100",
        "2019-09-23T10:00:00+0200 cest",
    ] {
        let error = at(text).unwrap_err().to_string();
        assert!(error.contains(&shown(text)), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_date_in_range_or_a_refusal(text: String) {
        in_range_or_refused(&text);
    }

    #[test]
    fn anything_date_like_is_a_date_in_range_or_a_refusal(
        text in "(today|mon|@)? ?[0-9]{0,4}-?[0-9]{0,4}-?[0-9]{0,12}[T ]?[0-9:., é]{0,14}[+ Z-]?[0-9:]{0,6}( ago| UTC)?",
    ) {
        in_range_or_refused(&text);
    }

    #[test]
    fn any_number_is_a_moment_within_reach_or_refused(digits in "[0-9]{1,40}") {
        in_range_or_refused(&digits);
        if let Ok(date) = at(&digits) {
            // What clocks say within two centuries.
            prop_assert!(date.as_str() < "2286-12", "{digits}: {date}");
        }
    }

    #[test]
    fn every_moment_survives_what_machines_write(nanos in 0i64..i64::MAX, offset in -1439i32..1439) {
        let date = DateTime::from_timestamp_nanos(nanos);
        let zone = FixedOffset::east_opt(offset * 60).unwrap();
        let local = date.with_timezone(&zone);
        prop_assume!(chrono::Datelike::year(&local) >= 1970);
        for pattern in ["%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S,%9f%z", "%Y-%m-%d %H:%M:%S%.9f %z"] {
            let text = local.format(pattern).to_string();
            prop_assert_eq!(parse_date(&text, date, &Zone::UTC), Ok(date));
            prop_assert_eq!(parse_date(&text.replace('+', " "), date, &Zone::UTC), Ok(date));
        }
    }
}

fn in_range_or_refused(text: &str) {
    for zone in ["UTC", "America/St_Johns"] {
        if let Ok(date) = parse_date(text, now(), &zone.parse().unwrap()) {
            assert!((0..END).contains(&date.timestamp()), "{text}: {date}");
        }
    }
}
