//! What a mistyped name was meant to be. A wrong guess costs more than none,
//! so a guess has to be near.

/// The name nearest to a mistyped one: few letters differ for its length, and
/// the first is the same unless only two are swapped or one is missing.
pub(super) fn near<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    names
        .map(|name| {
            (
                strsim::damerau_levenshtein(&wrong, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(steps, name)| {
            let starts_alike = name.chars().next() == wrong.chars().next();
            let allowed = if starts_alike { 1 + name.len() / 5 } else { 1 };
            *steps <= allowed && *steps < name.len()
        })
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_a_guess() {
        let commands = ["complete", "serve", "feed", "trend", "whoami", "login"];
        for (wrong, meant) in [
            ("feeed", Some("feed")),
            ("ternd", Some("trend")),
            ("eed", Some("feed")),
            ("whoam", Some("whoami")),
            ("erase", None),
            ("search", None),
            ("x", None),
        ] {
            assert_eq!(near(wrong, commands.into_iter()), meant, "{wrong}");
        }
        assert_eq!(near("--follow", ["--color", "--all"].into_iter()), None);
    }
}
