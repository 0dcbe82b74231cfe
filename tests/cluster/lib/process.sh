# shellcheck shell=bash
# Starting programs in the background, waiting for them, and saying what went wrong with one.

say() { printf 'tests/cluster: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# milliseconds: prints a clock's reading, for measuring.
milliseconds() { date +%s%3N; }

# launch NAME COMMAND...: starts a part of the cluster in a session of its own, so that Ctrl-C does not reach it.
launch() {
    local part=$1
    shift
    setsid "$@" >>"$run/log/$part.log" 2>&1 </dev/null &
    echo $! >"$run/pid/$part"
    # So that the shell says nothing of its end.
    disown
}

# running PART: whether the process of that part is there and is no zombie.
running() {
    local pid
    pid=$(cat "$run/pid/$1" 2>/dev/null) || return 1
    [ -d "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null
}

# await PART SECONDS WHAT COMMAND...: waits until COMMAND succeeds; fails at once if the part's process ends meanwhile.
await() {
    local part=$1 what=$3 deadline
    deadline=$(($(milliseconds) + $2 * 1000))
    shift 3
    until "$@" >/dev/null 2>&1; do
        running "$part" || give_up "$part" "$part ended before: $what"
        [ "$(milliseconds)" -lt "$deadline" ] || give_up "$part" "$part took too long; still waiting for: $what"
        sleep 0.1
    done
}

# give_up PART WHY: ends the start, with the last lines of the part's log.
give_up() {
    say "$2; the end of $1.log:"
    tail -n 20 "$run/log/$1.log" >&2 || true
    exit 1
}
