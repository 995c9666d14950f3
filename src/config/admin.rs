//! The listener for those who run the server.

use super::{ConfigError, Settings, value};

/// Where it listens, and under which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminConfig {
    /// A name or an address, without brackets.
    pub host: String,
    /// 0 for any free port.
    pub port: u16,
    /// Names that requests may call it by, beside loopback addresses; any
    /// where `None`.
    pub hosts: Option<Vec<String>>,
}

impl AdminConfig {
    /// `None` unless a port is written down.
    pub(super) fn from_settings(
        settings: &mut Settings,
    ) -> Result<Option<AdminConfig>, ConfigError> {
        let host = settings.value("admin.host", value::host)?;
        let Some(port) = settings.written("admin.port", value::port)? else {
            return match settings.written("admin.host", value::host)? {
                None => Ok(None),
                Some(_) => Err(ConfigError::Combination(format!(
                    "admin.host is written ({}) but admin.port is not, and without it nothing listens there; write admin.port, or leave admin.host out",
                    settings.origin("admin.host")
                ))),
            };
        };
        let is_private = value::is_loopback(&host);
        if !is_private {
            settings.warn(format!(
                "admin.host is {host}: anyone who reaches it can read metrics, take profiles and set the log's level"
            ));
        }
        // A page in a browser reaches a loopback address, too.
        let hosts = match is_private {
            true => settings
                .written_list("hosts", value::host_name)?
                .or(Some(Vec::new())),
            false => None,
        };
        Ok(Some(AdminConfig { host, port, hosts }))
    }
}
