//! `dunder token`, over a store in this process.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use dunder::app::admin::{AdminError, CreateArgs, RevokeArgs, create, list, revoke};
use dunder::config::StoreArgs;
use dunder::domain::Zone;
use dunder::domain::{Secret, Store, Token};
use dunder::output::format::{Format, Options};
use dunder::output::{Charset, Clock, Look};

use super::store;
use crate::place::{Backend, on_every_store};

on_every_store![
    a_new_token_prints_its_secret_alone_and_names_its_end_beside_it,
    an_end_can_be_a_date_and_must_lie_ahead,
    a_note_that_is_too_long_is_refused,
    a_list_shows_states_and_never_a_secret_or_what_a_terminal_obeys,
    a_token_is_revoked_by_its_id_its_secret_or_its_user,
    revoking_what_is_no_token_says_so_and_revokes_nothing,
];

fn now() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// Makes a token; its secret, what was said beside it, and the token kept.
async fn made(store: &Arc<dyn Store>, args: CreateArgs) -> (String, String, Token) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    create(store.as_ref(), &args, now(), &mut out, &mut err)
        .await
        .unwrap();
    let secret = String::from_utf8(out).unwrap();
    let parsed: Secret = secret.trim_end().parse().unwrap();
    let token = store.token(parsed.hash()).await.unwrap().unwrap();
    (
        secret.trim_end().to_owned(),
        String::from_utf8(err).unwrap(),
        token,
    )
}

fn named(name: &str) -> CreateArgs {
    let store = StoreArgs::default();
    CreateArgs {
        name: name.parse().unwrap(),
        expires: None,
        note: String::new(),
        json: false,
        store,
    }
}

async fn listed(store: &Arc<dyn Store>, format: &str) -> String {
    let clock = Clock {
        now: now(),
        zone: Zone::UTC,
    };
    let options = Options::new(Look::new(100, false, Charset::Unicode), clock);
    let format = Format::named(format).unwrap();
    let mut out = Vec::new();
    list(store.as_ref(), format, options, &mut out)
        .await
        .unwrap();
    String::from_utf8(out).unwrap()
}

