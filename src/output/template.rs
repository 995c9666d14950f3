//! Lines as the reader writes them: `{time} {text}`.
//!
//! `{name}` is a field, `{{` and `}}` are braces, `\n`, `\t` and `\\` what
//! they are in C. Values are those of the lines format, on one line; a
//! newline ends each row.

use crate::output::format::{Options, Writer};
use crate::output::row::{Kind, Record, position};
use crate::output::sanitize_line;

/// A template of a kind of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    Column(usize),
}

/// Not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write fields in braces, such as '{{time}} {{text}}'")]
pub struct TemplateError(String);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A field that is none, or a brace without its other half.
    pub fn parse(kind: &Kind, text: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' | '}' if rest.next_if_eq(&c).is_some() => plain.push(c),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => {
                                return Err(TemplateError(format!("{{{name} has no end")));
                            }
                        }
                    }
                    let column = position(kind, &name);
                    let column = column.map_err(|error| TemplateError(error.to_string()))?;
                    parts.push(Part::Plain(std::mem::take(&mut plain)));
                    parts.push(Part::Column(column));
                }
                '}' => return Err(TemplateError("a } has no beginning".to_owned())),
                '\\' => match rest.next() {
                    Some('n') => plain.push('\n'),
                    Some('t') => plain.push('\t'),
                    Some('\\') | None => plain.push('\\'),
                    Some(other) => plain.extend(['\\', other]),
                },
                c => plain.push(c),
            }
        }
        parts.push(Part::Plain(plain));
        Ok(Template(parts))
    }

    pub(crate) fn open(self, options: Options) -> Box<dyn Writer> {
        Box::new(Templated {
            template: self,
            options,
        })
    }
}

struct Templated {
    template: Template,
    options: Options,
}

impl Writer for Templated {
    fn begin(&mut self, _: &[&dyn Record], _: &mut Vec<u8>) {}

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        let format = self.options.time_format.as_ref();
        let times = format.map(|format| (&self.options.clock, format));
        for row in rows {
            let values = row.values();
            for part in &self.template.0 {
                match part {
                    Part::Plain(text) => out.extend_from_slice(text.as_bytes()),
                    Part::Column(at) => {
                        let field = sanitize_line(&values[*at].field(times, true));
                        out.extend_from_slice(field.as_bytes());
                    }
                }
            }
            out.push(b'\n');
        }
    }

    fn end(&mut self, _: Option<&str>, _: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::format::write_all;
    use crate::output::records::MESSAGES;
    use crate::output::tests::{message, options};

    fn filled(template: &str) -> String {
        let template = Template::parse(&MESSAGES, template).unwrap();
        let message = message("ann", "one\n\u{1b}[2J two", &["a", "b"]);
        String::from_utf8(write_all(template.open(options(80)), &[message])).unwrap()
    }

    #[test]
    fn fields_stand_where_the_template_has_them() {
        assert_eq!(filled("{user}: {text}"), "ann: one\\n\\u{1b}[2J two\n");
        assert_eq!(
            filled(r"{time}\t{hashtags} {{x}} {id}\\"),
            "2026-11-24T11:00:00.000Z\t#a #b {x} 01JDEN0W00000000000000000A\\\n"
        );
        assert_eq!(filled("{user_name} {created_at}"), filled("{user} {time}"));
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (text, named) in [("{usr}", "\"usr\""), ("{user", "{user"), ("x}", "}")] {
            let error = Template::parse(&MESSAGES, text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let error = Template::parse(&MESSAGES, "{usr}").unwrap_err().to_string();
        assert!(error.contains("time, id, user, hashtags, text"), "{error}");
    }

    proptest! {
        #[test]
        fn any_template_is_read_or_refused(text: String) {
            let _ = Template::parse(&MESSAGES, &text);
        }
    }
}
