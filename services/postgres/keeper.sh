# Keeps one private PostgreSQL: starts it, starts it again should it die, and
# stops it when its last user has gone, in whatever way that user went.
#
# Every user holds a shared lock on the file behind descriptor 3. The kernel
# drops it even on kill -9, so an exclusive lock means that nobody is left. It
# is held until this script ends, so that a newcomer waits until all is cleared.
#
#   $1  seconds to wait for a next user
#   $2  the socket folder, removed at the end
#   $3  the file with the server's URL: once it is there the server has been ready
#   $4  the data folder to remove at the end, or nothing
#   $5  the signal that stops the server
#   $6… the server's command line
linger=$1 socket=$2 url=$3 throwaway=$4 signal=$5
shift 5

lock() { # [-n]
  if command -v flock >/dev/null 2>&1; then
    flock -x "$@" 3
  else
    perl -e 'open F, ">&=", 3 or exit 2; exit !flock F, 2 | (@ARGV ? 4 : 0)' -- "$@"
  fi
}

unlock() {
  if command -v flock >/dev/null 2>&1; then
    flock -u 3
  else
    perl -e 'open F, ">&=", 3 or exit 2; exit !flock F, 8'
  fi
}

server= stopping=
trap 'stopping=1; [ "$server" ] && kill -s "$signal" "$server" 2>/dev/null' TERM
trap '' HUP INT

(
  trap - TERM
  while lock; do
    [ "$linger" = 0 ] && break
    unlock
    sleep "$linger"
    lock -n && break
  done
  kill -s TERM $$
) &

while [ ! "$stopping" ]; do
  "$@" 3>&- &
  server=$!
  while kill -0 "$server" 2>/dev/null; do wait "$server"; done
  [ -e "$url" ] || break # it never was ready: whoever started it reads why in the log
  [ "$stopping" ] || sleep 0.5
done

rm -rf "$url" "$socket"
[ "$throwaway" ] && rm -rf "$throwaway"
trap '' TERM
kill -s TERM 0 # the watcher above, and what it waits in
