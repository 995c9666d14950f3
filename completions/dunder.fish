# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dunder_global_optspecs
    string join \n h/help V/version
end

function __fish_dunder_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dunder_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dunder_using_subcommand
    set -l cmd (__fish_dunder_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dunder -n "__fish_dunder_needs_command" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_needs_command" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "serve" -d 'Run the server; with no settings, over an embedded file on 127.0.0.1:9000'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "post" -d 'Post a message'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "feed" -d 'Show messages, the newest first'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "trend" -d 'Chart how many messages there were over time'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "tags" -d 'List the busiest hashtags'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "show" -d 'Show messages by their ids'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "delete" -d 'Take messages of yours back'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "queue" -d 'List, send or drop messages that wait for a server'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "login" -d 'Keep a server and a token; list the logins, use another'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "logout" -d 'Forget a login'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "whoami" -d 'Say who you are to the server'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "config" -d 'List the client\'s settings and where each comes from, or change them'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "doctor" -d 'Check settings, server and connection'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "man" -d 'Write the manual pages'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "import" -d 'Store messages from newline-delimited JSON'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "export" -d 'Write all messages as newline-delimited JSON, oldest first'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "archive" -d 'Move old messages into the archive'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "backup" -d 'Copy the embedded store into a file, while it is served'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "restore" -d 'Make the embedded store from a backup'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "migrate" -d 'Bring the store\'s schema up to date'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "retention" -d 'Evict messages that are older than the settings keep them'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "token" -d 'Make, list and revoke the tokens of auth.mode: token'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "admin" -d 'Delete messages, whoever wrote them; check and clean the store'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "tls" -d 'Certificates for development'
complete -c dunder -n "__fish_dunder_needs_command" -f -a "help" -d 'Explain a command, or a topic such as dates'
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l host -d 'Address to listen on; 0.0.0.0 or :: for all [default: 127.0.0.1] [env: DUNDER_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l port -d 'Port to listen on; 0 for any free one [default: 9000] [env: DUNDER_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l log_level -d 'error, warn, info, debug or trace [default: info] [env: DUNDER_LOG_LEVEL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l use_tls -d 'Serve HTTPS with tls.crt and tls.key [default: false] [env: DUNDER_USE_TLS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l tls.crt -d 'Certificate chain (PEM), the server\'s own first [default: tls/crt.pem] [env: DUNDER_TLS_CRT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l tls.key -d 'Private key of the certificate (PEM) [default: tls/key.pem] [env: DUNDER_TLS_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l auth.mode -d 'name: the token is the base64 of a user name, anyone can be anyone; token: secrets made by dunder token create [default: name while listening on a loopback address, else it must be written] [env: DUNDER_AUTH_MODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l auth.read -d 'open: anyone reads; token: reading needs a token too [default: open] [env: DUNDER_AUTH_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l trusted_proxies -d 'Addresses (10.0.0.0/8, ::1) whose X-Forwarded-For, or else Forwarded, is believed [default: none] [env: DUNDER_TRUSTED_PROXIES]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l hosts -d 'Names that requests may call the server by (421), beside loopback addresses [default: localhost with auth.mode name while listening on a loopback address, else any] [env: DUNDER_HOSTS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l admin.host -d 'Address of the listener for who runs the server: metrics, profiles, the log\'s level [default: 127.0.0.1] [env: DUNDER_ADMIN_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l admin.port -d 'Its port; 0 for any free one [default: none: there is no such listener] [env: DUNDER_ADMIN_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l otel.endpoint -d 'Collector that traces are sent to, by OTLP over HTTP (http://127.0.0.1:4318) [default: OTEL_EXPORTER_OTLP_ENDPOINT, else nothing is traced] [env: DUNDER_OTEL_ENDPOINT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l otel.sample -d 'How many requests are traced, from 0 to 1, beside those whose client traces them [default: OTEL_TRACES_SAMPLER, else 0.01] [env: DUNDER_OTEL_SAMPLE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l retention.messages -d 'How long messages are kept, at least 1h, such as 90d; older ones are evicted, for good [default: none: they are kept for ever] [env: DUNDER_RETENTION_MESSAGES]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l retention.hashtags -d 'How long messages with a hashtag are kept, shorter than all: ci=7d [default: as all messages] [env: DUNDER_RETENTION_HASHTAGS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.body_size -d 'Largest request body (413) [default: 64KiB] [env: DUNDER_LIMITS_BODY_SIZE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.header_size -d 'Largest request head (431) [default: 16KiB] [env: DUNDER_LIMITS_HEADER_SIZE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.query_length -d 'Longest path and query (414) [default: 8KiB] [env: DUNDER_LIMITS_QUERY_LENGTH]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.drawn_lines -d 'Most lines of one text in a table (format=text) [default: 50] [env: DUNDER_LIMITS_DRAWN_LINES]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.drawn_size -d 'Largest table (format=text); it ends with the row that reaches it [default: 4MiB] [env: DUNDER_LIMITS_DRAWN_SIZE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.header_timeout -d 'Longest wait for a request\'s head [default: 10s] [env: DUNDER_LIMITS_HEADER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.body_timeout -d 'Longest wait for a request\'s body (408) [default: 10s] [env: DUNDER_LIMITS_BODY_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.idle_timeout -d 'Longest time a connection may stay idle [default: 75s] [env: DUNDER_LIMITS_IDLE_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.connections -d 'Most connections at once; more wait to be accepted [default: 20000] [env: DUNDER_LIMITS_CONNECTIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.requests -d 'Most requests that read at once, until their answers are written; more get 503 [default: 1024] [env: DUNDER_LIMITS_REQUESTS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.followers -d 'Most clients that follow at once (GET /message/stream); more get 503 [default: 10000] [env: DUNDER_LIMITS_FOLLOWERS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.heartbeat -d 'Longest time that a client that follows is sent nothing [default: 15s] [env: DUNDER_LIMITS_HEARTBEAT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.bodies -d 'Most request bodies waited for at once; more get 503 [default: 1024] [env: DUNDER_LIMITS_BODIES]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.query_timeout -d 'Longest time that a request that reads may wait and run (503) [default: 8s] [env: DUNDER_LIMITS_QUERY_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.write_timeout -d 'Longest time that a client may take nothing of its answer; then it is cut off [default: 30s] [env: DUNDER_LIMITS_WRITE_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.answer_memory -d 'Most memory that long answers hold together until they are written, and long posts as much again; more get 503 [default: 32MiB] [env: DUNDER_LIMITS_ANSWER_MEMORY]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.writer_queue -d 'Most posts waiting to be stored; more get 503 [default: 10000] [env: DUNDER_LIMITS_WRITER_QUEUE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.posts_per_minute -d 'Most posts and deletions of one user a minute (429); 0 for no limit [default: 0 while listening on a loopback address, else 600] [env: DUNDER_LIMITS_POSTS_PER_MINUTE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.unauthenticated_per_minute -d 'Most requests of one address a minute that need a token and bring no valid one (429); 0 for no limit [default: 0 while listening on a loopback address, else 300] [env: DUNDER_LIMITS_UNAUTHENTICATED_PER_MINUTE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.shutdown_timeout -d 'Longest time that requests in flight get to finish at a stop [default: 30s] [env: DUNDER_LIMITS_SHUTDOWN_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -l limits.shutdown_idle -d 'How long connections are still taken at a stop, and idle ones wait for a request on its way [default: 250ms] [env: DUNDER_LIMITS_SHUTDOWN_IDLE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand serve" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand serve" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand post" -s t -l hashtag -l tag -d 'A hashtag; repeat it for more' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand post" -l queue -d 'Keep the message if the server cannot be reached, and send it later; \'queue: true\' in client.yaml does so always [env: DUNDER_QUEUE]' -r -f -a "true\t''
false\t''"
complete -c dunder -n "__fish_dunder_using_subcommand post" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand post" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand post" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand post" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand post" -s q -l quiet -d 'Print nothing when it is done'
complete -c dunder -n "__fish_dunder_using_subcommand post" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand post" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand post" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s t -l hashtag -l tag -d 'Only messages with this hashtag; repeat it for messages with all' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l not -d 'No messages with this hashtag; repeat it for more' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s u -l user -d 'Only messages of this user; repeat it for those of any of them' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l since -d 'Only messages at or after this date' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l until -d 'Only messages before this date' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s n -l limit -d 'At most so many, the newest ones [default: 20]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l cursor -d 'Only messages older than this one: its id, the start of it, or -1 for the one you posted last' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s o -l output -d 'How to print [default: table on a terminal, else lines]' -r -f -a "table\t'For people'
card\t'Each on its own, for people'
oneline\t'One line each, for people'
lines\t'One item a line, fields separated by TAB'
json\t'One document'
ndjson\t'One JSON object a line'
csv\t'With a header, newlines in quotes'"
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l time-format -d 'auto, relative, clock, absolute, iso, unix or a strftime pattern' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l fields -d 'Only these, in this order, such as time,id,text' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l template -d 'Print each as this says, such as \'{time} {text}\'' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l width -d 'Draw so wide [default: the terminal\'s width]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l after -d 'Go on behind this message (its id, the start of it, or -1 for the one you posted last), the oldest first; without --follow up to the last there is' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l position -d 'Go on where the last command with this FILE ended, and keep there where this one ends. The first time, -n, --since or --all says where to begin, else with what is posted from then on' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l count -d 'End after so many messages' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l exec -d 'Run a command for each message instead of printing it. All that follows, up to a \';\', is the command and its arguments' -r -f -a "(__fish_complete_command)"
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l any -d 'Any of the hashtags is enough'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l all -d 'All there are'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l reverse -d 'The oldest first'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l utc -d 'Show times in UTC instead of your zone'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l oneline -d 'One line each for people: -o oneline'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l full -d 'Texts whole, however many lines they have'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l no-pager -d 'Do not start $PAGER for what is longer than the terminal is high'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s f -l follow -d 'Show messages as they are posted, the oldest first, until Ctrl-C; -n 50 shows the last 50 before, --since and --all more'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l fail-fast -d 'End with code 1 when a command fails, before its message counts as done'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -s t -l hashtag -l tag -d 'Count messages with this hashtag; repeat it to compare several' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -s a -l aggregation -d 'The length of a bucket: day, week, month, year, or such as 1m, 90m' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l since -d 'Start at this date' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l until -d 'End before this date' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l style -d 'How to draw' -r -f -a "bars\t''
line\t''
spark\t''"
complete -c dunder -n "__fish_dunder_using_subcommand trend" -s o -l output -d 'How to print [default: chart on a terminal, else lines]' -r -f -a "table\t'For people'
chart\t'Counts over time, for people'
card\t'Each on its own, for people'
oneline\t'One line each, for people'
lines\t'One item a line, fields separated by TAB'
json\t'One document'
ndjson\t'One JSON object a line'
csv\t'With a header, newlines in quotes'"
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l time-format -d 'auto, relative, clock, absolute, iso, unix or a strftime pattern' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l template -d 'Print each as this says, such as \'{time} {text}\'' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l width -d 'Draw so wide [default: the terminal\'s width]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l fields -d 'Only these, in this order, such as from,count' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand trend" -s f -l follow -d 'Draw the chart in place, again when it changes, until Ctrl-C'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l fill -d 'Empty buckets too, in lines, CSV and JSON'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l utc -d 'Show times in UTC instead of your zone'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l oneline -d 'One line each for people: -o oneline'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l full -d 'Texts whole, however many lines they have'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l no-pager -d 'Do not start $PAGER for what is longer than the terminal is high'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand trend" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand tags" -s p -l prefix -d 'Only hashtags that start so' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l since -d 'Count from this date [default: 7 days ago]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l until -d 'Count up to this date' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -s n -l limit -d 'At most so many, the busiest ones' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -s o -l output -d 'How to print [default: table on a terminal, else lines]' -r -f -a "table\t'For people'
card\t'Each on its own, for people'
oneline\t'One line each, for people'
lines\t'One item a line, fields separated by TAB'
json\t'One document'
ndjson\t'One JSON object a line'
csv\t'With a header, newlines in quotes'"
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l template -d 'Print each as this says, such as \'{time} {text}\'' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l width -d 'Draw so wide [default: the terminal\'s width]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l fields -d 'Only these, in this order, such as hashtag,count' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l utc -d 'Show times in UTC instead of your zone'
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l oneline -d 'One line each for people: -o oneline'
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l full -d 'Texts whole, however many lines they have'
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l no-pager -d 'Do not start $PAGER for what is longer than the terminal is high'
complete -c dunder -n "__fish_dunder_using_subcommand tags" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand tags" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand tags" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand show" -s o -l output -d 'How to print [default: card on a terminal, else lines]' -r -f -a "table\t'For people'
card\t'Each on its own, for people'
oneline\t'One line each, for people'
lines\t'One item a line, fields separated by TAB'
json\t'One document'
ndjson\t'One JSON object a line'
csv\t'With a header, newlines in quotes'"
complete -c dunder -n "__fish_dunder_using_subcommand show" -l time-format -d 'auto, relative, clock, absolute, iso, unix or a strftime pattern' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand show" -l fields -d 'Only these, in this order, such as time,id,text' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand show" -l template -d 'Print each as this says, such as \'{time} {text}\'' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand show" -l width -d 'Draw so wide [default: the terminal\'s width]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand show" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand show" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand show" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand show" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand show" -l utc -d 'Show times in UTC instead of your zone'
complete -c dunder -n "__fish_dunder_using_subcommand show" -l oneline -d 'One line each for people: -o oneline'
complete -c dunder -n "__fish_dunder_using_subcommand show" -l full -d 'Texts whole, however many lines they have'
complete -c dunder -n "__fish_dunder_using_subcommand show" -l no-pager -d 'Do not start $PAGER for what is longer than the terminal is high'
complete -c dunder -n "__fish_dunder_using_subcommand show" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand show" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand delete" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand delete" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand delete" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand delete" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand delete" -s y -l yes -d 'Delete without asking'
complete -c dunder -n "__fish_dunder_using_subcommand delete" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand delete" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and not __fish_seen_subcommand_from list send drop" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand queue; and not __fish_seen_subcommand_from list send drop" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and not __fish_seen_subcommand_from list send drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and not __fish_seen_subcommand_from list send drop" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and not __fish_seen_subcommand_from list send drop" -f -a "list" -d 'List what waits, and what was refused and why'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and not __fish_seen_subcommand_from list send drop" -f -a "send" -d 'Send what waits now, to every server; refused ones are tried again'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and not __fish_seen_subcommand_from list send drop" -f -a "drop" -d 'Forget messages without sending them'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from list" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from send" -l timeout -d 'How long to wait for the server, for each message [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from send" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from send" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from send" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from drop" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from drop" -l all -d 'Forget all'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from drop" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand queue; and __fish_seen_subcommand_from drop" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -s u -l user -d 'Your name, on a server where a name is enough' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l name -d 'What to call this login [default: the server\'s host]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l token -d 'Refused: everyone on this machine can see it' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l replace -d 'Replace the token that is kept for this server, though it still works'
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -a "list" -d 'List the logins; the one in use is marked'
complete -c dunder -n "__fish_dunder_using_subcommand login; and not __fish_seen_subcommand_from list use" -a "use" -d 'Use a login from now on where no server is named'
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from list" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from use" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from use" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from use" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand login; and __fish_seen_subcommand_from use" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand logout" -l server -d 'The same, as other commands are told it' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand logout" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand logout" -l all -d 'Forget all logins'
complete -c dunder -n "__fish_dunder_using_subcommand logout" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand logout" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand whoami" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand whoami" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand whoami" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand whoami" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand whoami" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand whoami" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand whoami" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -f -a "list" -d 'List the settings in force, and where each comes from'
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -f -a "set" -d 'Write a setting into client.yaml'
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -f -a "unset" -d 'Take a setting out of client.yaml'
complete -c dunder -n "__fish_dunder_using_subcommand config; and not __fish_seen_subcommand_from list set unset edit" -f -a "edit" -d 'Open client.yaml in $VISUAL or $EDITOR'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from list" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from set" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from set" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from unset" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from unset" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from unset" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from edit" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from edit" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand config; and __fish_seen_subcommand_from edit" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -l width -d 'Draw so wide [default: the terminal\'s width]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -l color -d 'Use colours; NO_COLOR switches them off too' -r -f -a "auto\t'On a terminal that has them'
always\t'Always'
never\t'Never'"
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -l server -d 'The server: its address, or the name of a login; otherwise that of the login in use, else http://127.0.0.1:9000 [env: DUNDER_SERVER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -l timeout -d 'How long to wait for the server in all [default: 10s] [env: DUNDER_TIMEOUT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -l cacert -d 'Trust the certificates in this PEM file too [env: DUNDER_CACERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand completions" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand completions" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand man" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand man" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand man" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand import" -l refused -d 'Write refused lines\' numbers and reasons to this file; without it, to a temporary one if there are more than 20' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand import" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand import" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand import" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand import" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand import" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand export" -s o -l output -d 'Write to this file instead of standard output; it appears when it is complete' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand export" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand export" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand export" -l json -d 'Print one JSON document, {"data": ...}, when the file is complete'
complete -c dunder -n "__fish_dunder_using_subcommand export" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand export" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l before -d 'Move messages of days that ended before this (UTC days); without it, what archive.after says' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l dry-run -d 'Say which messages would be moved, and move none'
complete -c dunder -n "__fish_dunder_using_subcommand archive" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand archive" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand archive" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand backup" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand backup" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand backup" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand restore" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand restore" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand restore" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -l print -d 'Print the statements that a database would be given, and run none'
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand migrate" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l retention.messages -d 'How long messages are kept, at least 1h, such as 90d; older ones are evicted, for good [default: none: they are kept for ever] [env: DUNDER_RETENTION_MESSAGES]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l retention.hashtags -d 'How long messages with a hashtag are kept, shorter than all: ci=7d [default: as all messages] [env: DUNDER_RETENTION_HASHTAGS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand retention" -s n -l dry-run -d 'Evict nothing: say how much would go, and from when to when'
complete -c dunder -n "__fish_dunder_using_subcommand retention" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand retention" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand retention" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -f -a "create" -d 'Make a token for a user and print its secret, once'
complete -c dunder -n "__fish_dunder_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -f -a "list" -d 'List tokens, never their secrets'
complete -c dunder -n "__fish_dunder_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -f -a "revoke" -d 'Make tokens useless, within seconds on every server'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l expires -d 'Until when: a time from now (90d) or a date (2027-01-01); for ever without' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l note -d 'What it is for' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -l json -d 'Print one JSON document, {"data": ...}, the secret included'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from create" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print [default: table on a terminal, else lines]' -r -f -a "table\t'For people'
card\t'Each on its own, for people'
oneline\t'One line each, for people'
lines\t'One item a line, fields separated by TAB'
json\t'One document'
ndjson\t'One JSON object a line'
csv\t'With a header, newlines in quotes'"
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l user -d 'All tokens of this user' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand token; and __fish_seen_subcommand_from revoke" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and not __fish_seen_subcommand_from delete check vacuum" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and not __fish_seen_subcommand_from delete check vacuum" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and not __fish_seen_subcommand_from delete check vacuum" -f -a "delete" -d 'Delete messages, whoever wrote them; a dry run without --yes'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and not __fish_seen_subcommand_from delete check vacuum" -f -a "check" -d 'Check that lists and counters agree with messages, and mend them'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and not __fish_seen_subcommand_from delete check vacuum" -f -a "vacuum" -d 'Write the embedded store\'s file anew, with nothing in it but the store'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l user -d 'Written by this user' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -s t -l hashtag -d 'Carrying this hashtag; repeated: all of them' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l before -d 'Older than this date, or than a duration such as 90d' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Delete them, instead of a dry run'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from delete" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l acknowledged -d 'Compare with the ids, or the answers to posts, in this file; \'-\' for standard input' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l repair -d 'Mend lists and counters from the messages'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l config_file -d 'Read settings from this YAML file [default: none] [env: DUNDER_CONFIG_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l sqlite.path -d 'The embedded store\'s file, created when missing [default: dunder/dunder.sqlite in the user\'s data directory] [env: DUNDER_SQLITE_PATH]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.host -d 'Host of the cluster, or several (HOST or HOST:PORT), tried in turn [default: 127.0.0.1] [env: DUNDER_COCKROACH_HOST]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.port -d 'Port of hosts that name none [default: 26257] [env: DUNDER_COCKROACH_PORT]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.user -d 'Database user [default: root] [env: DUNDER_COCKROACH_USER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.password -d 'Password; a flag is visible in ps, so prefer DUNDER_COCKROACH_PASSWORD or cockroach.password_file [default: none] [env: DUNDER_COCKROACH_PASSWORD]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.password_file -d 'File that holds the password [default: none] [env: DUNDER_COCKROACH_PASSWORD_FILE]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.database -d 'Database [default: dunder] [env: DUNDER_COCKROACH_DATABASE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.url -d 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; other keys win over its parts [default: none] [env: DUNDER_COCKROACH_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.sslmode -d 'disable, require, verify-ca or verify-full [default: verify-full; disable when every host is a loopback address and no ca or cert is named] [env: DUNDER_COCKROACH_SSLMODE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.ca -d 'Authority that signed the cluster\'s certificates (PEM) [default: the system\'s trust store] [env: DUNDER_COCKROACH_CA]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.cert -d 'Client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_CERT]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.key -d 'Private key of the client certificate (PEM) [default: none] [env: DUNDER_COCKROACH_KEY]' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.should_migrate -d 'Bring the database\'s schema up to date at start, creating the database if need be [default: false] [env: DUNDER_COCKROACH_SHOULD_MIGRATE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.debug -d 'Log every statement with its time, never its parameters [default: false] [env: DUNDER_COCKROACH_DEBUG]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.follower_reads -d 'Read trends a few seconds stale from the nearest replica, where the cluster can [default: false] [env: DUNDER_COCKROACH_FOLLOWER_READS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.regions -d 'Regions of the database, the primary one first; `dunder migrate` sets them [default: none] [env: DUNDER_COCKROACH_REGIONS]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.survive -d 'zone or region: what the database survives the loss of [default: as the database is] [env: DUNDER_COCKROACH_SURVIVE]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l cockroach.region -d 'This server\'s region: what is posted here is kept there [default: the region of the node it is connected to] [env: DUNDER_COCKROACH_REGION]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l archive.url -d 'Where messages are moved that are old: file:///DIRECTORY, or s3://BUCKET/PREFIX with the variables of S3\'s tools (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL) [default: none] [env: DUNDER_ARCHIVE_URL]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l archive.after -d 'How old messages are when the server moves them into the archive, in whole days; never: only \'dunder archive\' does [default: 30d] [env: DUNDER_ARCHIVE_AFTER]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l archive.read -d 'Answer with messages from the archive too; without it, answers say what they lack [default: true] [env: DUNDER_ARCHIVE_READ]' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand admin; and __fish_seen_subcommand_from vacuum" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand tls; and not __fish_seen_subcommand_from generate" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand tls; and not __fish_seen_subcommand_from generate" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand tls; and not __fish_seen_subcommand_from generate" -f -a "generate" -d 'Write a local authority and a server certificate for development'
complete -c dunder -n "__fish_dunder_using_subcommand tls; and __fish_seen_subcommand_from generate" -l dir -d 'Where ca.pem, crt.pem and key.pem are written' -r -F
complete -c dunder -n "__fish_dunder_using_subcommand tls; and __fish_seen_subcommand_from generate" -l host -d 'A further name or address of the server (repeat it)' -r -f
complete -c dunder -n "__fish_dunder_using_subcommand tls; and __fish_seen_subcommand_from generate" -l force -d 'Replace the files that are there'
complete -c dunder -n "__fish_dunder_using_subcommand tls; and __fish_seen_subcommand_from generate" -l json -d 'Print one JSON document, {"data": ...}'
complete -c dunder -n "__fish_dunder_using_subcommand tls; and __fish_seen_subcommand_from generate" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand tls; and __fish_seen_subcommand_from generate" -s V -l version -d 'Print version'
complete -c dunder -n "__fish_dunder_using_subcommand help" -s h -l help -d 'Print help'
complete -c dunder -n "__fish_dunder_using_subcommand help" -s V -l version -d 'Print version'

# What a word can be is asked of dunder, which asks the server for hashtags,
# users and messages; the rest stands above.
function __fish_dunder_live
    command dunder complete --shell fish --line (commandline -cp | string collect) 2>/dev/null
end

complete -c dunder -n "__fish_dunder_using_subcommand post feed trend" -s t -l hashtag -l tag -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l not -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s u -l user -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand feed" -l cursor -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand tags" -s p -l prefix -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand trend" -s a -l aggregation -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand feed trend tags" -l since -l until -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand post feed trend tags show login logout whoami doctor" -l server -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand post feed trend tags show login whoami doctor" -l timeout -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand post feed trend tags show logout" -f -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand login config" -f -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand whoami doctor queue completions" -f
complete -c dunder -n "__fish_dunder_using_subcommand help" -f -a "hashtags dates output following exit-codes configuration curl"

# Bare hashtags: on Enter, `dunder post "text" #tag` becomes
# `dunder post "text" '#tag'`; every other line is run as it is.
# DUNDER_SHELL_INTEGRATION=off, set before, leaves it out.
function __dunder_enter
    set -l buffer (commandline --current-buffer | string collect)
    if string match --quiet '*#*' -- "$buffer"
        # fish keeps an alias as a function that says so.
        set -l known
        for name in (string match --regex --all '[\w.-]+' -- "$buffer")
            functions --query -- $name; or continue
            set -l said (functions --details --verbose -- $name)[5]
            if set -l value (string match --regex --groups-only '^alias \S+?[ =](.*dunder.*)$' -- "$said")
                set -a known --alias=$name=(string trim --chars '\'"' -- $value)
            end
        end
        if set -q known[1]; or string match --quiet '*dunder*' -- "$buffer"
            set -l line (command dunder shell-line $known fish -- "$buffer" 2>/dev/null </dev/null | string collect)
            test -n "$line"; and commandline --replace -- $line
        end
    end
    commandline --function execute
end

# fish completes nothing in what it takes for a comment: TAB behind a bare #tag
# makes it \#tag first, which is the same word.
function __dunder_tab
    set -l before (commandline --cut-at-cursor | string collect --no-trim-newlines)
    if set -l tag (string match --regex --groups-only '(?:^|[\s;&|(])dunder\s+post\s(?:.*\s)?(#[^\s#\'"]*)$' -- "$before")
        set -l end (commandline --cursor)
        commandline --cursor (math $end - (string length -- $tag))
        commandline --insert '\\'
        commandline --cursor (math $end + 1)
    end
    commandline --function complete
end

if status is-interactive; and test "$DUNDER_SHELL_INTEGRATION" != off
    for mode in default insert
        for key in \r \n
            # Whoever gave Enter another meaning keeps it.
            set -l bound (bind --user --mode $mode $key 2>/dev/null)
            if test -z "$bound"; or string match --quiet '*__dunder_enter*' -- "$bound"
                bind --mode $mode $key __dunder_enter
                set -gx DUNDER_SHELL_INTEGRATION fish
            end
        end
        set -l bound (bind --user --mode $mode \t 2>/dev/null)
        if test -z "$bound"
            bind --mode $mode \t __dunder_tab
        end
    end
end
