
# Bare hashtags: on Enter, `dunder post "text" #tag` becomes
# `dunder post "text" '#tag'`; every other line is run as it is. It needs
# bash 4.4. DUNDER_SHELL_INTEGRATION=off, set before, leaves it out.
__dunder_enter() {
    local status=$? number='\#' name line
    local -a aliases=()
    number=${number@P}
    # The number changes with every command, not with its second line.
    if [[ $number != "${__dunder_number-}" ]]; then
        __dunder_number=$number
        __dunder_before=
    fi
    if [[ $READLINE_LINE == *'#'* ]]; then
        for name in "${!BASH_ALIASES[@]}"; do
            if [[ ${BASH_ALIASES[$name]} == *dunder* ]]; then
                aliases+=("--alias=$name=${BASH_ALIASES[$name]}")
            fi
        done
        if [[ ${#aliases[@]} -gt 0 || $__dunder_before$READLINE_LINE == *dunder* ]]; then
            line=$(command dunder shell-line ${aliases[@]+"${aliases[@]}"} \
                --before="$__dunder_before" bash -- "$READLINE_LINE" 2>/dev/null </dev/null)
            if [[ -n $line ]]; then
                READLINE_LINE=$line
                READLINE_POINT=${#line}
            fi
        fi
    fi
    __dunder_before+=$READLINE_LINE$'\n'
    return "$status"
}

# A second line that is given up with Ctrl-C runs no command.
__dunder_prompt() {
    __dunder_before=
}

__dunder_bind() {
    local map keys
    for map in emacs vi-insert vi-command; do
        keys=$(bind -m "$map" -p 2>/dev/null)
        # Whoever gave Enter another meaning keeps it.
        if [[ $keys == *'"\C-m": accept-line'* && $keys == *'"\C-j": accept-line'* ]]; then
            bind -m "$map" -x '"\C-x\C-m": __dunder_enter' 2>/dev/null
            bind -m "$map" '"\C-m": "\C-x\C-m\C-j"' 2>/dev/null
            export DUNDER_SHELL_INTEGRATION=bash
        fi
    done
    if [[ ${PROMPT_COMMAND[*]-} != *__dunder_prompt* ]]; then
        PROMPT_COMMAND="${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__dunder_prompt"
    fi
}

if [[ $- == *i* && ${DUNDER_SHELL_INTEGRATION-} != off && -z ${BLE_VERSION-} ]] &&
    ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then
    __dunder_bind
fi
