//! What a person at a prompt is about to write: from the command line so far
//! to the kind of word, and what stands before it.

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A hashtag; the server knows which, the busiest first.
    Hashtag,
    /// A user; the server knows their names.
    User,
    /// A message; the server knows the last ones.
    Message,
    /// A date in the past.
    Date,
    /// The length of a bucket.
    Bucket,
    /// How long to wait.
    Wait,
    /// A server, by its address or by the name of its login.
    Server,
    /// A login, by its name.
    Login,
    /// A key of client.yaml.
    Setting,
}

/// A word that can be completed.
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

/// What the last of some words is, if it is a word to complete.
pub(crate) fn wanted(words: &[String]) -> Option<Wanted> {
    let program = words.iter().position(|word| is_dunder(word))?;
    let [command, between @ .., word] = words.get(program + 1..)? else {
        return None;
    };
    let options = options(command);
    if let Some(before) = between.last()
        && let Some((.., kind)) = options
            .iter()
            .find(|(short, long, _)| before == long || !short.is_empty() && before == short)
    {
        return Some(named(*kind, "", word));
    }
    for (short, long, kind) in &options {
        let assigned = format!("{long}=");
        if let Some(name) = word.strip_prefix(&assigned) {
            return Some(named(*kind, &assigned, name));
        }
        if !short.is_empty()
            && let Some(name) = word.strip_prefix(short)
            && !name.starts_with('-')
        {
            return Some(named(*kind, short, name));
        }
    }
    if command == "post" {
        return in_text(word);
    }
    // A word that stands alone; one after an option may be its value.
    let follows_option = between.last().is_some_and(|before| before.starts_with('-'));
    if word.starts_with('-') || follows_option {
        return None;
    }
    let kind = match (command.as_str(), between) {
        ("feed" | "trend", _) | ("tags", []) => Kind::Hashtag,
        ("show" | "delete", _) => Kind::Message,
        ("logout", []) => Kind::Login,
        ("login", [verb]) if verb == "use" => Kind::Login,
        ("config", [verb]) if verb == "set" || verb == "unset" => Kind::Setting,
        _ => return None,
    };
    Some(named(kind, "", word))
}

/// The hashtag at the end of a word of a message; in a quoted text the last of
/// its words counts.
fn in_text(word: &str) -> Option<Wanted> {
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

/// A short option or none, a long one, and what their value is.
type Valued = (&'static str, &'static str, Kind);

/// The options of a command whose values can be completed.
fn options(command: &str) -> Vec<Valued> {
    const HASHTAGS: [Valued; 2] = [
        ("-t", "--hashtag", Kind::Hashtag),
        ("-t", "--tag", Kind::Hashtag),
    ];
    const DATES: [Valued; 2] = [("", "--since", Kind::Date), ("", "--until", Kind::Date)];
    const CONNECTION: [Valued; 2] = [
        ("", "--server", Kind::Server),
        ("", "--timeout", Kind::Wait),
    ];
    let own: Vec<Valued> = match command {
        "feed" => [
            HASHTAGS.as_slice(),
            &DATES,
            &[
                ("", "--not", Kind::Hashtag),
                ("-u", "--user", Kind::User),
                ("", "--cursor", Kind::Message),
                ("", "--after", Kind::Message),
            ],
        ]
        .concat(),
        "trend" => [
            HASHTAGS.as_slice(),
            &DATES,
            &[("-a", "--aggregation", Kind::Bucket)],
        ]
        .concat(),
        "post" => HASHTAGS.to_vec(),
        "tags" => [DATES.as_slice(), &[("-p", "--prefix", Kind::Hashtag)]].concat(),
        "show" | "delete" | "login" | "logout" | "whoami" | "doctor" => Vec::new(),
        _ => return Vec::new(),
    };
    [own.as_slice(), &CONNECTION].concat()
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
            ("dunder feed -t a --not st", Kind::Hashtag, "", "st"),
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
            ("dunder feed sq", Kind::Hashtag, "", "sq"),
            ("dunder trend '#sq", Kind::Hashtag, "#", "sq"),
            ("dunder tags ", Kind::Hashtag, "", ""),
            ("dunder show 01A", Kind::Message, "", "01A"),
            ("dunder feed --since ", Kind::Date, "", ""),
            ("dunder trend --until=yes", Kind::Date, "--until=", "yes"),
            ("dunder trend -a 1", Kind::Bucket, "", "1"),
            ("dunder whoami --server ho", Kind::Server, "", "ho"),
            ("dunder tags --timeout ", Kind::Wait, "", ""),
            ("dunder login use wo", Kind::Login, "", "wo"),
            ("dunder logout ", Kind::Login, "", ""),
            ("dunder config set li", Kind::Setting, "", "li"),
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
            "dunder feed --us",
            "dunder feed --limit ",
            "dunder feed -t a --width ",
            "dunder post hi",
            "dunder post 'a +o",
            "dunder tags a b",
            "dunder whoami x",
            "dunder serve --host ",
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
