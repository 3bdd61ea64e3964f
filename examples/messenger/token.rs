//! JSON web tokens: who somebody is, and until when.

use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::viewer::Viewer;

/// Makes and reads tokens that this secret signs.
pub(crate) struct Tokens {
    signs: EncodingKey,
    reads: DecodingKey,
    validation: Validation,
    lifetime: Duration,
}

/// Why a token says nothing. The sentence is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It was good.
    #[error("this login is over; log in again")]
    Expired,
    /// It is none of ours.
    #[error("this is no token of ours; log in")]
    Invalid,
    /// It cannot be made.
    #[error("a token cannot be made")]
    Unsigned,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user.
    sub: String,
    company: i64,
    /// The end, in seconds since 1970.
    exp: u64,
}

impl Tokens {
    /// Tokens that are good for so long.
    pub(crate) fn new(secret: &[u8], lifetime: Duration) -> Self {
        let mut validation = Validation::default();
        // A channel ends when its token says so; nobody gets a new one for a minute longer.
        validation.leeway = 0;
        Self {
            signs: EncodingKey::from_secret(secret),
            reads: DecodingKey::from_secret(secret),
            validation,
            lifetime,
        }
    }

    /// How long a new token is good.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for this user.
    pub(crate) fn issue(&self, user: i64, company: i64) -> Result<String, TokenError> {
        let end = SystemTime::now() + self.lifetime;
        let end = end.duration_since(SystemTime::UNIX_EPOCH);
        let claims = Claims {
            sub: user.to_string(),
            company,
            exp: end.unwrap_or_default().as_secs(),
        };
        jsonwebtoken::encode(&Header::default(), &claims, &self.signs)
            .map_err(|_| TokenError::Unsigned)
    }

    /// Who has it.
    pub(crate) fn read(&self, token: &str) -> Result<Viewer, TokenError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.reads, &self.validation);
        let claims = claims.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenError::Expired,
            _ => TokenError::Invalid,
        })?;
        let Claims { sub, company, exp } = claims.claims;
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(exp));
        let expires_at = end.ok_or(TokenError::Invalid)?;
        // The validation takes it for the whole of its last second.
        if expires_at <= SystemTime::now() {
            return Err(TokenError::Expired);
        }
        let id = sub.parse().map_err(|_| TokenError::Invalid)?;
        Ok(Viewer {
            id,
            company,
            expires_at,
        })
    }
}
