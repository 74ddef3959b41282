# Completion of kvino for bash. Commands and options are those that its help has.
_kvino() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=$(kvino --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
  elif [[ $word == -* ]]; then
    words=$(kvino help "$command" 2>/dev/null | sed -n '/^Options/,$p' | grep -oE '(^|[ ;])--?[a-z][a-z_0-9-]*' | tr -d ' ;' | sort -u)
  fi
  if [ -n "$words" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _kvino kvino
