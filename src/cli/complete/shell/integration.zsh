
# Bare hashtags: on Enter, `dunder post "text" #tag` becomes
# `dunder post "text" '#tag'`; every other line is run as it is.
# DUNDER_SHELL_INTEGRATION=off, set before, leaves it out.
_dunder_line_finish() {
    # Without this option a comment would be words of the message.
    local cut
    [[ -o interactivecomments ]] || cut=--cut-comments
    emulate -L zsh
    [[ $CONTEXT == (start|cont) && $BUFFER == *'#'* ]] || return 0
    local name line
    local -a known
    for name in ${(k)aliases}; do
        [[ $aliases[$name] == *dunder* ]] && known+=("--alias=$name=$aliases[$name]")
    done
    (( $#known )) || [[ $PREBUFFER$BUFFER == *dunder* ]] || return 0
    line=$(command dunder shell-line $cut $known --before="$PREBUFFER" zsh -- "$BUFFER" 2>/dev/null </dev/null)
    if [[ -n $line ]]; then
        BUFFER=$line
        CURSOR=$#BUFFER
    fi
    return 0
}

# As a completion function (on $fpath) this file is read at the first Tab,
# which is too late and not the place.
if [[ -o interactive && "$funcstack[1]" != _dunder && "$DUNDER_SHELL_INTEGRATION" != off ]] &&
    autoload +X -Uz add-zle-hook-widget 2>/dev/null; then
    add-zle-hook-widget line-finish _dunder_line_finish
    export DUNDER_SHELL_INTEGRATION=zsh
fi
