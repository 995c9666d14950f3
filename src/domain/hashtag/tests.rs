use proptest::prelude::*;

use super::chars::{Class, class};
use super::fold::{fold, is_plain, round};
use super::scan::candidates;
use super::*;

fn tags(text: &str) -> Vec<String> {
    let found = hashtags_in_text(text);
    found.iter().map(Hashtag::to_string).collect()
}

fn tag(written: &str) -> Hashtag {
    written
        .parse()
        .unwrap_or_else(|error| panic!("{written:?}: {error}"))
}

#[test]
fn one_leading_sign_is_dropped_and_the_rest_folded() {
    for (written, folded) in [
        ("Prod", "prod"),
        ("#prod", "prod"),
        ("＃prod", "prod"),
        ("\u{200f}#prod", "prod"),
        ("\u{feff}prod\u{200e}", "prod"),
        ("ＰＲＯＤ", "prod"),
        ("ａ＿ｂ－ｃ", "a_b-c"),
        ("co\u{2010}op", "co-op"),
        ("a_b-C1", "a_b-c1"),
        ("ÉTÉ", "été"),
        ("e\u{301}te\u{301}", "été"),
        ("हिन्दी", "हिन्दी"),
        ("Straße", "straße"),
        ("STRAẞE", "straße"),
        ("ｻｯｶｰ", "サッカー"),
        ("ﾊ\u{ff9e}", "バ"),
        ("ハ\u{309b}", "バ"),
        ("メ～テレ", "メ〜テレ"),
        ("x²", "x2"),
        ("ﬁn", "fin"),
        ("½price", "½price"),
        ("⑴テスト", "⑴テスト"),
        ("محمد_ﷺ", "محمد_ﷺ"),
        ("col·legi", "col·legi"),
        ("coŀlegi", "col·legi"),
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ("ශ්\u{200d}රී", "ශ්\u{200d}රී"),
        ("מ״כ", "מ״כ"),
        ("וכו׳", "וכו׳"),
        ("בית־ספר", "בית־ספר"),
        ("བོད་སྐད་", "བོད་སྐད"),
        ("各〃", "各〃"),
        ("-", "-"),
        ("2019", "2019"),
    ] {
        assert_eq!(tag(written).as_str(), folded, "{written:?}");
    }
}

#[test]
fn what_a_person_cannot_tell_apart_is_one_hashtag() {
    for (one, other) in [
        ("İstanbul", "istanbul"),
        ("i\u{307}stanbul", "istanbul"),
        ("ı\u{307}stanbul", "istanbul"),
        ("ΟΔΟΣ", "οδος"),
        ("ΟΔΟΣ", "οδοσ"),
        ("a\u{fe0f}", "a"),
        ("葛\u{e0100}城", "葛城"),
        ("a\u{ad}b", "ab"),
        ("a\u{2060}b", "ab"),
        ("a\u{34f}b", "ab"),
        ("a\u{200b}b", "ab"),
        ("jo\u{200c}hn", "john"),
        ("jo\u{200d}hn", "john"),
        // A letter that does not join anyway.
        ("د\u{200c}ا", "دا"),
        ("می\u{200c}\u{200c}خواهم", "می\u{200c}خواهم"),
        ("می\u{200c}", "می"),
        ("น้\u{e4d}าท่วม", "น้ำท่วม"),
        ("น\u{e4d}้าท่วม", "น้ำท่วม"),
        ("ນ\u{ecd}າ", "ນຳ"),
        ("\u{1c80}", "в"),
        ("ᲐᲑ", "აბ"),
        ("한\u{3164}", "한"),
        ("a\u{f0c}", "a"),
    ] {
        assert_eq!(tag(one), tag(other), "{one:?} {other:?}");
    }
    for (one, other) in [
        ("ısparta", "isparta"),
        ("می\u{200c}خواهم", "میخواهم"),
        ("عَرَب", "عرب"),
        ("café", "cafe"),
        ("a_b", "a-b"),
    ] {
        assert_ne!(tag(one), tag(other), "{one:?} {other:?}");
    }
}

