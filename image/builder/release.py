"""What goes out beside the card: compressed image, block map, checksums, list of parts, and the
entry for Raspberry Pi's card writer."""

import hashlib
import json
import time
import tomllib
import uuid

from recipe import ROOT, Fault

# Raspberry Pi Imager's names of the boards that a kernel serves.
DEVICES = {"debian": ["pi3-64bit", "pi4-64bit"], "rpi": ["pi3-64bit", "pi4-64bit", "pi5-64bit"]}

MEGABYTE = 1_000_000


def make(recipe, chroot, log):
    """Fills the folder `card` below the builder's output; returns what was made."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    suffix = {"xz": "xz", "zstd": "zst"}[recipe.variables["compress"]]
    name = f"snug-{version}-{recipe.variables['kernel']}-arm64.img"
    folder = chroot.output / "card"
    chroot.shell(_script(name, suffix), log)
    raw, packed = folder / name, folder / f"{name}.{suffix}"
    _write_parts(recipe, chroot, folder / f"{name}.cdx.json", version, log)
    _write_imager(recipe, chroot, raw, packed, version)
    _write_checksums(folder)
    size = packed.stat().st_size
    limit = recipe.variables["compressed_mb_max"]
    if size > limit * MEGABYTE:
        raise Fault(f"the compressed card has {size / MEGABYTE:.0f} MB; at most {limit} are allowed")
    return raw, packed


def _script(name, suffix):
    pack = {"xz": "xz -T1 -6", "zst": "zstd -q -10"}[suffix]
    return f"""
rm -rf /image/card && mkdir /image/card && cd /image/card
mv /image/card.img {name}
bmaptool create -o {name}.bmap {name} 2>/dev/null
{pack} -k -c {name} >{name}.{suffix}
"""


def _write_parts(recipe, chroot, path, version, log):
    """CycloneDX 1.6: every Debian package and every crate that is on the card."""
    fields = "${Package}\\t${Version}\\t${Architecture}\\n"
    listed = chroot.run(["dpkg-query", "--root=/image/root", "--show",
                         f"--showformat={fields}"], log, wanted=True)
    parts = []
    for line in listed.splitlines():
        name, number, architecture = line.split("\t")
        if name != "snug":
            parts.append({"type": "library", "name": name, "version": number,
                          "purl": f"pkg:deb/debian/{name}@{number}?arch={architecture}"})
    for crate in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]:
        if "source" in crate:
            part = {"type": "library", "name": crate["name"], "version": crate["version"],
                    "purl": f"pkg:cargo/{crate['name']}@{crate['version']}"}
            if "checksum" in crate:
                part["hashes"] = [{"alg": "SHA-256", "content": crate["checksum"]}]
            parts.append(part)
    parts.sort(key=lambda part: part["purl"])
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(parts))
    path.write_text(json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": f"urn:uuid:{serial}",
        "metadata": {"timestamp": _day(chroot.epoch, "%Y-%m-%dT%H:%M:%SZ"),
                     "component": {"type": "operating-system", "name": "snug-card",
                                   "version": version}},
        "components": parts}, indent=1) + "\n")


def _write_imager(recipe, chroot, raw, packed, version):
    """An entry of the list that Raspberry Pi Imager reads; `url` is relative to where it lies."""
    entry = {
        "name": f"Snug {version}",
        "description": "A private messaging server for a home",
        "icon": "icon.png",
        "url": packed.name,
        "extract_size": raw.stat().st_size, "extract_sha256": sha256(raw),
        "image_download_size": packed.stat().st_size, "image_download_sha256": sha256(packed),
        "release_date": _day(chroot.epoch, "%Y-%m-%d"),
        "devices": DEVICES[recipe.variables["kernel"]],
        "init_format": "rpi-preseed",
    }
    path = raw.parent / "rpi-imager.json"
    path.write_text(json.dumps({"os_list": [entry]}, indent=1) + "\n")


def _write_checksums(folder):
    names = sorted(p.name for p in folder.iterdir() if p.is_file())
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(folder / n)}  {n}\n" for n in names))


def sha256(path):
    """Of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _day(epoch, form):
    return time.strftime(form, time.gmtime(epoch))
