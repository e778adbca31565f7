"""Our programs for the board, and the Debian package that holds them."""

import os
import subprocess
from pathlib import Path

from recipe import ROOT, Fault

TARGET = "aarch64-unknown-linux-gnu"
NAMES = ["snugd", "snug-admin", "snug", "snug-first-boot"]
PACKAGES = ["snug-server", "snug-admin", "snug-cli", "snug-first-boot"]


def cross_build(recipe, chroot, log):
    """Compiles; the folder with the programs. Cargo itself knows what is new."""
    # The crates are fetched by this machine's cargo, which knows how to reach its registry.
    _said(["cargo", "fetch", "--locked"], log)
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    build = ["cargo", "build", "--release", "--locked", "--offline", "--target", TARGET]
    build += [word for package in PACKAGES for word in ("-p", package)]
    if recipe.variables["toolchain"] == "host":
        folder = chroot.output / "programs-host"
        _said(build, log, CARGO_TARGET_DIR=str(folder), **_environment(), **_without_paths(home))
    else:
        # Always the same folders, so that no path of a machine is in the programs.
        folder = chroot.output / "programs"
        chroot.shell(f"cd /snug && exec {' '.join(build)}", log,
                     binds=[(home / "registry", "/cargo/registry")],
                     extra={"CARGO_HOME": "/cargo", "CARGO_TARGET_DIR": "/image/programs",
                            **_environment()})
    return folder / TARGET / "release"


def _environment():
    """Compilers. The programs hold no time of their own: what did not change stays the same."""
    name = TARGET.replace("-", "_")
    return {f"CARGO_TARGET_{name.upper()}_LINKER": "aarch64-linux-gnu-gcc",
            f"CC_{name}": "aarch64-linux-gnu-gcc", "SOURCE_DATE_EPOCH": "0"}


def _without_paths(home):
    """Compilers are told to leave out where things lie on this machine."""
    name = TARGET.replace("-", "_")
    old = [f"{ROOT}/", f"{home}/registry/src/"]
    return {f"CARGO_TARGET_{name.upper()}_RUSTFLAGS":
            " ".join(f"--remap-path-prefix={path}=" for path in old),
            f"CFLAGS_{name}": " ".join(f"-ffile-prefix-map={path}=" for path in old)}


def _said(command, log, **environment):
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, text=True,
                          capture_output=True, check=False)
    with open(log, "a", encoding="utf-8") as file:
        file.write(done.stdout + done.stderr)
    if done.returncode != 0:
        raise Fault(f"{' '.join(command[:2])} failed:\n{done.stderr[-1500:]}")


def deb(chroot, programs, log):
    """The Debian package for the board: a path."""
    folder = chroot.output / "package"
    inside = f"/image/{programs.relative_to(chroot.output)}"
    chroot.shell(f"rm -rf /image/package && mkdir /image/package && "
                 f"sh /snug/packaging/build-deb.sh arm64 {inside} /image/package", log)
    return next(folder.glob("snug_*_arm64.deb"))
