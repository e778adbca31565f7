"""Makes the SD card: `python3 image/builder [BOARD] [VARIABLE=VALUE…]`, or `./just image`.

    --check      only read the recipe and say whether it is whole
    --twice      make the card two times, the second one in another folder, and compare

Everything made is in target/image: the card in `card`, what is kept for the next time beside it,
what the tools said in `log`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import disk  # noqa: E402
import programs  # noqa: E402
import recipe as recipes  # noqa: E402
import release  # noqa: E402
import rootfs  # noqa: E402
import stages  # noqa: E402
from chroot import Chroot  # noqa: E402
from recipe import ROOT, Fault  # noqa: E402

OUTPUT = ROOT / "target" / "image"


class Progress:
    """One line when a step begins, and how long it took."""

    def __init__(self, count):
        """`count` steps in all."""
        self.count, self.number = count, 0

    def step(self, what, work):
        """Does `work` and returns what it returns."""
        self.number += 1
        print(f"[{self.number}/{self.count}] {what} …", end=" ", flush=True)
        began = time.monotonic()
        result = work()
        print(f"{time.monotonic() - began:.0f} s", flush=True)
        return result


def epoch():
    """The time of the commit: what everything made here shows, so that it can be made again."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise Fault("the time of the commit is not known here (no git): set SOURCE_DATE_EPOCH")
    return int(done.stdout)


def build(recipe, output=OUTPUT):
    """All steps; (card, compressed card)."""
    log = output / "log"
    output.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    progress = Progress(6)
    folder = progress.step("the builder's own Debian", lambda: stages.builder(recipe, OUTPUT, log))
    chroot = Chroot(folder, output, epoch())
    compiled = progress.step("programs for the board",
                             lambda: programs.cross_build(recipe, chroot, log))
    deb = programs.deb(chroot, compiled, log)
    packages = progress.step("Debian's packages for the card (minutes, unless kept)",
                             lambda: stages.packages(recipe, chroot, log))
    progress.step("layers", lambda: rootfs.make(recipe, chroot, packages, deb, log))
    progress.step("partitions", lambda: disk.make(recipe, chroot, log))
    raw, packed = progress.step("compressed card, checksums, list of parts",
                                lambda: release.make(recipe, chroot, log))
    print(f"{raw}: {raw.stat().st_size / 1e6:.0f} MB, compressed "
          f"{packed.stat().st_size / 1e6:.0f} MB")
    return raw, packed


def twice(recipe):
    """Two cards from nothing that was kept but the builder; whether they are the same."""
    sums = []
    for name in ("first", "second"):
        print(f"the {name} card:")
        raw, _ = build(recipe, OUTPUT / "twice" / name)
        sums.append(release.sha256(raw))
        print(f"  {sums[-1]}")
    if sums[0] != sums[1]:
        raise Fault("the two cards differ; diffoscope can tell where")
    print("the two cards are the same, byte for byte")


def main(words):
    """Returns the exit code."""
    switches = {word for word in words if word.startswith("--")}
    unknown = switches - {"--check", "--twice"}
    if unknown:
        raise Fault(f"unknown: {', '.join(unknown)}\n{__doc__}")
    given = dict(word.split("=", 1) for word in words if "=" in word and word not in switches)
    boards = [word for word in words if "=" not in word and word not in switches]
    recipe = recipes.load(*boards[:1], given=given)
    if "--check" in switches:
        print(f"{len(recipe.layers)} layers, {len(recipe.all('packages'))} packages")
        return 0
    if os.geteuid() != 0:
        # A name space in which this person is root: no right on the machine itself is needed.
        os.execvp("unshare", ["unshare", "--map-root-user", "--map-auto", "--mount",
                              sys.executable, str(Path(__file__).parent), *words])
    if "--twice" in switches:
        twice(recipe)
    else:
        build(recipe)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Fault as fault:
        print(f"\nimage: {fault}", file=sys.stderr)
        sys.exit(1)
