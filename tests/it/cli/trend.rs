use serde_json::{Value, json};

use super::{Person, Ran};
use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    lines_add_up_and_name_their_hashtag,
    a_chart_is_drawn_wherever_it_is_asked_for,
    other_formats_hold_the_same_counts,
    a_range_over_a_change_of_the_clock_names_both_offsets,
    days_are_those_of_the_person_and_tags_and_feed_count_the_same,
    a_day_of_24_messages_in_tokyo_is_one_bucket_of_24,
    a_zone_that_cannot_be_read_is_said_aloud,
];

async fn server(on: Backend) -> Server {
    let server = on.server();
    for (text, tags) in [
        ("one", vec!["a"]),
        ("two", vec!["a", "b"]),
        ("three", vec![]),
    ] {
        let body = json!({ "text": text, "hashtags": tags }).to_string();
        assert_eq!(server.post(&body).await.status, 201);
    }
    server
}

fn counts(lines: &str) -> u64 {
    let count = |line: &str| line.split('\t').nth(2).unwrap().parse::<u64>().unwrap();
    lines.lines().map(count).sum()
}

async fn lines_add_up_and_name_their_hashtag(on: Backend) {
    let server = server(on).await;
    let person = Person::of(&server);
    assert_eq!(counts(&person.run(&["trend"]).ok()), 3);
    let both = person
        .run(&["trend", "-t", "a", "--hashtag", "B", "--since", "2h"])
        .ok();
    let of = |tag: &str| {
        let lines: Vec<&str> = both.lines().filter(|line| line.ends_with(tag)).collect();
        counts(&lines.join("\n"))
    };
    assert_eq!((of("\ta"), of("\tb")), (2, 1), "{both}");
    let filled = person
        .run(&[
            "trend",
            "--fill",
            "--since",
            "2019-01-01",
            "--until",
            "2019-01-02",
            "--aggregation",
            "1h",
        ])
        .ok();
    assert_eq!(filled.lines().count(), 24);
    assert_eq!(
        filled.lines().next(),
        Some("2019-01-01T00:00:00Z\t2019-01-01T01:00:00Z\t0")
    );
}

async fn a_chart_is_drawn_wherever_it_is_asked_for(on: Backend) {
    let server = server(on).await;
    let person = Person::of(&server);
    let chart = person
        .run(&["trend", "-o", "chart", "--width", "60", "--since", "1day"])
        .ok();
    assert!(chart.contains("3 messages in total. Peak: 3"), "{chart}");
    assert!(
        chart.contains('█') && chart.lines().all(|line| line.chars().count() <= 60),
        "{chart}"
    );
    let line = person
        .run(&[
            "trend", "-t", "a", "-t", "b", "--style", "line", "--since", "1day",
        ])
        .ok();
    assert!(
        line.contains("● #a  2 in total") && line.contains("○ #b  1 in total"),
        "{line}"
    );
    let spark = person
        .run(&["trend", "--style", "spark", "--since", "1day"])
        .ok();
    assert!(
        spark.ends_with(" 3\n") && spark.lines().count() == 1,
        "{spark}"
    );
}

