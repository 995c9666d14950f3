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
complete -c dunder -n "__fish_dunder_using_subcommand help" -f -a "TOPICS"
