#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
#
# What a CDI file says of a GPU is given to containers that run: the node, the vendor's files and an interface, by davitd
# as the service that it is, in its sandbox. They go with the GPU, come back with it, and outlive the service.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# Where services see nothing: what is given is what the host has.
guest "mkdir -p /root/vendor/data /etc/cdi && echo library >/root/vendor/library && echo table >/root/vendor/data/table &&
        chmod -R a+rwX /root/vendor && ip link add dvt0 type veth peer name dvt1"

policy <<'END'
version: 1
rules:
  - name: the first GPU
    give: { to: train, cdi: vendor.example/gpu=0 }
END

# spec: in place as a whole, for the GPU that is there.
spec() {
        guest "cat >/etc/cdi/.new <<'END'
cdiVersion: 1.1.0
kind: vendor.example/gpu
devices:
  - name: \"0\"
    containerEdits:
      deviceNodes: [{ path: /dev/dri/renderD128 }]
      netDevices: [{ hostInterfaceName: dvt0, name: gpu0 }]
  - name: \"all\"
    containerEdits:
      deviceNodes: [{ path: /dev/dri/renderD128 }]
containerEdits:
  env: [VENDOR=/opt/vendor]
  mounts:
    - { hostPath: /root/vendor/library, containerPath: /opt/vendor/lib/library, options: [ro, nosuid, nodev, bind] }
    - { hostPath: /root/vendor/data, containerPath: /opt/vendor/data, options: [ro, rbind] }
END
        mv /etc/cdi/.new /etc/cdi/vendor.yaml"
}

launch other
gpu plug 0
spec
eventually 10 "davitctl list devices | grep -F cdi-vendor.example:gpu:0" "a file is found as it comes"
launch train
eventually 20 "grants | grep -x 'cdi-vendor.example:gpu:0 train active'" "a rule gives what it describes"
expect "its node opens" "" "$(inside train sh -c ': <>/dev/dri/renderD128' 2>&1)"
expect "the vendor's files are there, though no service sees them" "library table" \
        "$(inside train cat /opt/vendor/lib/library /opt/vendor/data/table | paste -s -d ' ')"
expect "nobody inside writes to them" "library" \
        "$(guest_try "davitctl exec train -- sh -c 'mount -o remount,bind,rw /opt/vendor/lib/library; echo worse >/opt/vendor/lib/library'" \
                >/dev/null 2>&1 || true; guest cat /root/vendor/library)"
expect "the interface is there" gpu0 "$(inside train ls /sys/class/net | grep gpu)"
expect "the variable is set" "/opt/vendor" "$(inside train sh -c 'echo $VENDOR')"

guest "davitctl attach vendor.example/gpu=all other"
expect "another device of the file is attached by its name" library "$(inside other cat /opt/vendor/lib/library)"
expect "what it does without is told" "env VENDOR: not set, which can only be done at the start" \
        "$(guest "davitctl info vendor.example/gpu=all" | sed -n 's/^ *lacking: *//p')"

guest "systemctl restart davitd"
expect "a restart of the service changes nothing" "cdi-vendor.example:gpu:0 train active
cdi-vendor.example:gpu:all other active" "$(guest "grants | sort")"

gpu unplug 0
eventually 10 "davitctl exec train -- test ! -e /dev/dri -a ! -e /opt/vendor/data/table" "pulled out, all of it goes"
eventually 10 "test -e /sys/class/net/dvt0" "the host has its interface"
gpu plug 0
eventually 20 "davitctl exec train -- test -c /dev/dri/renderD128 -a -e /opt/vendor/data/table" "plugged in, it comes back"

guest "davitctl detach vendor.example/gpu=all other"
expect "detached, nothing is left" "" "$(inside other sh -c 'ls -d /dev/dri /opt 2>/dev/null || true')"
guest "rm /etc/cdi/vendor.yaml"
eventually 10 "no_grants" "without the file nothing is given"
expect "nor left" "" "$(inside train sh -c 'ls -d /dev/dri /opt 2>/dev/null || true')"
guest "davitctl stop train; davitctl stop other"
expect "no state is kept" "" "$(guest "ls /run/davit/state")"
