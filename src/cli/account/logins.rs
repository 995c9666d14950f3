//! The logins that `dunder login` keeps, one for each server, in a file that
//! only its owner can read. A token is shown once where it is made, so one
//! that still works is never written over without being asked about.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::account::endpoint::Endpoint;
use crate::cli::near::near;
use crate::cli::{CliError, private};
use crate::domain::shown;

/// A larger file is not one of ours.
const MAX_FILE: u64 = 256 * 1024;

/// One login.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    /// What `--server` and `dunder login use` call it.
    pub name: String,
    /// The server's address.
    pub server: String,
    /// The bearer token.
    pub token: String,
    /// Whom it names, as the server said.
    pub user: String,
    /// A file of further authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cacert: Option<PathBuf>,
}

/// All of them.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Logins {
    /// The name of the one that is used when no server is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    /// In the order of their making.
    logins: Vec<Login>,
}

/// What the file can hold.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Several(Logins),
    /// One login of a dunder that kept no more.
    One(One),
}

#[derive(Deserialize)]
struct One {
    server: String,
    token: String,
    user: String,
    #[serde(default)]
    cacert: Option<PathBuf>,
}

impl Login {
    /// Its server.
    ///
    /// # Errors
    /// The file was changed.
    pub fn endpoint(&self) -> Result<Endpoint, CliError> {
        self.server.parse().map_err(|error| {
            CliError::Failed(format!(
                "the login {}: {error}; run 'dunder logout {0}' and log in again",
                self.name
            ))
        })
    }

    fn is_of(&self, server: &Endpoint) -> bool {
        self.server
            .parse()
            .is_ok_and(|own: Endpoint| own == *server)
    }
}

impl Logins {
    /// Where they are kept.
    ///
    /// # Errors
    /// The system names no configuration directory.
    pub fn path() -> Result<PathBuf, CliError> {
        let base = dirs::config_dir().ok_or_else(|| {
            CliError::Failed(
                "no configuration directory is known; set HOME or XDG_CONFIG_HOME".to_owned(),
            )
        })?;
        Ok(base.join("dunder").join("credentials.json"))
    }

