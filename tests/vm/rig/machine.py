# SPDX-License-Identifier: LGPL-2.1-or-later
"""One virtual machine: its folder, its QEMU, and the states that it starts from.

A machine is a folder below DAVIT_VM_DIR with its disk, its sockets and its logs. An image (see tests/vm/build) has the
kernel and a disk that no machine writes to: each has what it changed in a disk of its own on top. A saved state is a
folder with such a disk, which holds the memory and the devices of the running machine as well, and the size of that.

Everything is emulated, by TCG: it runs wherever QEMU does, in a virtual machine as well, and the same everywhere.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from rig import agent
from rig.qmp import Qmp

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.realpath(os.environ.get("top_builddir") or os.path.join(TOP, "build"))
FOLDER = os.environ.get("DAVIT_VM_DIR") or os.path.join(BUILD, "vm/machines")
IMAGE = os.environ.get("DAVIT_VM_IMAGE") or os.path.join(BUILD, "vm/image")

MEMORY_MB = 2048
PROCESSORS = 2
SAVED = "saved"  # the state's name within its disk
BOOT_SECONDS = 240

KERNEL_ARGUMENTS = (
    "console=ttyS0 quiet loglevel=4 mitigations=off audit=0 nokaslr random.trust_cpu=on no_timer_check panic=-1"
    " systemd.show_status=0"
)


class MachineError(Exception):
    """It cannot be done, and why."""


def _bus(number):
    """Where the fixed devices are: on the root bus, one address each."""
    return f"bus=pcie.0,addr={number:#x}"


def _hotplug_ports():
    """rp0 to rp7, for what is plugged into the running machine. Room for the memory of a display is kept free."""
    return [
        f"pcie-root-port,id=rp{i},bus=pcie.0,chassis={i + 1},slot={i + 1},addr=0x10.{i},multifunction=on,"
        "mem-reserve=32M,pref64-reserve=512M"
        for i in range(8)
    ]


def qemu_arguments(image, share):
    """All of it but the disk; paths are relative to the machine's folder. A saved state fits no other machine."""
    devices = [
        f"virtio-blk-pci,drive=disk,{_bus(3)}",
        f"virtio-rng-pci,{_bus(4)}",
        f"virtio-serial-pci,id=serial,max_ports=16,{_bus(5)}",
        *(f"virtserialport,bus=serial.0,nr={i + 1},chardev=exec{i},name=vm.exec.{i}" for i in range(agent.PORTS)),
        f"virtio-9p-pci,fsdev=share,mount_tag=host,{_bus(6)}",
        f"qemu-xhci,id=xhci,p2=15,p3=15,{_bus(7)}",
        *_hotplug_ports(),
        # For gpusim, which knows these two ports.
        "virtio-gpu-pci,id=gpu0,bus=rp7",
        "virtio-gpu-pci,id=gpu1,bus=rp6",
    ]
    arguments = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-rtc", "base=utc"]
    arguments += ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max,la57=off"]
    arguments += ["-m", str(MEMORY_MB), "-smp", str(PROCESSORS)]
    arguments += ["-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd.img", "-append", KERNEL_ARGUMENTS]
    arguments += ["-chardev", "file,id=console,path=console.log", "-serial", "chardev:console"]
    arguments += ["-qmp", "unix:qmp.sock,server=on,wait=off"]
    arguments += ["-fsdev", f"local,id=share,path={share},security_model=none,multidevs=remap"]
    for i in range(agent.PORTS):
        arguments += ["-chardev", f"socket,id=exec{i},path=exec{i}.sock,server=on,wait=off"]
    for device in devices:
        arguments += ["-device", device]
    return arguments


WAIT_BOOTED = "systemctl is-system-running --wait >/dev/null; udevadm settle -t 60"
MOUNT_SHARE = "mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none host /host"


