# What a word can be is asked of dunder, which asks the server for hashtags,
# users and messages; the rest stands above.
_dunder() {
    local line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" found
    local -a names shown
    for found in "${(@f)$(command ${words[1]} complete --shell zsh --line "$line" 2>/dev/null)}"; do
        [[ -n $found ]] || continue
        names+=("${found%%$'\t'*}")
        shown+=("${found//$'\t'/  }")
    done
    if (( $#names )); then
        compadd -V dunder -l -d shown -a names && return 0
    fi
    _dunder_fixed "$@"
}
