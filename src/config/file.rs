//! The YAML file: read into the same texts that flags and variables give,
//! each with its line. An unknown key stops the program: a typo must not
//! leave a setting at its default.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_saphyr::Spanned;

use super::ConfigError;
use super::key::Kind;
use super::keys::{self, FILE_ONLY, KEYS};

/// A configuration file: its name, for messages, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// As given by the user.
    pub name: String,
    /// YAML.
    pub text: String,
}

/// The values of one key and the line of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) texts: Vec<String>,
    pub(super) line: u64,
}

/// What a file says, by key; keys of the file alone included.
pub(super) type Entries = BTreeMap<&'static str, Entry>;

/// Reads a file.
pub(super) fn read(file: &ConfigFile) -> Result<Entries, ConfigError> {
    let reader = Reader::default();
    let refused = |line: Option<u64>, reason: String| ConfigError::File {
        place: match line {
            Some(line) => format!("{} line {line}", file.name),
            None => file.name.clone(),
        },
        reason,
    };
    // Snippets would show the lines around a fault, a password among them.
    // Comments are of no use here, and the parser takes only so many in a row.
    let options = serde_saphyr::options! { with_snippet: false, emit_comments: false };
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let outcome = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        Section {
            reader: &reader,
            name: None,
        }
        .deserialize(yaml)
    });
    // Our own reasons know more than the parser's.
    if let Some((line, reason)) = reader.fault.into_inner() {
        return Err(refused(Some(line), reason));
    }
    if let Err(error) = outcome {
        let line = error
            .location()
            .map(|at| at.line())
            .filter(|line| *line > 0)
            .or(reader.line.get());
        return Err(refused(
            line,
            parser_reason(&error, reader.current.into_inner()),
        ));
    }
    Ok(reader.entries.into_inner())
}

fn parser_reason(error: &serde_saphyr::Error, key: Option<&'static str>) -> String {
    let error = error.without_snippet();
    match (error, key) {
        (
            serde_saphyr::Error::NullIntoString { .. } | serde_saphyr::Error::Unexpected { .. },
            Some(key),
        ) => format!(
            "{key} needs one value; write `{}: …`",
            key.rsplit('.').next().unwrap_or(key)
        ),
        (_, Some(key)) if is_secret(key) => {
            format!("the value of {key} cannot be read as YAML; quote it")
        }
        _ => format!("this cannot be read as YAML: {error}"),
    }
}

fn is_secret(key: &str) -> bool {
    keys::find(key).is_some_and(|key| key.kind == Kind::Secret)
}

/// Gathers entries while the parser walks the file.
#[derive(Default)]
struct Reader {
    entries: RefCell<Entries>,
    /// The key whose value is being read.
    current: RefCell<Option<&'static str>>,
    /// The line of the last key: what the parser cannot place is near it.
    line: Cell<Option<u64>>,
    /// The first fault we found ourselves, and its line.
    fault: RefCell<Option<(u64, String)>>,
}

/// The names a file can hold.
fn known() -> impl Iterator<Item = &'static str> {
    let listed = KEYS.iter().filter(|key| key.in_file).map(|key| key.name);
    listed.chain(FILE_ONLY)
}

fn is_section(name: &str) -> bool {
    known().any(|key| {
        key.split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

impl Reader {
    fn refuse<E: serde::de::Error>(&self, line: u64, reason: String) -> E {
        self.fault.borrow_mut().get_or_insert((line, reason));
        E::custom("refused")
    }

    fn unknown<E: serde::de::Error>(&self, line: u64, path: &str, section: Option<&str>) -> E {
        let mut names: Vec<&str> = known().collect();
        names.extend(
            names
                .clone()
                .iter()
                .filter_map(|key| Some(key.split_once('.')?.0)),
        );
        let leaf = path.rsplit('.').next().unwrap_or(path);
        // The same name in another place is the likeliest mistake.
        let moved = names
            .iter()
            .find(|name| name.rsplit('.').next() == Some(leaf));
        let meant = moved
            .copied()
            .or_else(|| keys::closest(path, names.iter().copied()));
        let hint = match (meant, section) {
            (Some(meant), _) => format!("did you mean {meant}?"),
            (None, Some(section)) => format!("{section} takes {}", members(section)),
            (None, None) => "config.yaml of the project lists every key".to_owned(),
        };
        self.refuse(line, format!("unknown key {}; {hint}", super::shown(path)))
    }
}

fn members(section: &str) -> String {
    let names = known().filter_map(|key| key.strip_prefix(section)?.strip_prefix('.'));
    names.collect::<Vec<_>>().join(", ")
}

/// A mapping of the file: the whole (no name) or a section.
struct Section<'a> {
    reader: &'a Reader,
    name: Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for Section<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Section<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "keys with values below {name}"),
            None => f.write_str("keys with values, such as `port: 9000`"),
        }
    }

    /// All its lines are commented out.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Spanned<String>>()? {
            let line = name.referenced.line();
            self.reader.line.set(Some(line));
            let path = match self.name {
                Some(section) => format!("{section}.{}", name.value),
                None => name.value,
            };
            if self.name.is_none() && is_section(&path) {
                let name = known()
                    .filter_map(|key| Some(key.split_once('.')?.0))
                    .find(|s| *s == path);
                map.next_value_seed(Section {
                    reader: self.reader,
                    name,
                })?;
                continue;
            }
            let Some(key) = known().find(|key| *key == path) else {
                return Err(self.reader.unknown(line, &path, self.name));
            };
            *self.reader.current.borrow_mut() = Some(key);
            let texts = match keys::find(key).map_or(Kind::List, |key| key.kind) {
                Kind::List => map.next_value::<Texts>()?.0,
                Kind::Map => map.next_value::<Pairs>()?.0,
                Kind::Text | Kind::Bool | Kind::Secret => vec![map.next_value::<String>()?],
            };
            *self.reader.current.borrow_mut() = None;
            let entry = Entry { texts, line };
            self.reader.entries.borrow_mut().insert(key, entry);
        }
        Ok(())
    }
}

/// One text or a list of them.
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(yaml: D) -> Result<Texts, D::Error> {
        yaml.deserialize_any(TextsVisitor).map(Texts)
    }
}

/// A mapping, each pair as `NAME=VALUE`, or such texts.
struct Pairs(Vec<String>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(yaml: D) -> Result<Pairs, D::Error> {
        yaml.deserialize_any(PairsVisitor).map(Pairs)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names with values, such as {ci: 7d}")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Vec<String>, E> {
        Err(E::custom("a value is missing"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<String>, A::Error> {
        TextsVisitor.visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            pairs.push(format!("{name}={value}"));
        }
        if pairs.is_empty() {
            return Err(A::Error::custom("the mapping is empty"));
        }
        Ok(pairs)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list of values")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Vec<String>, E> {
        Ok(vec![value.to_string()])
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Vec<String>, E> {
        Ok(vec![value.to_string()])
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Vec<String>, E> {
        Err(E::custom("a value is missing"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            texts.push(text);
        }
        if texts.is_empty() {
            return Err(A::Error::custom("the list is empty"));
        }
        Ok(texts)
    }
}
