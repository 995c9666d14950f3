use super::Person;

#[test]
fn the_completions_kept_are_those_of_this_command_line() {
    let person = Person::at("http://127.0.0.1:1");
    for (shell, file) in [
        ("bash", "dunder.bash"),
        ("zsh", "_dunder"),
        ("fish", "dunder.fish"),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("completions")
            .join(file);
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        // The scripts are long: only that they differ is said.
        assert!(
            person.run(&["completions", shell]).ok() == kept,
            "{file} is not current: dunder completions {shell} > completions/{file}"
        );
    }
    person.run(&["completions", "tcsh"]).failed(2, "tcsh");
}