async fn other_formats_hold_the_same_counts(on: Backend) {
    let server = server(on).await;
    let person = Person::of(&server);
    let json: Value =
        serde_json::from_str(&person.run(&["trend", "--json", "--since", "1day"]).ok()).unwrap();
    let sum = |trends: &[Value]| {
        trends
            .iter()
            .map(|t| t["count"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(sum(json["data"]["trends"].as_array().unwrap()), 3);
    let ndjson = person
        .run(&["trend", "-o", "ndjson", "--since", "1day"])
        .ok();
    let objects: Vec<Value> = ndjson
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(sum(&objects), 3);
    let csv = person
        .run(&["trend", "-o", "csv", "-t", "a", "--since", "1day"])
        .ok();
    assert!(
        csv.starts_with("from_date,to_date,count,hashtag\n") && csv.trim_end().ends_with(",2,a"),
        "{csv}"
    );
}

#[test]
fn what_cannot_be_charted_is_wrong_usage() {
    let person = Person::at("http://127.0.0.1:1");
    person
        .run(&["trend", "--aggregation", "90s"])
        .failed(2, "\"90s\"");
    person
        .run(&["trend", "--aggregation", "1m", "--since", "2000-01-01"])
        .failed(2, "at most 10000");
    person
        .run(&["trend", "--since", "2031-01-01", "--until", "2030-01-01"])
        .failed(2, "--since 2031");
    person.run(&["trend", "--style", "pie"]).failed(2, "'pie'");
    person.run(&["trend", "--width", "5"]).failed(2, "\"5\"");
}

async fn days_are_those_of_the_person_and_tags_and_feed_count_the_same(on: Backend) {
    let server = server(on).await;
    let person = Person::of(&server);
    let run = |arguments: &[&str], zone: &str| {
        let mut command = person.command(arguments);
        Ran::of(command.env("TZ", zone).output().unwrap())
    };
    let range = ["--since", "2019-09-23", "--until", "2019-09-25"];
    for (zone, start) in [
        ("Asia/Tokyo", "2019-09-22T15:00:00Z"),
        ("IST-2IDT,M3.4.4/26,M10.5.0", "2019-09-22T21:00:00Z"),
        ("UTC", "2019-09-23T00:00:00Z"),
    ] {
        let arguments = [&["trend", "--fill", "--aggregation", "day"][..], &range].concat();
        let days = run(&arguments, zone).ok();
        assert_eq!(days.lines().count(), 2, "{zone}: {days}");
        assert!(days.starts_with(start), "{zone}: {days}");
        let utc = run(&[&arguments[..], &["--utc"]].concat(), zone).ok();
        assert!(
            utc.starts_with(start),
            "dates are the person's still: {utc}"
        );
        let listed = run(&["feed", "--since", "2h", "-t", "a"], zone).ok();
        let tags = run(&["tags", "--since", "2h", "--prefix", "a"], zone).ok();
        let trend = run(&["trend", "--since", "2h", "-t", "a", "-a", "day"], zone).ok();
        assert_eq!((listed.lines().count(), counts(&trend)), (2, 2));
        assert_eq!(tags, "a\t2\n");
    }
}

async fn a_day_of_24_messages_in_tokyo_is_one_bucket_of_24(on: Backend) {
    let place = on.place();
    let midnight: chrono::DateTime<chrono::Utc> = "2018-05-08T15:00:00Z".parse().unwrap();
    let lines: String = (0..24)
        .map(|hour| {
            let at = midnight + chrono::Duration::hours(hour) + chrono::Duration::minutes(30);
            let text = format!("hour {hour}");
            let line = json!({"user_name": "ann", "text": text, "created_at": at.to_rfc3339()});
            line.to_string() + "\n"
        })
        .collect();
    let file = place.dir.path().join("messages.ndjson");
    std::fs::write(&file, lines).unwrap();
    let done = place.command(&["import"]).arg(&file).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let server = place.serve(&[]);
    let person = Person::of(&server);
    let days = |zone: &str| {
        let mut command = person.command(&["trend", "-a", "day", "--until", "2018-05-20"]);
        Ran::of(command.env("TZ", zone).output().unwrap()).ok()
    };
    assert_eq!(
        days("Asia/Tokyo"),
        "2018-05-08T15:00:00Z\t2018-05-09T15:00:00Z\t24\n"
    );
    assert_eq!(
        days("UTC"),
        "2018-05-08T00:00:00Z\t2018-05-09T00:00:00Z\t9\n2018-05-09T00:00:00Z\t2018-05-10T00:00:00Z\t15\n"
    );
}

async fn a_zone_that_cannot_be_read_is_said_aloud(on: Backend) {
    let server = server(on).await;
    let person = Person::of(&server);
    for arguments in [&["feed"][..], &["trend", "--since", "today"], &["tags"]] {
        let arguments = [arguments, &["--color", "never"]].concat();
        let mut command = person.command(&arguments);
        let ran = Ran::of(command.env("TZ", "Europe/Berlni").output().unwrap());
        assert_eq!(ran.code, 0, "{ran:?}");
        let said = "dunder: TZ is \"Europe/Berlni\", which is no time zone";
        assert_eq!(ran.err.matches(said).count(), 1, "{ran:?}");
    }
}

async fn a_range_over_a_change_of_the_clock_names_both_offsets(on: Backend) {
    let server = server(on).await;
    let person = Person::of(&server);
    for arguments in [&["trend", "-o", "chart"][..], &["tags", "-o", "table"]] {
        let range = ["--since", "2018-10-01", "--until", "2019-01-01"];
        let mut command = person.command(&[arguments, &range].concat());
        let shown = Ran::of(command.env("TZ", "Europe/Berlin").output().unwrap()).ok();
        assert!(shown.contains("(UTC+02:00 to UTC+01:00)"), "{shown}");
    }
}
