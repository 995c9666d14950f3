# What a word can be is asked of dunder, which asks the server for hashtags,
# users and messages; the rest stands above.
_dunder_live() {
    local line=${COMP_LINE:0:COMP_POINT} found name
    # Bash breaks words at = and @ too; only what stands after is replaced.
    local word=${line##*[[:space:]]}
    local before=${word%"$2"}
    COMPREPLY=()
    # A quote that is open is bash's, not part of the word.
    before=${before#[\'\"]}
    found=$(command "$1" complete --shell bash --line "$line" 2>/dev/null)
    while IFS= read -r name; do
        # \#tag stays written like that.
        [[ $2 == \\#* ]] && name="\\$name"
        [[ -n ${name#\\} ]] && COMPREPLY+=("${name#"$before"}")
    done <<<"$found"
    [[ ${#COMPREPLY[@]} -gt 0 ]] || _dunder "$@"
    # Where no file is meant, none is offered.
    case ${COMP_WORDS[1]-},$3 in
        *,--cacert) ;;
        post,* | feed,* | trend,* | tags,* | show,* | login,* | logout,* | whoami,* | queue,* | doctor,* | config,* | help,*)
            compopt +o default +o bashdefault 2>/dev/null
            ;;
    esac
    return 0
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _dunder_live -o nosort -o bashdefault -o default dunder
else
    complete -F _dunder_live -o bashdefault -o default dunder
fi
