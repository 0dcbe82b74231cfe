# Runs a command, and ends its whole group of processes when standard input ends.
exec 3<&0 </dev/null
"$@" 3<&- &
command=$!
{ cat <&3; kill -s KILL -- "-$$"; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$command"
code=$?
kill "$watch"
exit "$code"
