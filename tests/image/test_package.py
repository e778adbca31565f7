"""The Debian package: installed, looked at, removed and purged in a small Debian of its own."""

import os
import subprocess
from pathlib import Path

import pytest

import sources

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("SNUG_PROGRAMS", ROOT / "target" / "debug"))
DATA = ["var/lib/snug/store.sqlite", "var/lib/snug-admin/key.pem"]

ENVIRONMENT = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "DEB_COMPRESSION": "none"}

INSTALLED = [
    "usr/bin/snug", "usr/bin/snugd", "usr/bin/snug-admin", "usr/lib/snug/first-boot",
    "usr/lib/systemd/system/snugd.service", "usr/lib/systemd/system/snug-admin.service",
    "usr/lib/systemd/system/snug-admin.socket", "usr/lib/sysusers.d/snug.conf",
    "usr/lib/tmpfiles.d/snug.conf", "etc/snug/snug.toml", "usr/share/doc/snug/copyright",
    "etc/systemd/system/multi-user.target.wants/snugd.service",
    "etc/systemd/system/sockets.target.wants/snug-admin.socket",
]


def run(*words, **more):
    """Runs a command; what it says is shown when it fails."""
    done = subprocess.run([str(w) for w in words], text=True, capture_output=True, check=False,
                          **more)
    assert done.returncode == 0, f"{words}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package of the programs that were built for the tests."""
    folder = tmp_path_factory.mktemp("package")
    architecture = run("dpkg", "--print-architecture").strip()
    run("sh", ROOT / "packaging" / "build-deb.sh", architecture, PROGRAMS, folder,
        env=ENVIRONMENT)
    (deb,) = folder.glob(f"snug_*_{architecture}.deb")
    return deb


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """The root of a small Debian, the same release as this machine's."""
    root = tmp_path_factory.mktemp("debian") / "root"
    release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    mirror, _ = sources.mirrors({"mirror": "", "security_mirror": ""})
    run("mmdebstrap", "--variant=apt", "--include=systemd,init-system-helpers",
        release["VERSION_CODENAME"], root, mirror)
    yield root


def inside(root, *words, **environment):
    """Runs a command in that Debian."""
    return run("chroot", root, "env", *(f"{k}={v}" for k, v in environment.items()), *words)


def test_the_same_programs_give_the_same_package(package, tmp_path):
    """Byte for byte."""
    architecture = package.stem.rsplit("_", 1)[1]
    run("sh", ROOT / "packaging" / "build-deb.sh", architecture, PROGRAMS, tmp_path,
        env=ENVIRONMENT)
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()


def test_it_comes_and_goes(package, debian):
    """Users, units and settings come; data stay until somebody asks for their end."""
    (debian / "tmp" / "snug.deb").write_bytes(package.read_bytes())
    inside(debian, "dpkg", "--install", "/tmp/snug.deb")
    for path in INSTALLED:
        assert os.path.lexists(debian / path), path
    users = (debian / "etc" / "passwd").read_text()
    assert "\nsnug:" in users and "\nsnug-admin:" in users
    assert "etc/snug/snug.toml" in inside(
        debian, "dpkg-query", "--show", "--showformat=${Conffiles}", "snug")
    assert inside(debian, "snug", "--version").startswith("snug ")
    inside(debian, "snug", "config", "check")
    for path in DATA:
        (debian / path).parent.mkdir(exist_ok=True)
        (debian / path).write_text("of the family")

    inside(debian, "dpkg", "--remove", "snug")
    gone = [p for p in INSTALLED if p.startswith("usr/") and os.path.lexists(debian / p)]
    assert not gone, gone
    assert (debian / "etc/snug/snug.toml").exists(), "settings stay until purge"

    said = inside(debian, "dpkg", "--purge", "snug")
    assert "accounts, messages and keys stay" in said, said
    assert not (debian / "etc/snug/snug.toml").exists()
    assert all((debian / path).exists() for path in DATA)

    inside(debian, "dpkg", "--install", "/tmp/snug.deb")
    inside(debian, "dpkg", "--purge", "snug", SNUG_PURGE_DATA="yes")
    assert not any((debian / path).exists() for path in DATA)
    wanted = (debian / "etc/systemd/system/multi-user.target.wants")
    assert not list(wanted.glob("snug*")), "no unit stays switched on"
