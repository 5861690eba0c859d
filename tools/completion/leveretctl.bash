# Completion for bash: leveretctl itself says what may come next (tools/leveretctl/autocomplete.c).
_leveretctl()
{
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$(printf %q "$word")")
    done < <("${COMP_WORDS[0]}" autocomplete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _leveretctl leveretctl
