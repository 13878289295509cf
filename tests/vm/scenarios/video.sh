#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
#
# A camera, that of the kernel's test driver: one device with a dozen nodes, of which the rule gives those for video.
# The container takes pictures with it; it goes while it is filming, and comes again under other numbers. Another policy
# gives it to another container.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# All that a container has of a camera, but for how many nodes of a kind there are.
nodes() {
        inside "$1" find /dev -name 'video*' -o -name 'media*' -o -name 'cec*' -o -path '/dev/input*' | sort |
                paste -s -d ' '
}

no_nodes() {
        echo "[ -z \"\$(davitctl exec $1 -- find /dev -name 'video*' -o -name 'media*' -o -name '*radio*' 2>&1)\" ]"
}

# camera_for CONTAINER
camera_for() {
        policy <<END
version: 1
rules:
  - name: the camera
    match: { class: video, port: "vivid.0" }
    give: { to: $1, nodes: [video] }
END
}

camera_for studio
launch studio --rootfs /srv/debian
launch hall
before=$(inside studio find /dev -xdev | sort)

# ---- it comes

guest "modprobe vivid; udevadm settle"
eventually 20 "davitctl exec studio -- ls /dev/media0 /dev/video0 /dev/video1 /dev/video2 /dev/video3" \
        "the camera is inside, by its nodes for video"
expect "and no others" "/dev/media0 /dev/video0 /dev/video1 /dev/video2 /dev/video3" "$(nodes studio)"
expect "they are the container's root's" "crw-rw---- 0 0" "$(inside studio stat -c "%A %u %g" /dev/video0)"
expect "it says what it is" "vivid" "$(inside studio v4l2-ctl --info | sed -n 's/.*Card type *: //p')"
inside studio v4l2-ctl --set-fmt-video=width=320,height=180,pixelformat=YUYV \
        --stream-mmap --stream-count=3 --stream-to=/tmp/film >/dev/null 2>&1
expect "it takes three pictures" "$((3 * 320 * 180 * 2))" "$(inside studio stat -c %s /tmp/film)"

# ---- it goes while it is filming

inside studio sh -c 'v4l2-ctl --stream-mmap --stream-to=/dev/null >/tmp/filming 2>&1; echo ended >>/tmp/filming' \
        >/dev/null 2>&1 &
eventually 10 "davitctl exec studio -- grep '<' /tmp/filming" "it films"
guest "echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind"
eventually 10 "no_grants && $(no_nodes studio)" "taken from its driver meanwhile, nothing of it is left"
eventually 10 "davitctl exec studio -- grep 'ended' /tmp/filming" "who was filming is told"
wait
expect "the container's /dev is as it was" "$before" "$(inside studio find /dev -xdev | sort)"
guest "modprobe -r vivid"

# ---- again

guest "modprobe vivid vid_cap_nr=7; udevadm settle"
eventually 20 "davitctl exec studio -- test -c /dev/video7" "it comes again, under another number"
expect "it says what it is" "vivid" "$(inside studio v4l2-ctl -d /dev/video7 --info | sed -n 's/.*Card type *: //p')"
all=$(nodes studio)
camera_for hall
expect "the policy has changed: the other container has it" "$all" "$(nodes hall)"
expect "and the first has not" "$before" "$(inside studio find /dev -xdev | sort)"
guest "modprobe -r vivid"
eventually 10 "no_grants && $(no_nodes hall)" "gone again, nothing is left"
guest "davitctl stop studio; davitctl stop hall"