class Machine:
    def __init__(self, name):
        if not name or "/" in name or name.startswith("."):
            raise MachineError(f"no name for a machine: {name!r}")
        self.name = name
        self.folder = os.path.join(FOLDER, name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def connect(self, name):
        """To one of its sockets, however long the path to them is."""
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(f"/proc/self/fd/{folder}/{name}")
            return connection
        finally:
            os.close(folder)

    def qmp(self):
        return Qmp(self.connect("qmp.sock"))

    def run(self, command, **options):
        return agent.run(self, command, **options)

    def must_run(self, command):
        status = self.run(command, stderr=sys.stderr.buffer)
        if status != 0:
            raise MachineError(f"{self.name}: status {status} of: {command}")

    # ---- its process

    def _pid(self):
        """Of its QEMU, or None."""
        try:
            with open(self.path("pid"), encoding="ascii") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return pid if file.read().startswith(b"qemu-system") else None
        except (OSError, ValueError):
            return None

    def is_up(self):
        return self._pid() is not None

    def _log_end(self):
        text = ""
        for name in ("qemu.log", "console.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as file:
                    text += file.read()[-2000:]
        return text

    def _launch(self, image, share, extra):
        # The disk's own note of what it is on top of is not used: images may be moved.
        disk = "file=disk.qcow2,if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap"
        disk += f",backing.driver=raw,backing.file.filename={image}/base.ext4"
        with open(self.path("qemu.log"), "wb") as log:
            process = subprocess.Popen(
                qemu_arguments(image, share) + ["-drive", disk] + extra,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with open(self.path("pid"), "w", encoding="ascii") as file:
            file.write(str(process.pid))
        with open(self.path("machine.json"), "w", encoding="utf-8") as file:
            json.dump({"image": image, "share": share}, file)
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise MachineError("QEMU has ended: " + self._log_end())
            try:
                if self.run("true", greeting_seconds=5) == 0:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise MachineError("the guest does not answer: " + self._log_end())

    def _make_folder(self, share):
        if self.is_up():
            raise MachineError(f"{self.name} is up already")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        share = os.path.realpath(share or self.path("share"))
        os.makedirs(share, exist_ok=True)
        return share

    # ---- what can be done with it

    def boot(self, share=None):
        """From the kernel on. Nothing of the host is mounted."""
        share = self._make_folder(share)
        image = os.path.realpath(IMAGE)
        on_top = ["-F", "raw", "-b", f"{image}/base.ext4"]
        subprocess.check_call(["qemu-img", "create", "-q", "-f", "qcow2", *on_top, self.path("disk.qcow2")])
        self._launch(image, share, [])
        self.must_run(WAIT_BOOTED)

    def resume(self, state, share=None):
        """From a saved state, with the share mounted on /host."""
        with open(os.path.join(state, "state.json"), encoding="utf-8") as file:
            image = os.path.join(state, json.load(file)["image"])
        share = self._make_folder(share)
        subprocess.check_call(
            ["cp", "--reflink=auto", "--sparse=always", os.path.join(state, "disk.qcow2"), self.path("disk.qcow2")]
        )
        self._launch(os.path.realpath(image), share, ["-loadvm", SAVED])
        self.must_run(
            f"date -u -s @{time.time():.3f} >/dev/null && {MOUNT_SHARE}"
        )

    def reboot(self):
        """In order, from the kernel on. QEMU ends with the guest, and another takes its disk."""
        with open(self.path("machine.json"), encoding="utf-8") as file:
            settings = json.load(file)
        self.run("systemctl reboot", seconds=5)
        deadline = time.monotonic() + BOOT_SECONDS
        while self.is_up():
            if time.monotonic() > deadline:
                raise MachineError(f"{self.name} does not shut down: " + self._log_end())
            time.sleep(0.1)
        self._launch(settings["image"], settings["share"], [])
        self.must_run(f"{WAIT_BOOTED}; modprobe -a 9p 9pnet_virtio && {MOUNT_SHARE}")

    def save(self, state, image):
        """Into a folder, which is replaced; image is as seen from there. Ends the machine."""
        # A mounted 9p cannot be saved.
        self.must_run("umount /host 2>/dev/null; sync; echo 3 >/proc/sys/vm/drop_caches")
        qmp = self.qmp()
        qmp.command("stop")
        output = qmp.monitor(f"savevm {SAVED}")
        if output.strip():
            raise MachineError("the state is not saved: " + output)
        self._end(signal.SIGTERM)
        shutil.rmtree(state, ignore_errors=True)
        os.makedirs(state)
        os.rename(self.path("disk.qcow2"), os.path.join(state, "disk.qcow2"))
        with open(os.path.join(state, "state.json"), "w", encoding="utf-8") as file:
            json.dump({"image": image}, file)
        self.stop()

    def _end(self, number):
        pid = self._pid()
        if pid is None:
            return
        os.kill(pid, number)
        while self.is_up():
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
            time.sleep(0.02)

    def stop(self):
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def plug(self, driver, identity, **options):
        self.qmp().command("device_add", driver=driver, id=identity, **options)

    def unplug(self, identity):
        """Comes back when the guest has let go of it."""
        qmp = self.qmp()
        qmp.command("device_del", id=identity)
        # No event is waited for: that of a display never comes.
        deadline = time.monotonic() + 30
        while identity in qmp.devices():
            if time.monotonic() > deadline:
                raise MachineError(f"{identity} is still there after 30 s")
            time.sleep(0.02)
