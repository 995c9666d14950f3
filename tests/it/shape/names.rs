//! Every module of the crate that a source names, however it is written:
//! `use` trees, nested, grouped, renamed and with globs, chains of `super`,
//! paths in expressions, types, macros and attributes. What would make names
//! unreadable (the crate's root under a name of its own, included text, files
//! at other paths) is an error of its own.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{UseTree, Visibility, ext::IdentExt};

/// What a source names.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// The path as written, without renames.
    pub path: String,
    /// The module right below the crate's root.
    pub module: String,
    /// Whether others see it under the name given here.
    pub is_reexported: bool,
}

/// What was found in a source.
#[derive(Debug, Default)]
pub struct Found {
    pub named: Vec<Named>,
    pub errors: Vec<String>,
}

/// Reads a source that stands at a module, `["cli", "command"]` for
/// `src/cli/command/mod.rs`; the root's is empty.
pub fn read(module: &[&str], source: &str) -> Found {
    let mut reader = Reader {
        module: module.iter().map(|part| (*part).to_owned()).collect(),
        is_attribute: false,
        is_reexport: false,
        found: Found::default(),
    };
    match syn::parse_file(source) {
        Ok(file) => reader.visit_file(&file),
        Err(error) => reader.found.errors.push(format!("is not Rust: {error}")),
    }
    reader.found
}

struct Reader {
    /// Where the walk is, inline modules included.
    module: Vec<String>,
    is_attribute: bool,
    is_reexport: bool,
    found: Found,
}

/// How a path ends.
enum End {
    Plain,
    Renamed,
    Glob,
}

impl Reader {
    fn error(&mut self, reason: &str, what: &str) {
        self.found.errors.push(format!("{reason}: {what}"));
    }

    /// Follows a path from where the walk is to a module below the root.
    fn path(&mut self, segments: &[String], end: &End) {
        let written = segments.join("::");
        let mut place = self.module.clone();
        let mut rest = segments.iter().map(String::as_str).peekable();
        match segments.first().map(String::as_str) {
            Some("crate" | "dunder") => {
                place.clear();
                rest.next();
            }
            Some("self" | "super") => {}
            // Another crate's, or a name that was brought in elsewhere.
            Some(_) | None => return,
        }
        while let Some(step) = rest.next_if(|step| matches!(*step, "self" | "super")) {
            if step == "super" && place.pop().is_none() {
                return self.error("leads out of the crate", &written);
            }
        }
        let module = place.first().cloned().or(rest.next().map(str::to_owned));
        match (module, end) {
            (Some(module), _) => self.found.named.push(Named {
                path: written,
                module,
                is_reexported: self.is_reexport,
            }),
            // Every module could be named through it, unseen.
            (None, End::Renamed) => self.error("gives the crate's root another name", &written),
            (None, End::Glob) => self.error("takes in the whole root", &written),
            (None, End::Plain) => {}
        }
    }

    fn tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |ident: &syn::Ident| [prefix, &[ident.unraw().to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.path(&with(&name.ident), &End::Plain),
            UseTree::Rename(name) => self.path(&with(&name.ident), &End::Renamed),
            UseTree::Glob(_) => self.path(prefix, &End::Glob),
            UseTree::Group(group) => {
                for item in &group.items {
                    self.tree(prefix, item);
                }
            }
        }
    }

    /// Tokens that nothing parses: what a macro or an attribute is given.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(_) => at = self.token_tree(&[], &tokens, at),
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    at += 1;
                }
                TokenTree::Literal(literal) => {
                    self.literal(&literal.to_string());
                    at += 1;
                }
                TokenTree::Punct(_) => at += 1,
            }
        }
    }

    /// Reads one path or `use` tree from `at` on; gives where it ends.
    fn token_tree(&mut self, prefix: &[String], tokens: &[TokenTree], mut at: usize) -> usize {
        let mut segments = prefix.to_vec();
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(ident)) => {
                    segments.push(ident.unraw().to_string());
                    at += 1;
                    if is_colons(tokens, at) {
                        at += 2;
                        continue;
                    }
                    let renamed =
                        matches!(tokens.get(at), Some(TokenTree::Ident(word)) if word == "as");
                    let end = if renamed { End::Renamed } else { End::Plain };
                    self.path_of_tokens(&segments, &end);
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                    self.path_of_tokens(&segments, &End::Glob);
                }
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
                    for part in inner.split(is_comma) {
                        self.token_tree(&segments, part, 0);
                    }
                    at += 1;
                }
                _ => self.path_of_tokens(&segments, &End::Plain),
            }
            return at;
        }
    }

    /// A lone word is no path, and in the root not every word is a module.
    fn path_of_tokens(&mut self, segments: &[String], end: &End) {
        let is_rooted = matches!(
            segments.first().map(String::as_str),
            Some("crate" | "dunder" | "self" | "super")
        );
        let is_lone = segments.len() < 2 && matches!(end, End::Plain);
        if is_rooted && !is_lone {
            self.path(segments, end);
        }
    }

    /// Attributes may hold paths as texts: `#[serde(with = "crate::api::time")]`.
    fn literal(&mut self, text: &str) {
        let quoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        if let Some(quoted) = quoted.filter(|text| self.is_attribute && text.contains("::"))
            && let Ok(tokens) = quoted.parse()
        {
            self.tokens(tokens);
        }
    }
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    is_colon(tokens.get(at)) && is_colon(tokens.get(at + 1))
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.is_reexport = !matches!(item.vis, Visibility::Inherited);
        self.tree(&[], &item.tree);
        self.is_reexport = false;
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.error("brings in a crate by extern", &item.ident.to_string());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("path"))
        {
            self.error("has its file at another path", &item.ident.to_string());
        }
        self.module.push(item.ident.unraw().to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    /// `pub(crate)` names nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|part| part.ident.unraw().to_string());
        let segments: Vec<String> = names.collect();
        self.path_of_tokens(&segments, &End::Plain);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|part| part.ident.to_string());
        if name.as_deref() == Some("include") {
            self.error("brings in included text", "include!");
        }
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        // Links of documents are no arrows.
        if !attribute.path().is_ident("doc") {
            self.is_attribute = true;
            visit::visit_attribute(self, attribute);
            self.is_attribute = false;
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.literal(&format!("\"{}\"", text.value()));
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.tokens(tokens.clone());
    }
}
