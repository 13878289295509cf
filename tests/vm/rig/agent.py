# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's end of the wire to the guest; agent/agent.c is the other, and says what they speak."""

import fcntl
import os
import socket
import struct
import threading
import time

MAGIC = b"\0VMAGT\1\n"
GREETING = len(MAGIC) + 8
HEADER = 5
PORTS = 8
CHUNK = 32768

TIMED_OUT = 124
NO_ANSWER = 125


class AgentError(Exception):
    """The guest does not answer."""


class Session:
    """One of the guest's ports, held by a lock file, for one command."""

    def __init__(self, machine):
        self.buffer = b""
        self.socket, self.lock = self._take_port(machine)

    @staticmethod
    def _take_port(machine):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            # Another port each time: the guest may still be closing the one that was used last.
            first = time.monotonic_ns() // 1000000 + os.getpid()
            for number in ((first + i) % PORTS for i in range(PORTS)):
                lock = open(machine.path(f"port{number}.lock"), "w")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return machine.connect(f"exec{number}.sock"), lock
                except OSError:
                    lock.close()
            time.sleep(0.1)
        raise AgentError(f"{machine.name} has no free port: is it up?")

    def close(self):
        """Ends the command, too, if it still runs."""
        self.socket.close()
        self.lock.close()

    def greet(self, seconds):
        """Makes the port ours. False when the guest has not answered in time."""
        greeting = MAGIC + os.urandom(8)
        deadline = time.monotonic() + seconds
        again = 0.0
        while greeting not in self.buffer:
            now = time.monotonic()
            if now > deadline:
                return False
            if now > again:
                self.socket.sendall(greeting)
                again = now + 2
            if not self._receive(0.5):
                return False
        self.buffer = self.buffer.split(greeting)[-1]
        return True

    def send(self, kind, data=b""):
        self.socket.sendall(kind + struct.pack("<I", len(data)) + data)

    def feed(self, stdin):
        """Passes a file on as the command's input, while the output is read."""

        def work():
            try:
                while chunk := stdin.read(CHUNK):
                    self.send(b"I", chunk)
                self.send(b"E")
            except OSError:
                pass

        threading.Thread(target=work, daemon=True).start()

    def _receive(self, seconds):
        """False when the line is cut. True may have brought nothing."""
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(262144)
        except TimeoutError:
            return True
        self.buffer += data
        return bool(data)

    def _next(self):
        """A message that is whole, or None. A greeting among them is the answer to one that was said twice."""
        while self.buffer[:1] == MAGIC[:1] and len(self.buffer) >= GREETING:
            self.buffer = self.buffer[GREETING:]
        if len(self.buffer) < HEADER or self.buffer[:1] == MAGIC[:1]:
            return None
        end = HEADER + struct.unpack("<I", self.buffer[1:HEADER])[0]
        if len(self.buffer) < end:
            return None
        message = self.buffer[:1], self.buffer[HEADER:end]
        self.buffer = self.buffer[end:]
        return message

    def messages(self, seconds):
        """Yields all that comes; ends when time is up or the line is cut."""
        deadline = time.monotonic() + seconds if seconds else None
        while True:
            while message := self._next():
                yield message
            left = deadline - time.monotonic() if deadline else 60
            if left <= 0:
                yield b"X", struct.pack("<i", TIMED_OUT)
            if not self._receive(left):
                return


def run(machine, command, stdin=None, stdout=None, stderr=None, seconds=None, greeting_seconds=20):
    """Runs a command in the guest and returns its exit status; the files are binary ones, None drops."""
    session = Session(machine)
    try:
        if not session.greet(greeting_seconds):
            return NO_ANSWER
        session.send(b"C", command.encode())
        if stdin is None:
            session.send(b"E")
        else:
            session.feed(stdin)
        for kind, data in session.messages(seconds):
            if kind == b"X":
                return struct.unpack("<i", data)[0]
            output = {b"O": stdout, b"R": stderr}.get(kind)
            if output:
                output.write(data)
                output.flush()
        return NO_ANSWER
    finally:
        session.close()
