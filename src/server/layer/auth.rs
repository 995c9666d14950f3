//! Who is posting. Every refusal is the same 401: a client never learns
//! whether its token was missing, malformed, unknown, expired or revoked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::Utc;
use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::config::{AuthMode, ReadAccess, ServerConfig};
use crate::domain::{Secret, SecretHash, Token, UserName};
use crate::metrics::{Counter, Page};
use crate::server::Context;
use crate::server::conn::proxy;
use crate::server::error::ApiError;

/// How long a token that was found is believed without asking the store again,
/// and so how long after a revocation another server may still take it.
const TOKEN_TTL: Duration = Duration::from_secs(2);
/// Tokens remembered at once.
const TOKENS_HELD: usize = 10_000;

/// Padded or not. Bits that no encoder leaves are refused: of names that were
/// sent as they are, most end here and not as somebody else.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(false);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Reads tokens in the mode the server runs in.
pub(crate) struct Auth {
    mode: AuthMode,
    read: ReadAccess,
    held: Mutex<HashMap<SecretHash, (Token, Instant)>>,
    refused: Counter,
}

impl Auth {
    pub(crate) fn new(settings: &ServerConfig) -> Auth {
        Auth {
            mode: settings.auth_mode,
            read: settings.read,
            held: Mutex::default(),
            refused: Counter::default(),
        }
    }

    /// Writes how many requests had no valid token and needed one.
    pub(crate) fn measure(&self, page: &mut Page) {
        page.counter(
            "dunder_tokens_refused_total",
            "Requests that needed a token and had no valid one.",
            &[],
            self.refused.count(),
        );
    }

    /// The user that the request's token names.
    ///
    /// # Errors
    /// 401 without a valid token; 429 for an address that has failed too often.
    pub(crate) async fn user(
        &self,
        context: &Context,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<UserName, ApiError> {
        let address = proxy::client_address(peer, headers, &context.settings.trusted_proxies);
        context.limits.admit(address)?;
        let found = match bearer(headers) {
            None => None,
            Some(token) => match self.mode {
                AuthMode::Name => name_of(token),
                AuthMode::Token => self.token_user(context, token).await?,
            },
        };
        found.ok_or_else(|| {
            self.refused.increment();
            context.limits.note_failure(address);
            self.refusal()
        })
    }

    /// Says what is needed, the same whatever was sent.
    pub(crate) fn refusal(&self) -> ApiError {
        ApiError::Unauthorized(self.mode)
    }

    /// Lets anyone read, or those with a token, as the server is set.
    pub(crate) async fn reader(
        &self,
        context: &Context,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        match self.read {
            ReadAccess::Open => Ok(()),
            ReadAccess::Token => self.user(context, peer, headers).await.map(drop),
        }
    }

    /// What a reader has shown, where reading needs it.
    pub(crate) fn shown(&self, headers: &HeaderMap) -> Option<Box<str>> {
        match self.read {
            ReadAccess::Open => None,
            ReadAccess::Token => bearer(headers).map(Box::from),
        }
    }

    /// Whether what a reader has shown still lets it read.
    ///
    /// # Errors
    /// The store does not say.
    pub(crate) async fn may_still_read(
        &self,
        context: &Context,
        shown: &str,
    ) -> Result<bool, ApiError> {
        Ok(self.token_user(context, shown).await?.is_some())
    }

    async fn token_user(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<UserName>, ApiError> {
        let Ok(secret) = token.parse::<Secret>() else {
            return Ok(None);
        };
        let hash = secret.hash();
        let token = match self.recall(&hash) {
            Some(token) => Some(token),
            None => context
                .store
                .token(hash)
                .await?
                .inspect(|token| self.hold(hash, token)),
        };
        Ok(token
            .filter(|token| token.is_valid_at(Utc::now()))
            .map(|token| token.user))
    }

    fn recall(&self, hash: &SecretHash) -> Option<Token> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, since) = held.get(hash)?;
        (since.elapsed() < TOKEN_TTL).then(|| token.clone())
    }

    fn hold(&self, hash: SecretHash, token: &Token) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= TOKENS_HELD {
            held.retain(|_, (_, since)| since.elapsed() < TOKEN_TTL);
        }
        if held.len() < TOKENS_HELD {
            held.insert(hash, (token.clone(), Instant::now()));
        }
    }
}

/// The token of `Authorization: Bearer TOKEN`, given once.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The name inside a token of mode `name`: base64 in either alphabet, padded
/// or not, the newline that `echo` added ignored.
fn name_of(token: &str) -> Option<UserName> {
    let bytes = STANDARD
        .decode(token)
        .or_else(|_| URL_SAFE.decode(token))
        .ok()?;
    let name = String::from_utf8(bytes).ok()?;
    let name = name.strip_suffix('\n').unwrap_or(&name);
    name.strip_suffix('\r').unwrap_or(name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_read_from_either_alphabet_padded_or_not() {
        for token in ["am9obg==", "am9obg", "am9obgo=", "am9obgo", "am9obg0K"] {
            assert_eq!(
                name_of(token).map(|n| n.to_string()).as_deref(),
                Some("john"),
                "{token}"
            );
        }
        // ">>>???" takes the characters in which the alphabets differ.
        for token in ["Pj4+Pz8/", "Pj4-Pz8_"] {
            assert_eq!(
                name_of(token).map(|n| n.to_string()).as_deref(),
                Some(">>>???")
            );
        }
        // Names that nobody encoded, and bytes that are no name.
        for token in ["ann", "amy", "zoe", "john", "anna", "ci", "bo"] {
            assert_eq!(name_of(token), None, "{token}");
        }
        for token in ["", "!", "am9 obg", "gICA", "IA==", "Cg=="] {
            assert_eq!(name_of(token), None, "{token}");
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_every_encoding(name in "[^\\s\\pC]{1,64}") {
            prop_assume!(name.parse::<UserName>().is_ok());
            for token in [
                base64::engine::general_purpose::STANDARD.encode(&name),
                base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&name),
            ] {
                let read = name_of(&token).map(|n| n.to_string());
                prop_assert_eq!(read.as_deref(), Some(name.as_str()));
            }
        }

        #[test]
        fn any_token_is_a_name_or_a_refusal(token: String) {
            let _ = name_of(&token);
        }
    }
}
