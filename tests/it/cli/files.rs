//! Commands and what they print, as files in `tests/cmd`: what a person would
//! paste, against a server with fixed messages.
//!
//! After a change that is meant: `TRYCMD=overwrite cargo test --test it files`.

use super::Person;
use crate::support::Server;

#[test]
fn commands_print_what_their_files_say() {
    let server = Server::start();
    let imported = server
        .place
        .command(&["import", "tests/cmd/messages.ndjson"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let person = Person::of(&server);
    let cases = trycmd::TestCases::new();
    for (name, value) in person.command(&[]).get_envs() {
        let value = value.unwrap_or_default().to_str().unwrap();
        cases.env(name.to_str().unwrap(), value);
    }
    cases
        .register_bin("dunder", std::path::Path::new(env!("CARGO_BIN_EXE_dunder")))
        .insert_var("[SERVER]", server.url.clone())
        .unwrap()
        .case("tests/cmd/*.trycmd")
        .run();
}
