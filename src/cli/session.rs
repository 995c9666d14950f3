//! What a command that calls the server works with: the settings, the client,
//! and the messages that wait for this server, which go first.

use crate::cli::account::Access;
use crate::cli::args::Common;
use crate::cli::client::Client;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::cli::{CliError, outbox};

/// A command's settings and its way to the server.
pub(crate) struct Session {
    /// What the environment and the file say.
    pub settings: Settings,
    /// The server, called as whoever is logged in.
    pub client: Client,
}

impl Session {
    /// Reads the settings and makes the client; nothing is called.
    ///
    /// # Errors
    /// Settings, logins or a certificate file that cannot be used.
    pub fn start(common: &Common, ui: &mut Ui) -> Result<Session, CliError> {
        let settings = Settings::load()?;
        ui.set_color(settings.color(common.color));
        let access = Access::of(common, &settings)?;
        let client = Client::new(access, settings.timeout(common.timeout).value)?;
        Ok(Session { settings, client })
    }

    /// The same, and what waits for this server is sent before anything is
    /// read from it, if that is soon done.
    ///
    /// # Errors
    /// As [`Session::start`].
    pub async fn open(common: &Common, ui: &mut Ui) -> Result<Session, CliError> {
        let session = Session::start(common, ui)?;
        outbox::send_waiting(session.client.access(), session.client.timeout(), ui).await;
        Ok(session)
    }
}
