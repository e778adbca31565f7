"""The device: the card in a virtual machine of QEMU's, with a screen that is written to a file.

A second, invisible console tells how the machine feels: a small service is handed to systemd from
outside, so that the card is tested as it is.
"""

import re
import shutil
import signal
import socket
import subprocess

from chroot import Chroot
from waiting import until

DISK_BYTES = 4 << 30
MEMORY_MB = 512

# How long a start may take on a machine that has much else to do.
START_SECONDS = 1_500

PROBE = """
[Unit]
Description=How the machine feels
[Service]
Type=exec
ExecStart=/bin/sh -c 'while :; do { echo; echo begin; cat /proc/uptime; grep Mem /proc/meminfo; \
df -B1 --output=size /data | tail -n 1; systemctl --failed --no-legend --plain; \
date -u +now=%%s; echo end; } >/dev/hvc0; sleep 3; done'
"""

COMMAND_LINE = ("root=LABEL=snug-root ro rootwait fsck.repair=yes panic=10 mitigations=off "
                "console=ttyAMA0 systemd.wants=p.service")


class Machine:
    """One device with one card. It can be switched on and off, nicely or not."""

    def __init__(self, card, lan, output):
        """Copies the card that was built to a larger disk."""
        self.lan, self.output, self.card = lan, output, card
        builders = sorted(card.glob("builder-*/finished"), key=lambda p: p.stat().st_mtime)
        assert builders, "there is no card; run ./just image"
        self.chroot = Chroot(builders[-1].parent, card, 0)
        self.folder = card / "boot-test"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (image,) = (card / "card").glob("*.img")
        self.disk = self.folder / "disk.img"
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
        with open(self.disk, "r+b") as file:
            file.truncate(DISK_BYTES)
        for name in ("vmlinuz", "initrd.img"):
            (found,) = (card / "boot").glob(f"{name}-*")
            shutil.copyfile(found, self.folder / name)
        (self.folder / "probe.service").write_text(PROBE)
        self.process, self.starts = None, 0

    # --- power

    def start(self, clock="utc"):
        """Switches on. `clock`: what the clock shows when nobody has set it."""
        self.starts += 1
        self.screen = self.folder / f"screen{self.starts}"
        self.probe = self.folder / f"probe{self.starts}"
        inside = f"/image/{self.folder.name}"
        words = [
            "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-smp", "2",
            "-m", str(MEMORY_MB), "-nodefaults", "-display", "none", "-no-reboot",
            "-rtc", f"base={clock}",
            "-kernel", f"{inside}/vmlinuz", "-initrd", f"{inside}/initrd.img",
            "-append", COMMAND_LINE,
            "-drive", f"file={inside}/disk.img,format=raw,if=none,id=card",
            "-device", "virtio-blk-pci,drive=card",
            "-netdev", "tap,id=cable,ifname=snug0,script=no,downscript=no",
            "-device", "virtio-net-pci,netdev=cable,romfile=",
            "-serial", f"file:{inside}/{self.screen.name}",
            "-chardev", f"file,id=probe,path={inside}/{self.probe.name}",
            "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=probe",
            "-device", "virtio-rng-pci",
            "-monitor", f"unix:{inside}/monitor,server=on,wait=off",
            "-fw_cfg", "name=opt/io.systemd.credentials/systemd.extra-unit.p.service,"
                       f"file={inside}/probe.service",
        ]
        self.process = subprocess.Popen(
            self.chroot.words(words), env=self.chroot.environment({}), stdin=subprocess.DEVNULL,
            stdout=open(self.output / f"qemu{self.starts}.log", "wb"), stderr=subprocess.STDOUT)
        return self

    def cut(self):
        """The power fails, this instant."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self._keep()

    def shut_down(self):
        """Somebody presses the button; waits until all is written and off."""
        self._monitor("system_powerdown")
        self.process.wait(START_SECONDS)
        self._keep()

    def _monitor(self, words):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.folder / "monitor"))
            sock.sendall(f"{words}\n".encode())
            sock.recv(4096)

    def _keep(self):
        for path in (self.screen, self.probe):
            if path.exists():
                shutil.copyfile(path, self.output / f"{path.name}.log")

    def give_up(self):
        """Off, whatever it is doing; the disk is not needed any more."""
        if self.process is not None and self.process.poll() is None:
            self.cut()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- what it says

    def shows(self):
        """All that the screen has shown since the start."""
        assert self.process.poll() is None, "the machine is off"
        return self.screen.read_text(errors="replace") if self.screen.exists() else ""

    def await_screen(self, pattern, what):
        """Waits until the screen shows `pattern`; its match."""
        return until(what, lambda: re.search(pattern, self.shows())
                     or (False, self.shows()[-2000:]), START_SECONDS, step=0.5)

    def feels(self):
        """The latest report: seconds since the start, memory in kB, size of /data, failed units."""
        text = self.probe.read_text(errors="replace") if self.probe.exists() else ""
        reports = re.findall(r"begin\r?\n(.*?)end\r?\n", text, re.S)
        if not reports:
            return None
        report = reports[-1].replace("\r", "")
        memory = dict(re.findall(r"^(Mem\w+): +(\d+) kB", report, re.M))
        return {
            "uptime": float(report.split()[0]),
            "used_kb": int(memory["MemTotal"]) - int(memory["MemAvailable"]),
            "data_bytes": int(re.search(r"^ *(\d+)$", report, re.M)[1]),
            "failed": re.findall(r"^(\S+\.\w+) +loaded +failed", report, re.M),
            "now": int(re.search(r"^now=(\d+)$", report, re.M)[1]),
        }

    # --- the boot partition, while it is off

    def _fat(self):
        return f"/image/{self.folder.name}/disk.img@@{4 << 20}"

    def put(self, name, content):
        """Writes a file onto the boot partition, as a person at a computer would."""
        (self.folder / "file").write_bytes(content)
        self.chroot.run(["mcopy", "-o", "-i", self._fat(), f"/image/{self.folder.name}/file",
                         f"::{name}"], self.output / "tools.log")

    def get(self, name):
        """Reads a file of the boot partition; None if there is none."""
        listed = self.chroot.run(["mdir", "-b", "-i", self._fat(), "::"],
                                 self.output / "tools.log", wanted=True)
        if f"::/{name}" not in listed.split("\n"):
            return None
        return self.chroot.run(["mtype", "-i", self._fat(), f"::{name}"],
                               self.output / "tools.log", wanted=True)
