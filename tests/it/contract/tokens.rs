//! Tokens: found by their secret, revoked once.

use chrono::{DateTime, Utc};
use dunder::domain::{MessageId, Secret, Token};

use super::Fixture;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

fn token(millis: i64, user: &str) -> Token {
    Token {
        id: MessageId::from_parts(millis, 7),
        user: user.parse().unwrap(),
        note: "the laptop, \"old\" one ☂".to_owned(),
        expires_at: Some(at(millis + 1)),
        revoked_at: None,
    }
}

pub async fn a_token_is_found_by_its_secret_and_revoked_once(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (secret, other) = (Secret::from_random([1; 32]), Secret::from_random([2; 32]));
    let mut token = token(1_600_000_000_123, "john@example.com");
    store
        .create_token(token.clone(), secret.hash())
        .await
        .unwrap();
    assert_eq!(
        store.token(secret.hash()).await.unwrap(),
        Some(token.clone())
    );
    assert_eq!(store.token(other.hash()).await.unwrap(), None);

    assert_eq!(
        store
            .revoke_token(token.id.successor(), at(5))
            .await
            .unwrap(),
        None
    );
    token.revoked_at = Some(at(6));
    assert_eq!(
        store.revoke_token(token.id, at(6)).await.unwrap(),
        Some(token.clone())
    );
    assert_eq!(
        store.revoke_token(token.id, at(7)).await.unwrap(),
        Some(token.clone())
    );
    fixture.reopen().await;
    assert_eq!(
        fixture.store().token(secret.hash()).await.unwrap(),
        Some(token)
    );
}

pub async fn tokens_are_listed_oldest_first(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let mut tokens = Vec::new();
    for n in [3, 1, 2] {
        let mut token = token(n * 1000, "ann");
        if n == 2 {
            token.expires_at = None;
        }
        let secret = Secret::from_random([n as u8; 32]);
        store
            .create_token(token.clone(), secret.hash())
            .await
            .unwrap();
        tokens.push(token);
    }
    tokens.sort_unstable_by_key(|token| token.id);
    assert_eq!(store.tokens().await.unwrap(), tokens);
    // Whoever only has a token has not posted.
    assert_eq!(store.users("", 9).await.unwrap(), []);
}
