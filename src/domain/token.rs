//! Tokens of `auth.mode: token`: secrets that name a user, kept as a hash.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{MessageId, UserName};

/// How every secret starts, so that scanners and people recognise one.
const PREFIX: &str = "dunder_";
/// 256 bits in base32 of 5 bits a character.
const BODY_CHARS: usize = 52;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A token's secret: `dunder_` and 52 characters that hold 256 random bits.
/// It is shown once, when made, and never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Not a secret that dunder ever made. Says nothing about the text: it may be
/// a real secret, mistyped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token does not look like one; it starts with dunder_ and has 59 characters")]
pub struct SecretError;

/// The SHA-256 of a secret. A secret has 256 random bits, so a plain hash
/// can't be searched, and looking one up by its hash leaks nothing by timing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

/// Names a token where its secret must not be shown. A ULID, its time is when
/// the token was made.
pub type TokenId = MessageId;

/// What is known of a token; never its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Names the token.
    pub id: TokenId,
    /// Who posts with it.
    pub user: UserName,
    /// What its maker wrote about it.
    pub note: String,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Token {
    /// Whether the token may still be used.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

impl Secret {
    /// A new secret from 256 random bits.
    pub fn from_random(bits: [u8; 32]) -> Secret {
        let mut text = String::from(PREFIX);
        let (mut buffer, mut held) = (0u32, 0);
        for byte in bits.iter().chain([&0]) {
            buffer = buffer << 8 | u32::from(*byte);
            held += 8;
            while held >= 5 && text.len() < PREFIX.len() + BODY_CHARS {
                held -= 5;
                text.push(ALPHABET[(buffer >> held & 31) as usize] as char);
            }
            buffer &= (1 << held) - 1;
        }
        Secret(text)
    }

    /// The secret itself, for the one who made it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What a store keeps.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(&self.0).into())
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let body = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        if body.len() != BODY_CHARS || !body.bytes().all(|b| ALPHABET.contains(&b)) {
            return Err(SecretError);
        }
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl SecretHash {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn secrets_read_back_and_differ(a: [u8; 32], b: [u8; 32]) {
            let (x, y) = (Secret::from_random(a), Secret::from_random(b));
            prop_assert_eq!(x.reveal().parse(), Ok(x.clone()));
            prop_assert_eq!(x.reveal().len(), 59);
            prop_assert_eq!(a == b, x == y);
            let debugged = format!("{:?} {:?}", x, x.hash());
            prop_assert!(!debugged.contains(&x.reveal()[7..]));
        }

        #[test]
        fn any_text_is_a_secret_or_a_refusal(text: String) {
            let _ = text.parse::<Secret>();
        }
    }
}
