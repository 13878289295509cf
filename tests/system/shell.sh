#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The container's /dev is one that programs are used to: redirections, standard streams, terminals, shared memory.

. "$(dirname "$0")/lib.sh"

start <<'END'
version: 1
rules: []
END
must_launch c1

for node in null zero full; do
        result=ok
        [ "$node" = full ] && result=ENOSPC
        expect "a shell's > /dev/$node works for root and for users" \
                "/dev/$node root: open=ok write=$result user: open=ok write=$result" "$(inside c1 probe write "/dev/$node")"
done
expect "the standard nodes are root's, with the usual numbers and modes" "\
/dev/null type=c rdev=1:3 uid=0 gid=0 mode=0666 open=ok
/dev/zero type=c rdev=1:5 uid=0 gid=0 mode=0666 open=ok
/dev/full type=c rdev=1:7 uid=0 gid=0 mode=0666 open=ok
/dev/random type=c rdev=1:8 uid=0 gid=0 mode=0666 open=ok
/dev/urandom type=c rdev=1:9 uid=0 gid=0 mode=0666 open=ok" \
        "$(inside c1 probe node /dev/null /dev/zero /dev/full /dev/random /dev/urandom)"
expect "tun may be opened" "/dev/net/tun type=c rdev=10:200 uid=0 gid=0 mode=0666 open=ok" "$(inside c1 probe node /dev/net/tun)"
expect "a user makes no file in /dev" "Permission denied" \
        "$(inside c1 su user -c 'true > /dev/mine' 2>&1 | sed 's/.*: //; s/^p/P/')"

expect "standard input comes in, output goes out" "in" "$(echo in | inside c1 cat)"
expect "and the error output apart from it" "err" "$(inside c1 sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)"
# By their links it is the opener's right that counts: a pipe of the container's own.
expect "/dev/stdin leads to it" "in" "$(inside c1 sh -c 'echo in | cat /dev/stdin')"
expect "/dev/stdout too" "out" "$(inside c1 sh -c '(echo out > /dev/stdout) | cat')"
expect "and /dev/stderr" "err" "$(inside c1 sh -c '(echo err 2>&1 > /dev/stderr) 2>&1 | cat')"
expect "/dev/fd counts descriptors" "fd" "$(inside c1 sh -c 'cat /dev/fd/3 3<<X
fd
X')"
expect "shared memory is open to all" "1777 tmpfs" "$(inside c1 sh -c 'stat -c %a /dev/shm; stat -f -c %T /dev/shm' | tr '\n' ' ' | sed 's/ $//')"
if command -v script >/dev/null; then
        expect_like "a command at a terminal has one of the container's own" "/dev/pts/*" \
                "$(script -qec "$build/davitctl --bus $bus exec c1 -- tty" /dev/null </dev/null | tr -d '\r')"
        expect "of which it may open /dev/tty" "ok" \
                "$(script -qec "$build/davitctl --bus $bus exec c1 -- sh -c 'echo ok > /dev/tty'" /dev/null </dev/null | tr -d '\r')"
else
        skip_case "there is no script(1) to make a terminal with"
fi
expect "a user reads and writes where the host would let it" "ok" \
        "$(inside c1 su user -c 'head -c 4 /dev/urandom > /dev/null && echo > /dev/shm/mine && echo ok' 2>&1)"
expect "the host's other nodes are not there" "" "$(inside c1 sh -c 'ls /dev' |
        grep -vxE 'bus|fd|full|mqueue|net|null|ptmx|pts|random|shm|std(in|out|err)|tty|urandom|zero|console')"
