"""The two slow stages, whose results are kept: the builder, and the card's Debian packages.

Each is kept under the hash of everything that decides it, so that nothing stale is ever used and
nothing is made twice. What a stage was made from lies beside it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import time

from recipe import Fault
from sources import lines

# Not on the card, and not unpacked: nobody reads them there.
UNWANTED = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*",
            "/usr/share/lintian/*", "/usr/share/bash-completion/*"]
# The licences stay.
WANTED = ["/usr/share/doc/*/copyright"]

# Steps that packages ask for again and again while they are installed, and that cost minutes when
# every instruction is emulated. They are held back, and done once at the end.
HELD_BACK = {
    # Done last, with the board's own programs in place, because it copies some of them.
    "/usr/sbin/update-initramfs": None,
    "/usr/sbin/update-ca-certificates": "update-ca-certificates --fresh",
    # Python compiles what it needs when it needs it.
    "/usr/bin/py3compile": None,
    "/usr/lib/python3.13/py_compile.py": None,
}

# Programs that packages' scripts run most. While the packages are installed these are the builder's
# own, which this machine's processor runs without emulation; then the board's are put back.
BUSY = [
    "awk", "basename", "bash", "cat", "chgrp", "chmod", "chown", "cmp", "cp", "cut", "dash", "date",
    "diff", "dirname", "dpkg-deb", "dpkg-split", "env", "expr", "find", "grep", "gzip", "head",
    "id", "install", "ln", "ls", "mawk", "mkdir", "mktemp", "mv", "perl", "readlink", "realpath",
    "rm", "rmdir", "sed", "sort", "stat", "tail", "tar", "touch", "tr", "uname", "uniq", "wc",
    "xargs",
]

# The time that files written by packages' scripts show: the day this Debian was released. Not the
# commit's, because the packages do not change with our commits.
EPOCH = 1_754_697_600

# After a week Debian is asked anew, so that no card goes out with last month's packages.
FRESH_SECONDS = 7 * 86_400

# Old results that are kept beside the newest of each stage.
KEPT = 1


def digest(*parts):
    """Names a result by what decides it."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def builder(recipe, output, log):
    """The builder's folder; made if there is none for these packages."""
    name = digest(recipe.builder_packages, recipe.variables["suite"])
    folder = output / f"builder-{name}"
    if not (folder / "finished").exists():
        _make_builder(recipe, folder, log)
        forget_old(output, "builder-*", folder)
    return folder


