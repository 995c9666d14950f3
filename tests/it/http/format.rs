//! Curl as a console: tables, charts and lines instead of JSON.

use reqwest::Method;
use serde_json::json;

use crate::place::{Backend, on_every_store};
use crate::support::Server;

on_every_store![
    a_feed_is_a_table_within_the_width_asked_for,
    accept_asks_for_the_same_as_format,
    csv_and_ndjson_carry_texts_exactly,
    a_trend_is_a_chart_with_its_total,
    hashtags_and_users_come_in_every_form_too,
    one_message_is_shown_in_every_form,
    a_cell_that_a_spreadsheet_would_run_is_defused,
    a_form_that_is_not_there_is_refused,
    a_table_says_how_many_lines_of_a_text_it_leaves_out,
    a_table_ends_within_its_size_and_the_cursor_leads_on,
];

const HOSTILE: &str = "red \u{1b}[31m and \u{202e}reversed, \"quoted\"";

async fn with_messages(on: Backend) -> Server {
    let server = on.server();
    for text in ["one", HOSTILE] {
        server
            .post(&json!({"text": text, "hashtags": ["a"]}).to_string())
            .await
            .id();
    }
    server
}

async fn a_feed_is_a_table_within_the_width_asked_for(on: Backend) {
    let server = with_messages(on).await;
    for width in [40, 60, 200] {
        let table = server
            .get(&format!("/message?format=text&width={width}"))
            .await;
        assert_eq!(table.header("content-type"), "text/plain; charset=utf-8");
        assert!(
            table.body.contains("john") && table.body.contains("one"),
            "{}",
            table.body
        );
        assert!(
            table.body.lines().all(|line| line.chars().count() <= width),
            "{}",
            table.body
        );
        assert!(
            !table.body.contains(['\u{1b}', '\u{202e}']),
            "{}",
            table.body
        );
    }
    let page = server.get("/message?format=text&limit=1").await;
    assert!(page.body.contains("cursor="), "{}", page.body);
    assert_ne!(page.header("x-next-cursor"), "");
}

async fn accept_asks_for_the_same_as_format(on: Backend) {
    let server = with_messages(on).await;
    for (accept, format) in [
        ("text/plain", "text"),
        ("text/tab-separated-values", "lines"),
        ("text/csv", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("*/*", "json"),
    ] {
        let accepted = server
            .send(
                Method::GET,
                "/message?to_date=now",
                &[("accept", accept)],
                "",
            )
            .await;
        let named = server
            .get(&format!("/message?to_date=now&format={format}"))
            .await;
        assert_eq!(
            accepted.header("content-type"),
            named.header("content-type"),
            "{accept}"
        );
        assert_eq!(accepted.body, named.body, "{accept}");
    }
}

async fn csv_and_ndjson_carry_texts_exactly(on: Backend) {
    let server = with_messages(on).await;
    let lines = server.get("/message?format=ndjson").await.body;
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["text"], HOSTILE);
    let csv = server.get("/message?format=csv").await.body;
    assert!(
        csv.starts_with("created_at,id,user_name,hashtags,text\n"),
        "{csv}"
    );
    assert!(csv.contains("\"\"quoted\"\""), "{csv}");
}

async fn a_trend_is_a_chart_with_its_total(on: Backend) {
    let server = with_messages(on).await;
    let chart = server
        .get("/trend?format=text&hashtag=a&hashtag=none&width=60")
        .await;
    assert_eq!(chart.header("content-type"), "text/plain; charset=utf-8");
    assert!(chart.body.contains("2 in total"), "{}", chart.body);
    let csv = server.get("/trend?format=csv&hashtag=a").await.body;
    assert!(
        csv.starts_with("from_date,to_date,count,hashtag\n") && csv.ends_with(",2,a\n"),
        "{csv}"
    );
}

