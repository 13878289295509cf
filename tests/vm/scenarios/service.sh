#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
#
# davitd as a service: restarted, killed and stopped while a container runs and phones come and go. The container knows
# nothing of it, and what changed meanwhile is put right by the next davitd.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

main_pid() {
        guest "systemctl show -P MainPID davitd"
}

serials() {
        inside box /bin/usbprobe | sed 's/.* //' | sort | paste -s -d ' '
}

eventually_has() {
        eventually 20 "[ \"\$(davitctl exec box -- /bin/usbprobe | sed 's/.* //' | sort | xargs)\" = '$1' ]" "$2"
}

policy <<'END'
version: 1
rules:
  - name: phones
    match: { class: usb, vendor: google }
    give: { to: box }
END

expect "the service is enabled and active" "enabled active" \
        "$(guest "systemctl is-enabled davitd; systemctl is-active davitd" | paste -s -d ' ')"
launch box
guest "cp /usr/local/bin/usbprobe /run/davit/containers/box/rootfs/bin/"
expect "a container is a unit of its own" active "$(guest "systemctl is-active davit-container@box.service")"
phones plug --serial STAYS
phones plug --serial GOES
eventually_has "GOES STAYS" "the phones are inside"
since=$(guest "systemctl show -P ActiveEnterTimestampMonotonic davit-container@box.service")

pid=$(main_pid)
guest "systemctl restart davitd"
expect "a restart puts another davitd there" yes "$([ "$(main_pid)" != "$pid" ] && echo yes)"
expect "the phones stayed through the restart" "GOES STAYS" "$(serials)"

pid=$(main_pid)
guest "kill -KILL $pid"
eventually 10 "pid=\$(systemctl show -P MainPID davitd); [ \$pid != 0 ] && [ \$pid != $pid ] && davitctl list grants" \
        "one that was killed is followed by another"
expect "the phones stayed through that" "GOES STAYS" "$(serials)"
phones plug --serial LATER
eventually_has "GOES LATER STAYS" "what is plugged in behind that comes inside"

guest "systemctl stop davitd"
phones unplug GOES
phones plug --serial MISSED
phones wait all >/dev/null
guest "udevadm settle; systemctl start davitd"
eventually_has "LATER MISSED STAYS" "what came and went while there was none is put right by the next"

expect "the container has run all the time" "$since" \
        "$(guest "systemctl show -P ActiveEnterTimestampMonotonic davit-container@box.service")"
guest "davitctl stop box"
eventually 10 "[ \$(systemctl is-active davit-container@box.service) != active ]" "stopped, its unit is"
expect "no unit has failed" "" "$(guest "systemctl --failed --no-legend --plain | cut -d ' ' -f 1")"
