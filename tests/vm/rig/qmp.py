# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's own control socket: one JSON object a line, answers and events mixed."""

import json


class QmpError(Exception):
    """QEMU refused."""


class Qmp:
    def __init__(self, connection):
        self.file = connection.makefile("rwb", buffering=0)
        self._receive()
        self.command("qmp_capabilities")

    def _receive(self):
        line = self.file.readline()
        if not line:
            raise QmpError("QEMU has ended")
        return json.loads(line)

    def command(self, name, **arguments):
        """Runs one command and returns its answer; events that come before it are dropped."""
        request = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        self.file.write(json.dumps(request).encode() + b"\n")
        while True:
            message = self._receive()
            if "event" in message:
                continue
            if "error" in message:
                raise QmpError(message["error"]["desc"])
            return message["return"]

    def monitor(self, line):
        """A command of QEMU's monitor for people, which alone can save a state. Returns what it printed."""
        return self.command("human-monitor-command", **{"command-line": line})

    def devices(self):
        return [entry["name"] for entry in self.command("qom-list", path="/machine/peripheral")]
