# Hashtags and user names are asked of the server; the rest stands above.
function __fish_dunder_live
    command dunder complete --shell fish --line (commandline -cp | string collect) 2>/dev/null
end

complete -c dunder -n "__fish_dunder_using_subcommand post feed trend" -s t -l hashtag -l tag -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand feed" -s u -l user -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand tags" -s p -l prefix -x -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand post" -f -k -a "(__fish_dunder_live)"
complete -c dunder -n "__fish_dunder_using_subcommand help" -f -a "TOPICS"