def _make_builder(recipe, folder, log):
    if shutil.which("mmdebstrap") is None:
        raise Fault("mmdebstrap is needed; `./just image` installs it")
    shutil.rmtree(folder, ignore_errors=True)
    words = ["mmdebstrap", "--variant=apt", "--mode=root", "--architectures=amd64,arm64",
             *_options(), f"--include={','.join(recipe.builder_packages)}",
             recipe.variables["suite"], str(folder), *lines(recipe.variables, backports=True)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as file:
        done = subprocess.run(words, stdout=file, stderr=file, check=False)
    if done.returncode != 0:
        raise Fault(f"the builder could not be made; what was said is at the end of {log}")
    (folder / "finished").touch()


def _options():
    excluded = [f"--dpkgopt=path-exclude={path}" for path in UNWANTED]
    included = [f"--dpkgopt=path-include={path}" for path in WANTED]
    return [*excluded, *included, '--aptopt=Apt::Install-Recommends "false"',
            "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "5"']


def packages(recipe, chroot, log):
    """The card's Debian, without anything of ours: a tar. Made if there is none for this list."""
    decides = [recipe.all("packages"), recipe.all("components"), sources(recipe),
               [layer.early_files for layer in recipe.layers], UNWANTED, HELD_BACK, BUSY,
               recipe.variables["suite"], EPOCH, int(time.time()) // FRESH_SECONDS]
    tar = chroot.output / f"packages-{digest(*decides)}.tar"
    if not tar.exists():
        _make_packages(recipe, chroot, tar, log)
        forget_old(chroot.output, "packages-*.tar", tar)
    return tar


def sources(recipe):
    """What the card's packages are fetched from."""
    found = lines(recipe.variables, recipe.all("components"))
    for layer in recipe.layers:
        if layer.archive:
            archive = layer.archive
            found.append(f"deb [signed-by=/image/archive.gpg] {archive['uri']} {archive['suite']} "
                         f"{' '.join(archive['components'])}")
    return found


def _make_packages(recipe, chroot, tar, log):
    work = chroot.output / "packages"
    shutil.rmtree(work, ignore_errors=True)
    for layer in recipe.layers:
        for path, (mode, text) in layer.early_files.items():
            place(work / "early", path, mode, text)
        if layer.archive:
            if not os.path.exists(layer.archive["keyring"]):
                raise Fault(f"rpi_keyring: there is no file {layer.archive['keyring']}")
            shutil.copyfile(layer.archive["keyring"], chroot.output / "archive.gpg")
    (work / "early").mkdir(parents=True, exist_ok=True)
    (work / "hold-back.sh").write_text(_hold_back())
    (work / "let-go.sh").write_text(_let_go())
    (work / "own-programs.sh").write_text(_own_programs())
    (work / "board-programs.sh").write_text(_board_programs())
    half = tar.with_suffix(".half")
    cache = chroot.output / "debs"
    cache.mkdir(exist_ok=True)
    chroot.run([
        "mmdebstrap", "--variant=apt", "--mode=root", "--architectures=arm64",
        "--skip=check/qemu,download/empty,essential/unlink", "--format=tar", *_options(),
        # Packages that were fetched once are not fetched again, nor those of a broken run.
        '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
        '--setup-hook=cp -n /image/debs/*.deb "$1/var/cache/apt/archives/" 2>/dev/null || :',
        "--setup-hook=cp -a /image/packages/early/. \"$1/\"",
        "--essential-hook=sh /image/packages/hold-back.sh \"$1\"",
        "--essential-hook=sh /image/packages/own-programs.sh \"$1\"",
        "--customize-hook=sh /image/packages/let-go.sh \"$1\"",
        "--customize-hook=sh /image/packages/board-programs.sh \"$1\"",
        f"--include={','.join(recipe.all('packages'))}",
        recipe.variables["suite"], f"/image/{half.name}", *sources(recipe),
    ], log, extra={"SOURCE_DATE_EPOCH": str(EPOCH)})
    half.rename(tar)


def _hold_back():
    """Puts a program that does nothing in the place of each slow step."""
    lines_ = ["set -eu", "root=$1"]
    for path in HELD_BACK:
        lines_ += [f'chroot "$root" dpkg-divert --quiet --local --rename --add {path}',
                   f'mkdir -p "$root{os.path.dirname(path)}"',
                   f'echo "#!/bin/sh" >"$root{path}"',
                   f'chmod 755 "$root{path}"']
    return "\n".join(lines_) + "\n"


def _let_go():
    """Takes them away again, and does each step once."""
    lines_ = ["set -eu", "root=$1", 'mkdir -p /image/debs',
              'find "$root/var/cache/apt/archives" -name "*.deb" -exec cp -n {} /image/debs/ \\;']
    for path, once in HELD_BACK.items():
        lines_ += [f'rm "$root{path}"',
                   f'chroot "$root" dpkg-divert --quiet --local --rename --remove {path}']
    lines_ += [f'chroot "$root" {once}' for once in HELD_BACK.values() if once]
    lines_ += ['rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*',
               'mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial"']
    return "\n".join(lines_) + "\n"


def _own_programs():
    """The builder's programs, with the libraries they need, which lie in folders of their own kind
    (Debian's multiarch) and disturb nobody."""
    return f"""set -eu
root=$1
own() {{ mkdir -p "$root${{1%/*}}" && cp -L "$1" "$root$1"; }}
mkdir -p "$root/usr/lib64"
ln -s usr/lib64 "$root/lib64"
for name in {" ".join(BUSY)}; do
    file=/usr/bin/$name
    [ -f "$root$file" ] && [ ! -L "$root$file" ] && [ -f "$file" ] && [ ! -L "$file" ] || continue
    mv "$root$file" "$root$file.board"
    cp "$file" "$root$file"
    ldd "$file" | grep -o '/[^ ]*' | while read -r library; do own "$library"; done
done
cp -a /usr/lib/x86_64-linux-gnu/perl-base "$root/usr/lib/x86_64-linux-gnu/"
"""


def _board_programs():
    return """set -eu
root=$1
for file in "$root"/usr/bin/*.board; do
    mv "$file" "${file%.board}"
done
rm -rf "$root/lib64" "$root/usr/lib64" "$root/usr/lib/x86_64-linux-gnu"
chroot "$root" update-initramfs -c -k all
"""


def place(root, path, mode, text):
    """Writes a file below `root`, and the folders above it."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    target.write_text(text)
    target.chmod(int(mode, 8))


def forget_old(folder, pattern, newest):
    """Removes older results of a stage."""
    old = sorted((p for p in folder.glob(pattern) if p != newest),
                 key=lambda p: p.stat().st_mtime, reverse=True)
    for path in old[KEPT:]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
