//! `--position`.

use super::*;

struct Kept {
    person: Person,
    requests: Receiver<String>,
    file: String,
}

fn kept(replies: Vec<Reply>) -> Kept {
    let (url, requests) = serve(replies);
    let person = Person::at(&url);
    let file = person.home().join("position");
    let file = file.to_str().unwrap().to_owned();
    Kept {
        person,
        requests,
        file,
    }
}

#[test]
fn the_next_run_goes_on_where_the_last_one_ended() {
    let Kept {
        person,
        requests,
        file,
    } = kept(vec![
        cut(&[caught_up(1)]),
        cut(&[message(2, "two"), message(3, "three"), caught_up(3)]),
        cut(&[caught_up(4)]),
    ]);
    let args = ["feed", "--position", &file];
    let read = || std::fs::read_to_string(&file).unwrap();
    assert_eq!(person.run(&args).ok(), "");
    assert_eq!(read(), format!("{}\n", id(1)));
    assert_eq!(texts(&person.run(&args).ok()), ["two", "three"]);
    assert_eq!(read(), format!("{}\n", id(3)));
    assert_eq!(person.run(&args).ok(), "");
    assert_eq!(read(), format!("{}\n", id(4)));
    for expected in [
        "last=0".to_owned(),
        format!("after={}", id(1)),
        format!("after={}", id(3)),
    ] {
        assert!(asked(&requests).ends_with(&expected));
    }
}

#[test]
fn a_message_whose_command_fails_is_not_behind_it() {
    let Kept { person, file, .. } = kept(vec![held(&[
        message(1, "one"),
        message(2, "two"),
        message(3, "three"),
    ])]);
    let script = "read text; test $text != two";
    let args = [
        "feed",
        "--position",
        &file,
        "--fail-fast",
        "--exec",
        "sh",
        "-c",
        script,
    ];
    let ran = person.run(&args);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains(&id(2)), "{}", ran.err);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept, format!("{}\n", id(1)));
}

#[test]
fn a_file_of_something_else_or_of_another_dunder_is_refused() {
    let Kept { person, file, .. } = kept(vec![held(&[message(1, "one")])]);
    std::fs::write(&file, "shopping list").unwrap();
    let args = ["feed", "-f", "--position", &file];
    person.run(&args).failed(1, "\"shopping list\"");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "shopping list");
    std::fs::write(&file, "").unwrap();
    let mut child = person
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    person.run(&args).failed(1, "another dunder is using it");
    signal(child.id(), "TERM");
    ended_well(child);
    let folder = person.home().to_str().unwrap();
    person
        .run(&["feed", "-f", "--position", folder])
        .failed(1, "it is not a file");
}