    /// Those that are kept.
    ///
    /// # Errors
    /// A file that cannot be read or is not one of logins.
    pub fn load() -> Result<Logins, CliError> {
        // Without a configuration directory nobody can have logged in.
        let Ok(path) = Logins::path() else {
            return Ok(Logins::default());
        };
        let refused = |why: &str| {
            CliError::Failed(format!(
                "cannot use the logins in {}: {why}; mend the file or move it away, and log in again",
                path.display()
            ))
        };
        let json = match private::read(&path, MAX_FILE) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Logins::default());
            }
            Err(error) => return Err(refused(&error.to_string())),
        };
        Logins::parse(&json).ok_or_else(|| refused("it is not what dunder wrote"))
    }

    /// `None` for what is no such file: what the parser says could quote a
    /// token.
    fn parse(json: &[u8]) -> Option<Logins> {
        match serde_json::from_slice(json).ok()? {
            Kept::Several(logins) => Some(logins),
            Kept::One(one) => {
                let mut logins = Logins::default();
                let server: Endpoint = one.server.parse().ok()?;
                let name = logins.free_name(&server);
                logins.put(Login {
                    name,
                    server: one.server,
                    token: one.token,
                    user: one.user,
                    cacert: one.cacert,
                });
                Some(logins)
            }
        }
    }

    /// Keeps them: the whole file or none of it, for its owner only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn store(&self) -> Result<PathBuf, CliError> {
        let path = Logins::path()?;
        if self.logins.is_empty() {
            std::fs::remove_file(&path).map_err(|error| {
                CliError::Failed(format!("cannot remove {}: {error}", path.display()))
            })?;
            return Ok(path);
        }
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| CliError::Failed(format!("cannot write the logins: {error}")))?;
        private::write(&path, (json + "\n").as_bytes()).map_err(|error| {
            CliError::Failed(format!(
                "cannot keep the login in {}: {error}",
                path.display()
            ))
        })?;
        Ok(path)
    }

    /// Moves a file away that cannot be read; where to.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn set_aside() -> Result<PathBuf, CliError> {
        let path = Logins::path()?;
        let aside = path.with_extension("json.unreadable");
        std::fs::rename(&path, &aside).map_err(|error| {
            CliError::Failed(format!("cannot move {} away: {error}", path.display()))
        })?;
        Ok(aside)
    }

    /// All, in the order of their making.
    pub fn all(&self) -> &[Login] {
        &self.logins
    }

    /// The one in use.
    pub fn current(&self) -> Option<&Login> {
        self.named(self.current.as_deref()?)
    }

    /// The one of this name.
    pub fn named(&self, name: &str) -> Option<&Login> {
        self.logins.iter().find(|login| login.name == name)
    }

    /// The one of this server.
    pub fn of(&self, server: &Endpoint) -> Option<&Login> {
        self.logins.iter().find(|login| login.is_of(server))
    }

    /// A name for a server's login that no other has: its host and, where it
    /// is not the scheme's, its port.
    pub fn free_name(&self, server: &Endpoint) -> String {
        let name = server.short_name();
        match self.named(&name) {
            Some(other) if !other.is_of(server) => server.to_string(),
            Some(_) | None => name,
        }
    }

    /// Keeps a login in place of the one of its server, and uses it.
    pub fn put(&mut self, login: Login) {
        self.current = Some(login.name.clone());
        let place = login
            .endpoint()
            .ok()
            .and_then(|server| self.logins.iter().position(|other| other.is_of(&server)));
        match place {
            Some(at) => self.logins[at] = login,
            None => self.logins.push(login),
        }
    }

    /// Uses the login of this name from now on; whether there is one.
    pub fn use_login(&mut self, name: &str) -> bool {
        let is_known = self.named(name).is_some();
        if is_known {
            self.current = Some(name.to_owned());
        }
        is_known
    }

    /// Forgets a login.
    pub fn remove(&mut self, name: &str) -> Option<Login> {
        let at = self.logins.iter().position(|login| login.name == name)?;
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
        Some(self.logins.remove(at))
    }

    /// The server that a person names: by the name of a login, or by its
    /// address.
    ///
    /// # Errors
    /// It is neither.
    pub fn server(&self, said: &str) -> Result<Endpoint, CliError> {
        if let Some(login) = self.named(said) {
            return login.endpoint();
        }
        said.parse().map_err(|error| {
            let names: Vec<&str> = self.logins.iter().map(|login| &*login.name).collect();
            // What no address looks like was meant as a name.
            let is_name = !said.is_empty()
                && said
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_-".contains(c));
            if is_name {
                let known = match (near(said, names.iter().copied()), names.as_slice()) {
                    (Some(name), _) => format!("; did you mean {name}? An"),
                    (None, []) => ", none is kept; an".to_owned(),
                    (None, names) => format!(" (there are {}); an", names.join(", ")),
                };
                let said = shown(said);
                return CliError::Usage(format!(
                    "no login is named {said}{known} address begins with http:// or https://"
                ));
            }
            let names = match names.as_slice() {
                [] => "none is kept".to_owned(),
                names => names.join(", "),
            };
            CliError::Usage(format!("{error}, or the name of a login ({names})"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(server: &str, user: &str) -> Login {
        let endpoint: Endpoint = server.parse().unwrap();
        Login {
            name: endpoint.short_name(),
            server: server.to_owned(),
            token: format!("secret of {user}"),
            user: user.to_owned(),
            cacert: None,
        }
    }

    #[test]
    fn each_server_has_its_own_login() {
        let mut logins = Logins::default();
        logins.put(login("https://a.example", "ann"));
        logins.put(login("http://b.example:9000", "bob"));
        assert_eq!(logins.current().unwrap().user, "bob");
        assert_eq!(logins.all().len(), 2);
        logins.put(login("https://a.example/", "carl"));
        assert_eq!(logins.all().len(), 2);
        assert_eq!(logins.current().unwrap().user, "carl");
        assert!(logins.use_login("b.example:9000"));
        assert!(!logins.use_login("c.example"));
        let at = |said: &str| logins.server(said).unwrap().to_string();
        assert_eq!(at("a.example"), "https://a.example");
        assert_eq!(at("http://a.example"), "http://a.example");
        assert!(logins.of(&at("b.example:9000").parse().unwrap()).is_some());
        let error = logins.server("nowhere").unwrap_err().to_string();
        assert!(
            error.contains("nowhere") && error.contains("a.example, b.example:9000"),
            "{error}"
        );
        assert_eq!(logins.remove("b.example:9000").unwrap().user, "bob");
        assert!(logins.current().is_none());
    }

    #[test]
    fn two_servers_on_one_host_have_two_names() {
        let mut logins = Logins::default();
        logins.put(login("https://a.example/one", "ann"));
        let other: Endpoint = "https://a.example/two".parse().unwrap();
        assert_eq!(logins.free_name(&other), "https://a.example/two");
    }

    #[test]
    fn the_file_of_one_login_is_read_as_that_login() {
        let old = br#"{"server":"https://a.example","token":"t","user":"ann"}"#;
        let logins = Logins::parse(old).unwrap();
        assert_eq!(logins.current().unwrap().name, "a.example");
        let json = serde_json::to_vec(&logins).unwrap();
        let again = Logins::parse(&json).unwrap();
        assert_eq!(again.current().unwrap().token, "t");
        for broken in ["", "{}", "[]", r#"{"server":"x","token":"t","user":"u"}"#] {
            assert!(Logins::parse(broken.as_bytes()).is_none(), "{broken}");
        }
    }
}