async fn revoked(store: &Arc<dyn Store>, args: RevokeArgs) -> Result<String, AdminError> {
    let mut out = Vec::new();
    revoke(store.as_ref(), &args, now(), &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

fn ids(ids: &[&str]) -> RevokeArgs {
    RevokeArgs {
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..RevokeArgs::default()
    }
}

async fn a_new_token_prints_its_secret_alone_and_names_its_end_beside_it(on: Backend) {
    let (_place, store) = store(on).await;
    let args = CreateArgs {
        expires: Some("90d".to_owned()),
        note: "ci".to_owned(),
        ..named("ann")
    };
    let (secret, beside, token) = made(&store, args).await;
    assert!(secret.starts_with("dunder_") && !secret.contains('\n'));
    assert!(
        beside.contains(&token.id.to_string()) && beside.contains("2027-02-22T12:00:00Z"),
        "{beside}"
    );
    assert!(!beside.contains(&secret), "{beside}");
    assert_eq!((token.user.as_str(), token.note.as_str()), ("ann", "ci"));
    assert!(token.is_valid_at(now() + chrono::Duration::days(89)));
    assert!(!token.is_valid_at(now() + chrono::Duration::days(90)));
    assert_eq!(made(&store, named("bob")).await.2.expires_at, None);
}

async fn an_end_can_be_a_date_and_must_lie_ahead(on: Backend) {
    let (_place, store) = store(on).await;
    let until = |text: &str| CreateArgs {
        expires: Some(text.to_owned()),
        ..named("ann")
    };
    let (_, _, token) = made(&store, until("2027-01-01T00:00:00Z")).await;
    assert_eq!(
        token.expires_at.unwrap().to_rfc3339(),
        "2027-01-01T00:00:00+00:00"
    );
    for text in [
        "2019-01-01",
        "0s",
        "soon",
        "yesterday",
        "99999999999d",
        "9000y",
    ] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let error = create(store.as_ref(), &until(text), now(), &mut out, &mut err)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        assert_eq!((error.exit_code(), out.len()), (2, 0), "{text}");
    }
    assert_eq!(store.tokens().await.unwrap().len(), 1);
}

async fn a_note_that_is_too_long_is_refused(on: Backend) {
    let (_place, store) = store(on).await;
    let long = CreateArgs {
        note: "x".repeat(201),
        ..named("ann")
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let error = create(store.as_ref(), &long, now(), &mut out, &mut err)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("--note has 201 characters"),
        "{error}"
    );
    assert!(store.tokens().await.unwrap().is_empty());
}

async fn a_list_shows_states_and_never_a_secret_or_what_a_terminal_obeys(on: Backend) {
    let (_place, store) = store(on).await;
    let hostile = CreateArgs {
        note: "a\u{1b}[31m\tb\n\u{202e}".to_owned(),
        ..named("ann")
    };
    let (secret, _, _) = made(&store, hostile).await;
    let (_, _, gone) = made(&store, named("bob")).await;
    revoked(&store, ids(&[&gone.id.to_string()])).await.unwrap();
    for format in ["table", "lines", "csv", "oneline"] {
        let shown = listed(&store, format).await;
        assert!(!shown.contains(&secret[7..]), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        assert!(
            shown.contains("valid") && shown.contains("revoked"),
            "{shown}"
        );
    }
    let plain = listed(&store, "lines").await;
    assert!(
        plain.lines().all(|line| line.split('\t').count() == 7),
        "{plain}"
    );
    let json: serde_json::Value = serde_json::from_str(&listed(&store, "json").await).unwrap();
    let of = |user: &str| {
        json["data"]["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .find(|t| t["user_name"] == user)
            .unwrap()
    };
    assert_eq!(of("ann")["note"], "a\u{1b}[31m\tb\n\u{202e}");
    assert_eq!(of("bob")["revoked_at"], "2026-11-24T12:00:00Z");
    assert!(!json.to_string().contains("secret"));
}

async fn a_token_is_revoked_by_its_id_its_secret_or_its_user(on: Backend) {
    let (_place, store) = store(on).await;
    let (_, _, by_id) = made(&store, named("ann")).await;
    let (secret, _, by_secret) = made(&store, named("ann")).await;
    let (_, _, by_user) = made(&store, named("ann")).await;
    let (_, _, other) = made(&store, named("bob")).await;
    revoked(&store, ids(&[&by_id.id.to_string()]))
        .await
        .unwrap();
    let said = revoked(&store, ids(&[&secret])).await.unwrap();
    assert!(
        said.contains(&by_secret.id.to_string()) && !said.contains(&secret),
        "{said}"
    );
    let of_ann = || RevokeArgs {
        user: Some("ann".parse().unwrap()),
        ..RevokeArgs::default()
    };
    let said = revoked(&store, of_ann()).await.unwrap();
    assert_eq!(said, format!("token {} of ann is revoked\n", by_user.id));
    assert!(
        revoked(&store, of_ann())
            .await
            .unwrap_err()
            .to_string()
            .contains("no valid token")
    );
    let tokens = store.tokens().await.unwrap();
    let valid: Vec<_> = tokens
        .iter()
        .filter(|token| token.is_valid_at(now()))
        .collect();
    assert_eq!(
        valid.iter().map(|token| token.id).collect::<Vec<_>>(),
        [other.id]
    );
}

async fn revoking_what_is_no_token_says_so_and_revokes_nothing(on: Backend) {
    let (_place, store) = store(on).await;
    let (_, _, token) = made(&store, named("ann")).await;
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let secret = Secret::from_random([7; 32]);
    for (text, code) in [(unknown, 1), ("ann", 2), (secret.reveal(), 1)] {
        let error = revoked(&store, ids(&[text])).await.unwrap_err();
        assert_eq!(error.exit_code(), code, "{error}");
        assert!(error.to_string().contains("dunder token list"), "{error}");
        assert!(
            !error.to_string().contains(&secret.reveal()[7..]),
            "{error}"
        );
    }
    assert!(
        store.tokens().await.unwrap()[0].is_valid_at(now()),
        "{}",
        token.id
    );
}
