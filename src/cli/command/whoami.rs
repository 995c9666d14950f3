//! `dunder whoami`: whom the server takes the caller for.

use clap::Args;

use crate::api::Whoami;
use crate::cli::CliError;
use crate::cli::args::Common;
use crate::cli::client::Answer;
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::output::sanitize_line;

/// What `dunder whoami` takes.
#[derive(Debug, Args)]
pub struct WhoamiArgs {
    #[command(flatten)]
    common: Common,
}

/// Prints who the server takes the caller for.
///
/// # Errors
/// Nobody is logged in, or no answer.
pub(crate) async fn run(args: WhoamiArgs, ui: &mut Ui) -> Result<(), CliError> {
    let Session { client, .. } = Session::open(&args.common, ui).await?;
    client.access().check_login()?;
    let answer: Answer<Whoami> = client.get("/whoami", "").await?;
    if args.common.json {
        return ui.print_json(&answer.document);
    }
    let who = who(&answer.data, &client.access().server.to_string(), ui);
    ui.print(&who)
}

/// Who someone is on a server, in a line.
pub(crate) fn who(whoami: &Whoami, server: &str, ui: &Ui) -> String {
    let name = sanitize_line(&whoami.user.name);
    let mode = sanitize_line(&whoami.mode);
    if ui.is_interactive() {
        format!("{name} on {server} (by {mode})\n")
    } else {
        format!("{name}\t{server}\t{mode}\n")
    }
}
