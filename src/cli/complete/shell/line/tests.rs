use proptest::prelude::*;

use crate::cli::complete::shell::line::*;

const ALL: [Dialect; 3] = [Dialect::Bash, Dialect::Zsh, Dialect::Fish];

fn quoted(dialect: Dialect, before: &str, line: &str, aliases: &[Alias<'_>]) -> Option<String> {
    check(dialect, before, line, aliases, false).quoted
}

/// Checks the line in every shell; `None`: it is left alone.
#[track_caller]
fn all(line: &str, expected: Option<&str>) {
    for dialect in ALL {
        let quoted = quoted(dialect, "", line, &[]);
        assert_eq!(quoted.as_deref(), expected, "{dialect:?}: {line}");
    }
}

#[test]
fn bare_hashtags_of_a_post_are_quoted() {
    for (line, expected) in [
        (r#"dunder post "text" #tag"#, r#"dunder post "text" '#tag'"#),
        (
            "dunder post deploy of #prod done",
            "dunder post deploy of '#prod' done",
        ),
        ("dunder post #a #b", "dunder post '#a' '#b'"),
        (
            "dunder post it is #größe! #42",
            "dunder post it is '#größe!' '#42'",
        ),
        ("  A=b dunder post x #a", "  A=b dunder post x '#a'"),
        ("/usr/bin/dunder post x #a", "/usr/bin/dunder post x '#a'"),
        ("time dunder post x #a", "time dunder post x '#a'"),
        (
            "true && dunder post x #a && ls",
            "true && dunder post x '#a' && ls",
        ),
        ("dunder post x #a; ls # c", "dunder post x '#a'; ls # c"),
        ("dunder post x #a;ls", "dunder post x '#a';ls"),
        ("dunder post x #a # real", "dunder post x '#a' # real"),
        ("dunder post x #a | cat #b", "dunder post x '#a' | cat #b"),
        ("ls # c\ndunder post x #a", "ls # c\ndunder post x '#a'"),
        ("dunder post x #a >out 2>&1", "dunder post x '#a' >out 2>&1"),
        ("dunder post x >out #a", "dunder post x >out '#a'"),
        ("git log | dunder post - #a", "git log | dunder post - '#a'"),
        (
            "dunder post \"$(date) x\" #a",
            "dunder post \"$(date) x\" '#a'",
        ),
        ("dunder post \"a\n#b\" #a", "dunder post \"a\n#b\" '#a'"),
        ("dunder post 'it' \\#b #a", "dunder post 'it' \\#b '#a'"),
        (
            "echo \"$(dunder post x #a)\"",
            "echo \"$(dunder post x '#a')\"",
        ),
    ] {
        all(line, Some(expected));
    }
}

#[test]
fn everything_else_is_left_alone() {
    for line in [
        "",
        "ls #tag",
        "ls # dunder post x #tag",
        "# dunder post x #tag",
        "echo dunder post x #tag",
        "dunder feed #tag",
        "dunder # post x #tag",
        "dunder post x",
        "dunder post x '#a' \"#b\" c#d",
        "dunder post x # a comment",
        "dunder post x #",
        "dunder post x ## y",
        "dunder post x #!y",
        "dunder post x #it's fine",
        "dunder post x #a$b",
        "dunder post x # it's #a",
        "dunder post 'open #a",
        "dunder post \"open #a",
        "dunder post x >#a",
        "echo 'dunder post x #a'",
        "dunderhead post x #a",
        "dunder posts x #a",
        "$dunder post x #a",
    ] {
        all(line, None);
    }
}

#[test]
fn each_shell_has_its_own_syntax() {
    let bash = |line: &str| quoted(Dialect::Bash, "", line, &[]);
    let fish = |line: &str| quoted(Dialect::Fish, "", line, &[]);
    for (line, expected) in [
        ("(dunder post x #a)", "(dunder post x '#a')"),
        ("f() { dunder post x #a; }", "f() { dunder post x '#a'; }"),
        ("{ dunder post x #a; }", "{ dunder post x '#a'; }"),
        (
            "for i in 1 2; do dunder post $i #a; done",
            "for i in 1 2; do dunder post $i '#a'; done",
        ),
        (
            "echo `dunder post x #a` # c",
            "echo `dunder post x '#a'` # c",
        ),
        (
            "dunder post ${x#y} $((1#2)) $'it\\'s' #a",
            "dunder post ${x#y} $((1#2)) $'it\\'s' '#a'",
        ),
        ("dunder post - <<< x #a", "dunder post - <<< x '#a'"),
        (
            "dunder post - #a <<E\ndunder post x #b\nE\nls #c",
            "dunder post - '#a' <<E\ndunder post x #b\nE\nls #c",
        ),
        (
            "case x in a) dunder post x #a;; esac",
            "case x in a) dunder post x '#a';; esac",
        ),
        ("dunder post x \\\n  #a", "dunder post x \\\n  '#a'"),
    ] {
        assert_eq!(bash(line).as_deref(), Some(expected), "{line}");
    }
    for (line, expected) in [
        ("dunder post (date) #a", "dunder post (date) '#a'"),
        ("dunder post 'it\\'s' #a", "dunder post 'it\\'s' '#a'"),
        (
            "if true; dunder post x #a; end",
            "if true; dunder post x '#a'; end",
        ),
        ("and dunder post x #a", "and dunder post x '#a'"),
        ("echo (dunder post x #a) #b", "echo (dunder post x '#a') #b"),
    ] {
        assert_eq!(fish(line).as_deref(), Some(expected), "{line}");
    }
    for line in [
        "cat <<E\ndunder post x #a\nE",
        "cat <<-'E'\n\tdunder post x #a\n\tE",
    ] {
        assert_eq!(bash(line), None, "{line}");
    }
}

#[test]
fn lines_above_and_aliases_count() {
    let bash = |before: &str, line: &str| quoted(Dialect::Bash, before, line, &[]);
    assert_eq!(
        bash("dunder post \"two\n", "lines\" #a").as_deref(),
        Some("lines\" '#a'")
    );
    assert_eq!(bash("dunder post x \\\n", "#a").as_deref(), Some("'#a'"));
    assert_eq!(bash("cat <<E\n", "dunder post x #a"), None);
    assert_eq!(
        bash("ls\n", "dunder post x #a").as_deref(),
        Some("dunder post x '#a'")
    );
    let aliases = [
        ("dp", "dunder post -t x"),
        ("d", "noglob dunder"),
        ("ls", "ls -l"),
        ("dunder", "dunder"),
    ];
    for (line, expected) in [
        ("dp x #a", Some("dp x '#a'")),
        ("d post x #a", Some("d post x '#a'")),
        ("dunder post x #a", Some("dunder post x '#a'")),
        ("d feed #a", None),
        ("ls #a", None),
        ("echo dp #a", None),
    ] {
        let quoted = quoted(Dialect::Zsh, "", line, &aliases);
        assert_eq!(quoted.as_deref(), expected, "{line}");
    }
}

#[test]
fn a_post_that_goes_on_is_known() {
    for (line, is_open) in [
        ("dunder post \"two", true),
        ("dunder post #a 'two\n", true),
        ("dunder post x \\", true),
        ("true; dunder post \"$(date) it", true),
        ("dunder post \"two\" #a", false),
        ("dunder post x \\ ", false),
        ("echo \"two", false),
        ("dunder feed \"two", false),
        ("dunder post x; echo \"two", false),
    ] {
        for dialect in ALL {
            let checked = check(dialect, "", line, &[], false);
            assert_eq!(checked.is_open, is_open, "{line}");
        }
    }
}

proptest! {
    #[test]
    fn any_line_keeps_its_characters_and_is_done_after_one_pass(
        before in "[a-z #\"'\\\\\n(]{0,12}",
        words in proptest::collection::vec(
            prop_oneof![
                Just("dunder post ".to_owned()), Just("#tag ".to_owned()), Just("$( ".to_owned()),
                Just("<<E".to_owned()), "[ -~äß\n\t]{0,6}", ".{0,3}",
            ],
            0..12,
        ),
    ) {
        let line = words.concat();
        for dialect in ALL {
            let Some(once) = quoted(dialect, &before, &line, &[]) else { continue };
            let less = |text: &str| text.replace('\'', "");
            prop_assert_eq!(less(&once), less(&line));
            prop_assert_eq!(quoted(dialect, &before, &once, &[]), None);
        }
    }
}

#[test]
fn a_comment_behind_a_post_is_left_out_where_the_shell_would_post_it() {
    let cut = |line| check(Dialect::Zsh, "", line, &[], true).quoted;
    for (line, expected) in [
        ("dunder post x #a # real", Some("dunder post x '#a' ")),
        ("dunder post x # real", Some("dunder post x ")),
        ("dunder post x #", Some("dunder post x ")),
        ("dunder post x # b\nls # c", Some("dunder post x \nls # c")),
        ("dunder post 'x # y' c#", None),
        ("echo x # dunder post", None),
        ("echo $(dunder post x # y)", None),
    ] {
        assert_eq!(cut(line).as_deref(), expected, "{line}");
    }
}