async fn hashtags_and_users_come_in_every_form_too(on: Backend) {
    let server = with_messages(on).await;
    let table = server.get("/trend/hashtags?format=text&width=40").await;
    assert_eq!(table.header("content-type"), "text/plain; charset=utf-8");
    let row = table.body.lines().last().unwrap();
    assert!(
        row.starts_with("#a") && row.contains(" 2 ") && row.ends_with('█'),
        "{}",
        table.body
    );
    for (path, body) in [
        ("/trend/hashtags?format=csv", "hashtag,count\na,2\n"),
        (
            "/trend/hashtags?format=ndjson",
            "{\"hashtag\":\"a\",\"count\":2}\n",
        ),
        ("/user?format=text", "john\n"),
        ("/user?format=csv", "name\njohn\n"),
        (
            "/user?format=json",
            "{\"data\":{\"users\":[{\"name\":\"john\"}]}}",
        ),
        ("/user?format=lines", "john\n"),
        ("/user?format=ndjson", "{\"name\":\"john\"}\n"),
    ] {
        assert_eq!(server.get(path).await.body, body, "{path}");
    }
    let none = server
        .get("/trend/hashtags?format=text&prefix=none&from_date=2019-01-01&to_date=2019-01-02")
        .await;
    assert_eq!(
        none.body,
        "no hashtags that start with #none from 2019-01-01 to 2019-01-02 (UTC)\n"
    );
}

async fn one_message_is_shown_in_every_form(on: Backend) {
    let server = with_messages(on).await;
    let id = server.get("/message?limit=1").await.data()["messages"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let card = server.get(&format!("/message/{id}?format=text")).await;
    assert!(
        card.body.contains("reversed") && !card.body.contains('\u{1b}'),
        "{}",
        card.body
    );
    assert!(
        server
            .get(&format!("/message/{id}?format=csv"))
            .await
            .body
            .contains(&id)
    );
}

async fn a_cell_that_a_spreadsheet_would_run_is_defused(on: Backend) {
    let server = on.server();
    let post = json!({"text": "=HYPERLINK(\"https://evil.example\")"});
    server.post_as("@john", &post.to_string(), &[]).await.id();
    let csv = server.get("/message?format=csv").await.body;
    assert!(
        csv.ends_with(",'@john,,\"'=HYPERLINK(\"\"https://evil.example\"\")\"\n"),
        "{csv}"
    );
}

async fn a_form_that_is_not_there_is_refused(on: Backend) {
    let server = on.server();
    for (query, named) in [
        ("format=xml", "\"xml\""),
        ("format=text&width=19", "\"19\""),
        ("width=80", "format=text"),
        ("format=csv&width=80", "format=text"),
    ] {
        server
            .get(&format!("/message?{query}"))
            .await
            .refused(400, "invalid_parameter", named);
        for path in ["/trend", "/trend/hashtags", "/user"] {
            server
                .get(&format!("{path}?{query}"))
                .await
                .refused(400, "invalid_parameter", named);
        }
    }
    for path in ["/message", "/trend/hashtags", "/user"] {
        server.get(&format!("{path}?format=chart")).await.refused(
            400,
            "invalid_parameter",
            "\"chart\"",
        );
    }
}

async fn a_table_says_how_many_lines_of_a_text_it_leaves_out(on: Backend) {
    let server = on.server();
    let text = "x\n".repeat(4_095);
    server.post(&json!({ "text": text }).to_string()).await.id();
    let table = server.get("/message?format=text&width=1000").await.body;
    assert_eq!(table.matches("… 4,045 more lines").count(), 1, "{table}");
    assert!(table.lines().count() < 60, "{table}");
}

async fn a_table_ends_within_its_size_and_the_cursor_leads_on(on: Backend) {
    const SIZE: usize = 2_000;
    let server = on.server_with(&["--limits.drawn_size", "2000", "--limits.drawn_lines", "9"]);
    for n in 0..9 {
        let text = format!("m{n}\n") + &"\t".repeat(8_000) + "x\n\n\n\n\n\nend";
        server.post(&json!({ "text": text }).to_string()).await.id();
    }
    let mut seen = Vec::new();
    let mut query = "/message?format=text&width=100".to_owned();
    loop {
        let table = server.get(&query).await;
        // The head, the row that reaches it, and the sentence below.
        assert!(table.body.len() < SIZE + 1_000, "{}", table.body.len());
        let names = table.body.split_whitespace().filter(|word| {
            word.strip_prefix('m')
                .is_some_and(|n| n.parse::<u8>().is_ok())
        });
        seen.extend(names.map(str::to_owned));
        let cursor = table.header("x-next-cursor");
        if cursor.is_empty() {
            break;
        }
        assert!(table.body.ends_with(&format!("cursor={cursor}\n")));
        query = format!("/message?format=text&width=100&cursor={cursor}");
    }
    let all: Vec<String> = (0..9).rev().map(|n| format!("m{n}")).collect();
    assert_eq!(seen, all);
}
