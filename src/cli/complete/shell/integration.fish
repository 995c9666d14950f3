
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
