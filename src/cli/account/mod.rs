//! Who calls which server: addresses, and the logins that are kept.

pub(crate) mod credentials;
pub(crate) mod endpoint;
