
# Bare hashtags: on Enter, `dunder post "text" #tag` becomes
# `dunder post "text" '#tag'`; every other line is run as it is. It needs
# bash 4.4 and its place in PROMPT_COMMAND. DUNDER_SHELL_INTEGRATION=off, set
# before, leaves it out.
#
# bash must not run a function while it reads the second line of a command (its
# parser is in the middle of a word), so Enter has its own meaning at the first
# line only, and a post with an open quote stays one line to bash, with
# newlines in it.
__dunder_keys() {
    local map
    for map in emacs vi-insert vi-command; do
        bind -m "$map" "\"\\C-m\": $1"
        bind -m "$map" "\"\\C-j\": $1"
        bind -m "$map" "\"\\C-x\\C-j\": $2"
    done
} 2>/dev/null

__dunder_enter() {
    local status=$? name line
    local -a aliases=()
    __dunder_keys accept-line accept-line
    for name in "${!BASH_ALIASES[@]}"; do
        if [[ ${BASH_ALIASES[$name]} == *dunder* ]]; then
            aliases+=("--alias=$name=${BASH_ALIASES[$name]}")
        fi
    done
    if [[ $READLINE_LINE == *dunder* || ${#aliases[@]} -gt 0 && $READLINE_LINE == *['#"'\'\\]* ]]; then
        line=$(command dunder shell-line --open ${aliases[@]+"${aliases[@]}"} \
            bash -- "$READLINE_LINE" 2>/dev/null </dev/null && echo .)
        line=${line%.}
        if [[ -n $line ]]; then
            READLINE_LINE=$line
            if [[ $line == *$'\n' ]]; then
                __dunder_keys '"\C-x\C-m\C-x\C-j"' end-of-line
            fi
        fi
    fi
    return "$status"
}

__dunder_prompt() {
    __dunder_keys '"\C-x\C-m\C-x\C-j"' accept-line
    export DUNDER_SHELL_INTEGRATION=bash
}

if [[ $- == *i* && ${DUNDER_SHELL_INTEGRATION-} != off && -z ${BLE_VERSION-} && -z ${__dunder_ready-} ]] &&
    ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then
    __dunder_ready=yes
    for __dunder_map in emacs vi-insert vi-command; do
        __dunder_bound=$(bind -m "$__dunder_map" -p 2>/dev/null)
        # Whoever gave Enter another meaning keeps it.
        if [[ $__dunder_bound != *'"\C-m": accept-line'* || $__dunder_bound != *'"\C-j": accept-line'* ]]; then
            __dunder_ready=
            break
        fi
        bind -m "$__dunder_map" -x '"\C-x\C-m": __dunder_enter' 2>/dev/null
    done
    unset -v __dunder_bound __dunder_map
    if [[ -n $__dunder_ready ]]; then
        PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__dunder_prompt"
    fi
fi
