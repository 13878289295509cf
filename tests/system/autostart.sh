#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Containers that start with the host: those whose file says so, once, good files in spite of bad ones.

. "$(dirname "$0")/lib.sh"

# file NAME: makes a container file of standard input.
file() {
        {
                echo "version: 1"
                cat
        } >"$files/$1.yaml"
}

init='init: [/bin/sh, -c, "trap '\''exit 0'\'' TERM; while :; do sleep 2147483647 & wait $!; done"]'

for name in a b; do
        file "$name" <<END
$init
autostart: true
labels: { team: $name }
END
done
file not <<END
$init
autostart: false
END
file silent <<END
$init
END
file bad <<END
autostart: perhaps
END
file gone <<END
root: { folder: /nowhere/at/all }
autostart: true
END

start <<'END'
version: 1
rules: []
END
expect_soon "those whose file says so run, and no others" eval '[ "$(names containers | sort | paste -s -d " ")" = "a b" ]'
expect "they are what their file says" b "$(record b LABEL_team)"
expect_soon "a bad file is told of, with its place" grep -q "bad.yaml:2:12: error" "$log"
expect_soon "and one whose root is not there" grep -q "/nowhere/at/all" "$log"

ctl stop a
davitd_stop
davitd_start
expect "one that was stopped stays so when davitd starts again" b "$(names containers)"
ctl stop b
davitd_stop

# As it is after a boot.
rm -r "$runtime"
davitd_start
expect_soon "with the next boot they run again" eval '[ "$(names containers | sort | paste -s -d " ")" = "a b" ]'
for name in a b; do
        ctl stop $name
done
