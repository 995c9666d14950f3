//! The one list of settings. Flags, variables, the configuration file, the
//! help and the example file all follow from it, so none can lag behind.

use super::key::{Fallback, Key, Kind};

const fn text(
    name: &'static str,
    value: &'static str,
    default: Fallback,
    help: &'static str,
) -> Key {
    Key {
        name,
        value,
        default,
        help,
        kind: Kind::Text,
        in_file: true,
    }
}

const fn flag(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        kind: Kind::Bool,
        ..text(name, "BOOL", Fallback::Value(default), help)
    }
}

const fn as_kind(kind: Kind, key: Key) -> Key {
    Key { kind, ..key }
}

use Fallback::{Depends, Value};

/// Every setting, in the order of the help and of the example file.
pub const KEYS: &[Key] = &[
    Key {
        in_file: false,
        ..text(
            "config_file",
            "FILE",
            Depends("none"),
            "Read settings from this YAML file",
        )
    },
    text(
        "host",
        "HOST",
        Value("127.0.0.1"),
        "Address to listen on; 0.0.0.0 or :: for all",
    ),
    text(
        "port",
        "PORT",
        Value("9000"),
        "Port to listen on; 0 for any free one",
    ),
    text(
        "log_level",
        "LEVEL",
        Value("info"),
        "error, warn, info, debug or trace",
    ),
    flag("use_tls", "false", "Serve HTTPS with tls.crt and tls.key"),
    text(
        "tls.crt",
        "FILE",
        Value("tls/crt.pem"),
        "Certificate chain (PEM), the server's own first",
    ),
    text(
        "tls.key",
        "FILE",
        Value("tls/key.pem"),
        "Private key of the certificate (PEM)",
    ),
    text(
        "auth.mode",
        "MODE",
        Depends("name while listening on a loopback address, else it must be written"),
        "name: the token is the base64 of a user name, anyone can be anyone; token: secrets made by dunder token create",
    ),
    text(
        "auth.read",
        "WHO",
        Value("open"),
        "open: anyone reads; token: reading needs a token too",
    ),
    as_kind(
        Kind::List,
        text(
            "trusted_proxies",
            "NETWORK",
            Depends("none"),
            "Addresses (10.0.0.0/8, ::1) whose X-Forwarded-For, or else Forwarded, is believed",
        ),
    ),
    as_kind(
        Kind::List,
        text(
            "hosts",
            "NAME",
            Depends(
                "localhost with auth.mode name while listening on a loopback address, else any",
            ),
            "Names that requests may call the server by (421), beside loopback addresses",
        ),
    ),
    text(
        "admin.host",
        "HOST",
        Value("127.0.0.1"),
        "Address of the listener for who runs the server: metrics, profiles, the log's level",
    ),
    text(
        "admin.port",
        "PORT",
        Depends("none: there is no such listener"),
        "Its port; 0 for any free one",
    ),
    text(
        "otel.endpoint",
        "URL",
        Depends("OTEL_EXPORTER_OTLP_ENDPOINT, else nothing is traced"),
        "Collector that traces are sent to, by OTLP over HTTP (http://127.0.0.1:4318)",
    ),
    text(
        "otel.sample",
        "RATIO",
        Depends("OTEL_TRACES_SAMPLER, else 0.01"),
        "How many requests are traced, from 0 to 1, beside those whose client traces them",
    ),
    text(
        "sqlite.path",
        "FILE",
        Depends("dunder/dunder.sqlite in the user's data directory"),
        "The embedded store's file, created when missing",
    ),
    as_kind(
        Kind::List,
        text(
            "cockroach.host",
            "HOST",
            Value("127.0.0.1"),
            "Host of the cluster, or several (HOST or HOST:PORT), tried in turn",
        ),
    ),
    text(
        "cockroach.port",
        "PORT",
        Value("26257"),
        "Port of hosts that name none",
    ),
    text("cockroach.user", "USER", Value("root"), "Database user"),
    as_kind(
        Kind::Secret,
        text(
            "cockroach.password",
            "PASSWORD",
            Depends("none"),
            "Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file",
        ),
    ),
    text(
        "cockroach.password_file",
        "FILE",
        Depends("none"),
        "File that holds the password",
    ),
    text("cockroach.database", "NAME", Value("dunder"), "Database"),
    as_kind(
        Kind::Secret,
        text(
            "cockroach.url",
            "URL",
            Depends("none"),
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts",
        ),
    ),
    text(
        "cockroach.sslmode",
        "MODE",
        Depends(
            "verify-full; disable when every host is a loopback address and no ca or cert is named",
        ),
        "disable, require, verify-ca or verify-full",
    ),
    text(
        "cockroach.ca",
        "FILE",
        Depends("the system's trust store"),
        "Authority that signed the cluster's certificates (PEM)",
    ),
    text(
        "cockroach.cert",
        "FILE",
        Depends("none"),
        "Client certificate (PEM)",
    ),
    text(
        "cockroach.key",
        "FILE",
        Depends("none"),
        "Private key of the client certificate (PEM)",
    ),
    flag(
        "cockroach.should_migrate",
        "false",
        "Bring the database's schema up to date at start, creating the database if need be",
    ),
    flag(
        "cockroach.debug",
        "false",
        "Log every statement with its time, never its parameters",
    ),
    flag(
        "cockroach.follower_reads",
        "false",
        "Read trends a few seconds stale from the nearest replica, where the cluster can",
    ),
    as_kind(
        Kind::List,
        text(
            "cockroach.regions",
            "REGION",
            Depends("none"),
            "Regions of the database, the primary one first; `dunder migrate` sets them",
        ),
    ),
    text(
        "cockroach.survive",
        "WHAT",
        Depends("as the database is"),
        "zone or region: what the database survives the loss of",
    ),
    text(
        "cockroach.region",
        "REGION",
        Depends("the region of the node it is connected to"),
        "This server's region: what is posted here is kept there",
    ),
    text(
        "retention.messages",
        "TIME",
        Depends("none: they are kept for ever"),
        "How long messages are kept, at least 1h, such as 90d; older ones are evicted, for good",
    ),
    as_kind(
        Kind::Map,
        text(
            "retention.hashtags",
            "TAG=TIME",
            Depends("as all messages"),
            "How long messages with a hashtag are kept, shorter than all: ci=7d",
        ),
    ),
    text(
        "archive.url",
        "URL",
        Depends("none"),
        "Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3's tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL)",
    ),
    text(
        "archive.after",
        "TIME",
        Value("30d"),
        "How old messages are when the server moves them into the archive, in whole days; never: only 'dunder archive' does",
    ),
    flag(
        "archive.read",
        "true",
        "Answer with messages from the archive too; without it, answers say what they lack",
    ),
    text(
        "limits.body_size",
        "SIZE",
        Value("64KiB"),
        "Largest request body (413)",
    ),
    text(
        "limits.header_size",
        "SIZE",
        Value("16KiB"),
        "Largest request head (431)",
    ),
    text(
        "limits.query_length",
        "SIZE",
        Value("8KiB"),
        "Longest path and query (414)",
    ),
    text(
        "limits.drawn_lines",
        "COUNT",
        Value("50"),
        "Most lines of one text in a table (format=text)",
    ),
    text(
        "limits.drawn_size",
        "SIZE",
        Value("4MiB"),
        "Largest table (format=text); it ends with the row that reaches it",
    ),
    text(
        "limits.header_timeout",
        "TIME",
        Value("10s"),
        "Longest wait for a request's head",
    ),
    text(
        "limits.body_timeout",
        "TIME",
        Value("10s"),
        "Longest wait for a request's body (408)",
    ),
    text(
        "limits.idle_timeout",
        "TIME",
        Value("75s"),
        "Longest time a connection may stay idle",
    ),
    text(
        "limits.connections",
        "COUNT",
        Value("20000"),
        "Most connections at once; more wait to be accepted",
    ),
    text(
        "limits.requests",
        "COUNT",
        Value("1024"),
        "Most requests that read at once, until their answers are written; more get 503",
    ),
    text(
        "limits.followers",
        "COUNT",
        Value("10000"),
        "Most clients that follow at once (GET /message/stream); more get 503",
    ),
    text(
        "limits.heartbeat",
        "TIME",
        Value("15s"),
        "Longest time that a client that follows is sent nothing",
    ),
    text(
        "limits.bodies",
        "COUNT",
        Value("1024"),
        "Most request bodies waited for at once; more get 503",
    ),
    text(
        "limits.query_timeout",
        "TIME",
        Value("8s"),
        "Longest time that a request that reads may wait and run (503)",
    ),
    text(
        "limits.write_timeout",
        "TIME",
        Value("30s"),
        "Longest time that a client may take nothing of its answer; then it is cut off",
    ),
    text(
        "limits.answer_memory",
        "SIZE",
        Value("32MiB"),
        "Most memory that long answers hold together until they are written, and long posts as much again; more get 503",
    ),
    text(
        "limits.writer_queue",
        "COUNT",
        Value("10000"),
        "Most posts waiting to be stored; more get 503",
    ),
    text(
        "limits.posts_per_minute",
        "COUNT",
        Depends("0 while listening on a loopback address, else 600"),
        "Most posts and deletions of one user a minute (429); 0 for no limit",
    ),
    text(
        "limits.unauthenticated_per_minute",
        "COUNT",
        Depends("0 while listening on a loopback address, else 300"),
        "Most requests of one address a minute that need a token and bring no valid one (429); 0 for no limit",
    ),
    text(
        "limits.shutdown_timeout",
        "TIME",
        Value("30s"),
        "Longest time that requests in flight get to finish at a stop",
    ),
    text(
        "limits.shutdown_idle",
        "TIME",
        Value("250ms"),
        "How long connections are still taken at a stop, and idle ones wait for a request on its way",
    ),
];

/// Keys of the file alone, that stand for others: `debug: true` for
/// `log_level: debug`, `hosts` for `host`.
pub const FILE_ONLY: [&str; 2] = ["debug", "cockroach.hosts"];

/// Variables under our prefix that the client reads.
pub const CLIENT_VARIABLES: [&str; 7] = [
    "DUNDER_SERVER",
    "DUNDER_TOKEN",
    "DUNDER_CACERT",
    "DUNDER_TIMEOUT",
    "DUNDER_COMPLETION_WAIT",
    "DUNDER_QUEUE",
    "DUNDER_SHELL_INTEGRATION",
];

/// What a command of `dunder feed --exec` finds in its environment: no settings.
pub const MESSAGE_VARIABLES: [&str; 5] = [
    "DUNDER_ID",
    "DUNDER_USER",
    "DUNDER_TEXT",
    "DUNDER_HASHTAGS",
    "DUNDER_CREATED_AT",
];

/// The key of a name. Asked only for names of the list.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The name closest to a mistyped one, if any is close.
pub(super) fn closest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    names
        .map(|name| {
            (
                strsim::damerau_levenshtein(&wrong, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(steps, name)| *steps <= 1 + name.len() / 5)
        .min()
        .map(|(_, name)| name)
}
