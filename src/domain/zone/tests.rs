use super::*;
use proptest::prelude::*;

fn second(text: &str) -> i64 {
    text.parse::<DateTime<Utc>>().unwrap().timestamp()
}

/// Local times are read as if they were UTC.
fn moments(zone: &str, local: &str) -> Moments {
    zone.parse::<Zone>().unwrap().moments_of(second(local))
}

#[test]
fn names_are_read_in_any_case_and_what_is_no_zone_is_refused_by_value() {
    for (text, name) in [
        ("europe/berlin", "Europe/Berlin"),
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("utc", "UTC"),
        ("Etc/UTC", "UTC"),
        ("CET-1CEST", "CET-1CEST"),
    ] {
        assert_eq!(text.parse::<Zone>().unwrap().name(), Some(name), "{text}");
    }
    let long = "A".repeat(10_000);
    for text in [
        "",
        " ",
        "Mars/Olympus",
        "Europe/",
        "../etc/passwd",
        "CET-",
        "é",
        &long,
    ] {
        let error = text.parse::<Zone>().unwrap_err().to_string();
        assert!(error.contains(&shown(text)), "{error}");
    }
}

#[test]
fn the_clocks_skip_and_repeat_as_they_did() {
    for (zone, local, expected) in [
        (
            "America/New_York",
            "2019-03-10T02:30:00Z",
            Moments::Skipped(second("2019-03-10T07:00:00Z")),
        ),
        (
            "America/New_York",
            "2019-11-03T01:30:00Z",
            Moments::Two(
                second("2019-11-03T05:30:00Z"),
                second("2019-11-03T06:30:00Z"),
            ),
        ),
        // Half an hour, and a whole day.
        (
            "Australia/Lord_Howe",
            "2019-04-07T01:45:00Z",
            Moments::Two(
                second("2019-04-06T14:45:00Z"),
                second("2019-04-06T15:15:00Z"),
            ),
        ),
        (
            "Pacific/Apia",
            "2011-12-30T12:00:00Z",
            Moments::Skipped(second("2011-12-30T10:00:00Z")),
        ),
        // At midnight.
        (
            "Africa/Cairo",
            "2023-04-28T00:00:00Z",
            Moments::Skipped(second("2023-04-27T22:00:00Z")),
        ),
        (
            "Asia/Kolkata",
            "2019-09-23T00:00:00Z",
            Moments::One(second("2019-09-22T18:30:00Z")),
        ),
        // A rule without dates changes as in the United States, as glibc has it.
        (
            "CET-1CEST",
            "2019-03-20T00:00:00Z",
            Moments::One(second("2019-03-19T22:00:00Z")),
        ),
        (
            "CET-1CEST",
            "2019-03-01T00:00:00Z",
            Moments::One(second("2019-02-28T23:00:00Z")),
        ),
        // At 26 hours: on the Friday before the last Sunday.
        (
            "IST-2IDT,M3.4.4/26,M10.5.0",
            "2019-03-29T02:00:00Z",
            Moments::Skipped(second("2019-03-29T00:00:00Z")),
        ),
    ] {
        assert_eq!(moments(zone, local), expected, "{zone} {local}");
    }
}

#[test]
fn a_file_is_a_zone_without_a_name() {
    let zone = Zone::of_file(&file("CET-1CEST,M3.5.0,M10.5.0/3")).unwrap();
    assert_eq!(zone.name(), None);
    assert_eq!(zone.offset_at(second("2019-07-01T00:00:00Z")), 7_200);
    assert_eq!(zone, zone.clone());
    assert!(Zone::of_file(b"no zone").is_none());
}

/// A TZif file of a rule alone: UTC in its table, which is of no moment.
fn file(rule: &str) -> Vec<u8> {
    let mut table = b"TZif2".to_vec();
    table.extend([0; 15]);
    // Types and letters of abbreviations: one and four.
    for count in [0u32, 0, 0, 0, 1, 4] {
        table.extend(count.to_be_bytes());
    }
    table.extend([0; 6]);
    table.extend(b"UTC\0");
    let footer = format!("\n{rule}\n");
    [&table, &table, footer.as_bytes()].concat()
}

proptest! {
    #[test]
    fn any_text_is_a_zone_or_a_refusal(text in "\\PC{0,40}|[A-Z]{1,5}[-+0-9:]{1,9}[A-Z]{0,5}(,[MJ0-9./:-]{0,20}){0,3}") {
        if let Ok(zone) = text.parse::<Zone>() {
            let span = zone.span_at(1_569_232_800);
            prop_assert!(span.from <= 1_569_232_800 && 1_569_232_800 < span.to);
            prop_assert!(span.offset.abs() < LARGEST_OFFSET);
            let _ = zone.moments_of(1_569_232_800);
        }
    }

    #[test]
    fn every_moment_is_among_those_of_the_time_its_clocks_show(
        moment in 0i64..253_402_300_800,
        zone in prop::sample::select(&["America/New_York", "Australia/Lord_Howe", "Africa/Cairo",
            "Africa/Casablanca", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Africa/Monrovia",
            "Antarctica/Troll", "IST-2IDT,M3.4.4/26,M10.5.0", "CET-1CEST"]),
    ) {
        let moment = moment - moment % 60;
        let zone: Zone = zone.parse().unwrap();
        let span = zone.span_at(moment);
        prop_assert!(span.from <= moment && moment < span.to);
        prop_assert_eq!((zone.offset_at(span.from.max(0)), zone.offset_at(span.to - 1)),
            if span.from >= 0 { (span.offset, span.offset) } else { (zone.offset_at(0), span.offset) });
        match zone.moments_of(moment + span.offset) {
            Moments::One(one) => prop_assert_eq!(one, moment),
            Moments::Two(one, two) => prop_assert!(one == moment || two == moment),
            Moments::Skipped(_) => prop_assert!(false, "it was shown"),
        }
    }
}
