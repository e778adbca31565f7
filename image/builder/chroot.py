"""The builder: a folder with a small Debian, and how commands are run inside it.

Each run has a mount table of its own, which the kernel takes away with it. That one also teaches
the kernel to run the boards' programs by qemu: what another run taught it ended with that run.
"""

import os
import subprocess

from recipe import ROOT, Fault

# The first bytes of a program for 64-bit ARM, and which of their bits count.
MAGIC = (r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00")
MASK = (r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff")

# $1 = the builder's folder; then pairs of folders up to "--": one of the machine, and where it
# appears inside; then the command.
ENTER = r"""
set -eu
builder=$1; shift
mount --bind "$builder" "$builder"
mount -t proc proc "$builder/proc"
mount --rbind /sys "$builder/sys"
mount --rbind /dev "$builder/dev"
while [ "$1" != -- ]; do
    mkdir -p "$builder$2"
    mount --bind "$1" "$builder$2"
    shift 2
done
shift
cat /etc/resolv.conf >"$builder/etc/resolv.conf"
binfmt=$builder/proc/sys/fs/binfmt_misc
if [ -x "$builder/usr/bin/qemu-aarch64" ]; then
    mount -t binfmt_misc binfmt_misc "$binfmt"
    [ -e "$binfmt/snug-aarch64" ] ||
        printf '%s' ':snug-aarch64:M::@MAGIC@:@MASK@:/usr/bin/qemu-aarch64:FOCP' |
        chroot "$builder" tee /proc/sys/fs/binfmt_misc/register >/dev/null
fi
exec chroot "$builder" "$@"
""".replace("@MAGIC@", MAGIC).replace("@MASK@", MASK)


class Chroot:
    """The builder's folder, and what is seen inside: the workspace, and the builder's own output."""

    def __init__(self, folder, output, epoch):
        """`epoch`: the time that everything made here shows, seconds since 1970."""
        self.folder, self.output, self.epoch = folder, output, epoch

    def words(self, command, binds=()):
        """The command line that runs `command` inside."""
        pairs = [(ROOT, "/snug"), (self.output, "/image"), *binds]
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter",
                str(self.folder), *(str(word) for pair in pairs for word in pair), "--", *command]

    def run(self, command, log, binds=(), extra=None, wanted=False):
        """Runs `command` inside; what it says goes to the file `log` while it runs, or, if
        `wanted`, is returned. Raises `Fault`."""
        words = self.words(command, binds)
        with open(log, "ab") as file:
            file.write(f"\n$ {' '.join(command)}\n".encode())
            file.flush()
            done = subprocess.run(
                words, env=self.environment(extra or {}), stdin=subprocess.DEVNULL, stderr=file,
                stdout=subprocess.PIPE if wanted else file, text=True, check=False)
        if done.returncode != 0:
            last = log.read_text(errors="replace").strip()[-1500:]
            raise Fault(f"{command[0]} failed; all it said is in {log}. The last lines:\n{last}")
        return done.stdout

    def shell(self, script, log, **more):
        """Runs a script of the shell inside."""
        return self.run(["sh", "-euc", script], log, **more)

    def environment(self, extra):
        """Nothing of the person's own environment reaches what is made."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
            "DEBIAN_FRONTEND": "noninteractive",
            "SOURCE_DATE_EPOCH": str(self.epoch),
            # The default emulates pointer authentication, which costs a quarter of the time.
            "QEMU_CPU": "cortex-a53",
            **{name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy")
               if name in os.environ},
            **extra,
        }