#[test]
fn a_refused_hashtag_is_named_with_its_fault() {
    for (written, fault) in [
        ("", "empty"),
        ("#", "empty"),
        ("\u{200f}#", "empty"),
        ("##a", "'#'"),
        ("a b", "' '"),
        ("a.b", "'.'"),
        ("a~b", "'~'"),
        ("Brand™", "'™'"),
        ("a\u{202e}b", "202e"),
        ("\u{2067}a\u{2069}", "2067"),
        ("\u{301}a", "301"),
        ("〃", "after a letter only"),
        ("a׳", "after a letter only"),
        ("·a", "between two letters only"),
        ("a··b", "between two letters only"),
        ("a·_b", "between two letters only"),
        ("a״b", "between two letters only"),
        ("\u{3164}", "nothing that can be seen"),
        ("\u{200b}\u{feff}", "nothing that can be seen"),
        ("\u{115f}\u{1160}\u{ffa0}", "nothing that can be seen"),
        ("\u{13441}\u{16fe4}", "nothing that can be seen"),
        ("\u{fe0f}", "nothing that can be seen"),
    ] {
        let error = written.parse::<Hashtag>().unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
}

#[test]
fn a_hashtag_has_at_most_64_characters_as_people_count_them() {
    for letter in ["x", "é", "e\u{301}", "a\u{fe0f}", "น้", "ำ"] {
        let chars = tag(letter).as_str().chars().count();
        let most = letter.repeat(MAX_HASHTAG_CHARS / chars);
        assert!(most.parse::<Hashtag>().is_ok() || letter == "ำ", "{letter}");
    }
    let error = "x".repeat(65).parse::<Hashtag>().unwrap_err().to_string();
    assert!(error.contains("65 characters"), "{error}");
    let error = "é".repeat(65).parse::<Hashtag>().unwrap_err().to_string();
    assert!(error.contains("65 characters"), "{error}");
    let endless = "e\u{301}".repeat(4_000);
    let error = endless.parse::<Hashtag>().unwrap_err().to_string();
    assert!(error.contains("8000 characters"), "{error}");
    let thai = "ประเทศไทยน้ำท่วมใหญ่ในกรุงเทพมหานครน้ำน้ำน้ำ";
    assert_eq!(thai.chars().count(), 44);
    assert_eq!(tag(thai).as_str(), thai);
}

#[test]
fn hashtags_in_a_text_count_where_a_word_starts() {
    for (text, found) in [
        ("deploy of #prod done", &["prod"][..]),
        ("#Start, (#mid) and #end.", &["start", "mid", "end"]),
        ("fixes #123, see a#b, ##c # #-- #", &[]),
        ("#2024-q1 #été #1a", &["2024-q1", "été", "1a"]),
        ("line\n#two\tand\u{3000}#three", &["two", "three"]),
        // Every language's punctuation.
        ("a,#b", &["b"]),
        ("ふー、#foo", &["foo"]),
        ("。#a！#b【#c】《#d》「#e」", &["a", "b", "c", "d", "e"]),
        ("end.#a", &["a"]),
        ("**#x**", &["x"]),
        ("„#prod“ «#été» ‘#a’", &["prod", "été", "a"]),
        ("\u{200e}#a \u{200f}#b \u{feff}#c", &["a", "b", "c"]),
        ("・#a ·#b -#c", &["a", "b", "c"]),
        ("＃東京", &["東京"]),
        (
            "✌\u{fe0f}#a 🅱\u{fe0f}#b 1\u{fe0f}\u{20e3}#c",
            &["a", "b", "c"],
        ),
        ("é#a e\u{301}#b 東#c a\u{fe0f}#d _#e", &[]),
        ("text #dodge/#answer #and/or", &["dodge", "answer", "and"]),
        // Joiners inside, and not at the end.
        ("#col·legi · #l· #a・b・", &["col·legi", "l", "a・b"]),
        (
            "#می\u{200c}خواهم\u{200c} #വന്\u{200d}",
            &["می\u{200c}خواهم", "വന്\u{200d}"],
        ),
        (
            "״#תג״ #מ״כ #וכו׳ #בית־ספר־",
            &["תג", "מ״כ", "וכו׳", "בית־ספר"],
        ),
        ("#བོད་སྐད་", &["བོད་སྐད"]),
        // What ends a hashtag.
        ("#ds106- #x___ #a-b_c-", &["ds106", "x", "a-b_c"]),
        ("#ខ្មែរ\u{200b}អ", &["ខ្មែរ"]),
        ("#foo\u{ad}bar #a\u{fe0f}b", &["foobar", "ab"]),
        ("#a#b #话题#", &["a", "话题"]),
        ("#-x #\u{301}x #\u{fe0f}x #\u{20e3}", &[]),
        // Numbers.
        ("Fixes #13-#15 #1_2 #１２ #١٢ #① #½ #_ #〃", &[]),
        ("#½price #⑴テスト #Ⅷ", &["½price", "⑴テスト", "viii"]),
        ("#محمد_ﷺ #coŀlegi #น้ำท่วม", &["محمد_ﷺ", "col·legi", "น้ำท่วม"]),
        // Entities.
        ("it&#39;s &#x27; R&#b", &[]),
    ] {
        assert_eq!(tags(text), found, "{text:?}");
    }
}

#[test]
fn a_sign_in_a_url_begins_no_hashtag() {
    for (text, found) in [
        ("http://x/#frag", &[][..]),
        ("#http://x #https://x.com/#a", &[]),
        ("twitter.com/#a localhost:9000/#b", &[]),
        ("see http://x.com/a/#b #c", &["c"]),
        ("http://x.com/(#a)/?q=#b", &[]),
        ("(http://x.com)#a [http://x.com/]#b", &["a", "b"]),
        ("<http://x.com/>#a \"http://x.com/\"#b", &["a", "b"]),
        ("http://x.com/。#a　http://x.com/日本語、#b", &["a", "b"]),
        ("https://пример.рф/#a ftp://x/-#b", &[]),
        (
            "v1.2/#a and/#b src/main.rs/#c a.b@x.com/#d ://#e",
            &["a", "b", "c", "d", "e"],
        ),
        ("#a http://x/#b #c http://y/#d #e", &["a", "c", "e"]),
    ] {
        assert_eq!(tags(text), found, "{text:?}");
    }
}

#[test]
fn what_is_too_long_for_a_hashtag_is_text() {
    let long = "x".repeat(65);
    assert_eq!(tags(&format!("see #{long} and #b")), ["b"]);
    assert_eq!(tags(&format!("#{}", "e\u{301}".repeat(2_000))), [""; 0]);
    assert_eq!(
        tags(&format!("#{}", "x\u{ad}".repeat(64))),
        ["x".repeat(64)]
    );
}

#[test]
fn every_character_folds_to_what_folds_to_itself() {
    let is_plain = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{17000}'..='\u{18cff}' | '\u{20000}'..='\u{2f7ff}');
    for c in ('\0'..'\u{30000}').filter(|&c| !is_plain(c) && class(c) != Class::Other) {
        let folded = fold(&format!("i{c}\u{307}a{c}ا{c}ب"));
        assert_eq!(fold(&folded), folded, "{c:?}");
    }
}

#[test]
fn plain_characters_are_those_that_stay_as_they_are() {
    let plain: Vec<char> = ('\u{80}'..'\u{e000}').filter(|&c| is_plain(c)).collect();
    assert!(plain.len() > 30_000);
    for part in plain.chunks(50) {
        let (text, last): (String, String) = (part.iter().collect(), part.iter().rev().collect());
        assert_eq!(round(&text), text);
        assert_eq!(round(&last), last);
    }
}

/// As many steps as a text has bytes, times a number that does not grow.
#[test]
fn every_text_is_searched_in_linear_steps() {
    let different: String = (0..12_000).map(|n| format!("#{n:x} ")).collect();
    let cases: [(&str, &dyn Fn(usize) -> String); 9] = [
        ("different", &|size| different[..size].to_owned()),
        ("signs", &|size| "#".repeat(size)),
        ("slashes", &|size| "/#a".repeat(size / 3)),
        ("hosts", &|size| "a.a/#a".repeat(size / 6)),
        ("one host", &|size| "a.".repeat(size / 2) + "/#a"),
        ("URLs", &|size| "http://x/#a ".repeat(size / 12)),
        ("joiners", &|size| "#\u{200d}".repeat(size / 4)),
        ("dots", &|size| "#a·".repeat(size / 4)),
        ("marks", &|size| {
            "#e".to_owned() + &"\u{301}\u{323}".repeat(size / 4)
        }),
    ];
    for (name, text) in cases {
        let steps = |size| steps::of(|| hashtags_in_text(&text(size)));
        let (few, many) = (steps(1 << 12), steps(1 << 16));
        assert!(many <= 20 * few, "{name}: {few}, then {many}");
        assert!(many <= 20 << 16, "{name}: {many}");
    }
}

/// Texts of what matters to the scanner.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[#＃a-cA-C1é_\\-·・׳״אʹ་〃\u{200c}\u{200d}\u{fe0f}\u{301}\u{94d}كلم .,/:(&]",
        any::<char>().prop_map(String::from),
        "[#]\\PC",
        Just("http://".to_owned()),
        Just("\u{130}\u{307}Σς\u{e4d}\u{e32}".to_owned()),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn folding_is_stable(text in texts()) {
        let folded = fold(&text);
        prop_assert_eq!(&fold(&folded), &folded);
    }

    #[test]
    fn a_hashtag_is_its_own_one_form(text in texts()) {
        if let Ok(tag) = text.parse::<Hashtag>() {
            prop_assert_eq!(tag.as_str().parse::<Hashtag>(), Ok(tag.clone()));
            prop_assert!(tag.as_str().chars().count() <= MAX_HASHTAG_CHARS);
            prop_assert!(tag.as_str().chars().any(|c| class(c) != Class::Ignorable));
        }
    }

    #[test]
    fn what_the_scanner_finds_is_a_hashtag_and_stands_in_the_text(text in texts()) {
        for word in candidates(&text) {
            prop_assert!(text.contains(word));
        }
        for tag in hashtags_in_text(&text) {
            prop_assert_eq!(tag.as_str().parse::<Hashtag>(), Ok(tag.clone()));
            prop_assert!(tag.has_letter());
        }
    }

    #[test]
    fn any_text_can_be_searched_and_parsed(text: String) {
        let _ = hashtags_in_text(&text);
        let _ = text.parse::<Hashtag>();
    }

    #[test]
    fn a_hashtag_written_in_a_text_is_the_hashtag_given_beside_it(text in texts()) {
        let Ok(tag) = text.parse::<Hashtag>() else { return Ok(()) };
        let name = tag.as_str();
        let ends = |c: Option<char>| c.is_some_and(|c| !"-_".contains(c));
        if tag.has_letter() && !name.starts_with('-') && ends(name.chars().next_back()) {
            prop_assert_eq!(hashtags_in_text(&format!("x #{name} y")), vec![tag.clone()]);
        }
    }

    #[test]
    fn the_start_of_a_hashtag_folds_to_a_start_of_it(text in texts(), at: proptest::sample::Index) {
        let Ok(tag) = text.parse::<Hashtag>() else { return Ok(()) };
        let start: String = tag.as_str().chars().take(at.index(MAX_HASHTAG_CHARS)).collect();
        if let Ok(prefix) = start.parse::<Hashtag>() {
            prop_assert!(tag.as_str().starts_with(prefix.as_str()), "{prefix} of {tag}");
        }
    }
}
