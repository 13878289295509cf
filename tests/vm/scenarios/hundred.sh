#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 600
#
# A farm: a hundred phones, a hundred containers, each phone in the one container that its serial is for. The hub loses
# its power and has it again: all of them go and come back at once, under new device numbers. None may be lost, none may
# be in another's container, and every one must answer through its node.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"
. "${BASH_SOURCE[0]%/*}/../farm.sh"

count=100
settle_limit=30

farm_open "$count"

phones plug "$count"
expect_at_most "every phone that comes is given" "$settle_limit" "$(farm_seconds "$count")" s
expect "each is in its container, alone, and answers" "" "$(farm_differences "$count" 18d1:4ee7)"

phones mode all off
expect_at_most "all that lost their power are taken away" "$settle_limit" "$(farm_seconds 0)" s
expect "no container has a node of any" "" "$(farm_nodes)"

phones mode all fastboot 500
expect_at_most "all that came back at once are given, none is lost" "$settle_limit" "$(farm_seconds "$count")" s
expect "none was crossed, and each answers" "" "$(farm_differences "$count" 18d1:4ee0)"

phones unplug all
expect_at_most "all that were unplugged are taken away" "$settle_limit" "$(farm_seconds 0)" s
expect "nothing is granted any more" "" "$(guest grants)"
