//! What a person at a prompt is about to write: from the command line so far
//! to the kind of word, and what stands before it.

/// What the server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Hashtags, busiest first.
    Hashtag,
    /// User names.
    User,
}

/// A word that the server can complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// What it is.
    pub kind: Kind,
    /// What of the word stands before the name: `--hashtag=`, `+`, nothing.
    pub lead: String,
    /// The name so far.
    pub prefix: String,
}

/// The words of a command line up to the cursor; the last is the one that is
/// being written, and may be empty. Quotes are taken off, an open one too.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = line.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        let last = words.len() - 1;
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (Some('"') | None, '\\') => words[last].extend(chars.next()),
            (None, _) if c.is_whitespace() => {
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                // Blanks before the command are no word.
                if words.len() > 1 || !words[0].is_empty() {
                    words.push(String::new());
                }
            }
            _ => words[last].push(c),
        }
    }
    words
}

/// What the last of some words is, if the server knows such words.
pub(crate) fn wanted(words: &[String]) -> Option<Wanted> {
    let program = words.iter().position(|word| is_dunder(word))?;
    let [command, between @ .., word] = words.get(program + 1..)? else {
        return None;
    };
    let options = options(command)?;
    if let Some(before) = between.last()
        && let Some((.., kind)) = options
            .iter()
            .find(|(short, long, _)| before == short || before == long)
    {
        return Some(named(*kind, "", word));
    }
    for (short, long, kind) in options {
        let assigned = format!("{long}=");
        if let Some(name) = word.strip_prefix(&assigned) {
            return Some(named(*kind, &assigned, name));
        }
        if let Some(name) = word.strip_prefix(short)
            && !name.starts_with('-')
        {
            return Some(named(*kind, short, name));
        }
    }
    if command != "post" {
        return None;
    }
    // In a quoted text the last of its words counts.
    let at = word.rfind(char::is_whitespace).map_or(0, |at| {
        at + word[at..].chars().next().map_or(0, char::len_utf8)
    });
    let sign = word[at..]
        .chars()
        .next()
        .filter(|c| matches!(c, '+' | '#'))?;
    if at > 0 && sign == '+' {
        return None;
    }
    let (lead, name) = word.split_at(at + sign.len_utf8());
    Some(named(Kind::Hashtag, lead, name))
}

fn is_dunder(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    name == "dunder"
}

/// The options of a command whose values the server knows.
fn options(command: &str) -> Option<&'static [(&'static str, &'static str, Kind)]> {
    const HASHTAG: (&str, &str, Kind) = ("-t", "--hashtag", Kind::Hashtag);
    const TAG: (&str, &str, Kind) = ("-t", "--tag", Kind::Hashtag);
    match command {
        "feed" => Some(&[HASHTAG, TAG, ("-u", "--user", Kind::User)]),
        "trend" | "post" => Some(&[HASHTAG, TAG]),
        "tags" => Some(&[("-p", "--prefix", Kind::Hashtag)]),
        _ => None,
    }
}

fn named(kind: Kind, lead: &str, name: &str) -> Wanted {
    let mut lead = lead.to_owned();
    let mut prefix = name;
    // `-t '#tag'` is as good as `-t tag`.
    if kind == Kind::Hashtag
        && !lead.ends_with('#')
        && let Some(rest) = name.strip_prefix('#')
    {
        lead.push('#');
        prefix = rest;
    }
    Wanted {
        kind,
        lead,
        prefix: prefix.to_owned(),
    }
}

/// The value of an option that is already written, `--server URL` or
/// `--server=URL`.
pub(crate) fn value_of<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    let (_, written) = words.split_last()?;
    let mut found = None;
    for (at, word) in written.iter().enumerate() {
        match word.strip_prefix(option) {
            Some("") => found = written.get(at + 1).map(String::as_str),
            Some(rest) => found = rest.strip_prefix('=').or(found),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(line: &str) -> Option<(Kind, String, String)> {
        wanted(&words(line)).map(|wanted| (wanted.kind, wanted.lead, wanted.prefix))
    }

    #[test]
    fn options_and_signs_tell_what_is_being_written() {
        for (line, kind, lead, prefix) in [
            ("dunder feed -t ", Kind::Hashtag, "", ""),
            ("dunder feed -t st", Kind::Hashtag, "", "st"),
            ("dunder feed -tst", Kind::Hashtag, "-t", "st"),
            (
                "dunder feed --hashtag=st",
                Kind::Hashtag,
                "--hashtag=",
                "st",
            ),
            ("dunder feed -t '#st", Kind::Hashtag, "#", "st"),
            ("dunder feed --tag st", Kind::Hashtag, "", "st"),
            ("dunder trend --tag=st", Kind::Hashtag, "--tag=", "st"),
            ("dunder feed -t a --user an", Kind::User, "", "an"),
            ("  ./dunder feed --user=", Kind::User, "--user=", ""),
            ("dunder trend -t a -t b", Kind::Hashtag, "", "b"),
            ("dunder tags --prefix de", Kind::Hashtag, "", "de"),
            ("dunder post hi +o", Kind::Hashtag, "+", "o"),
            ("dunder post 'hi' '#o", Kind::Hashtag, "#", "o"),
            ("dunder post hi \\#o", Kind::Hashtag, "#", "o"),
            (
                "dunder post \"deploy of #o",
                Kind::Hashtag,
                "deploy of #",
                "o",
            ),
            ("X=1 dunder feed -u a", Kind::User, "", "a"),
        ] {
            let wanted = Some((kind, lead.to_owned(), prefix.to_owned()));
            assert_eq!(at(line), wanted, "{line}");
        }
    }

    #[test]
    fn other_words_are_left_to_the_shell() {
        for line in [
            "",
            "dunder",
            "dunder fe",
            "dunder feed ",
            "dunder feed --us",
            "dunder feed +o",
            "dunder show ",
            "dunder post hi",
            "dunder post 'a +o",
            "dunder feed -t a ",
            "other feed -t ",
        ] {
            assert_eq!(at(line), None, "{line}");
        }
    }

    #[test]
    fn a_server_on_the_line_is_the_one_to_ask() {
        let line = words("dunder feed --server http://a:1 --server=http://b:2 -t ");
        assert_eq!(value_of(&line, "--server"), Some("http://b:2"));
        assert_eq!(value_of(&line, "--cacert"), None);
        assert_eq!(value_of(&words("dunder feed --server"), "--server"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read(line: String) {
            let words = words(&line);
            prop_assert!(!words.is_empty());
            let _ = wanted(&words);
        }
    }
}
