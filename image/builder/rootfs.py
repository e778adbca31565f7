"""From Debian's packages to the card's root: the layers' files, switches and scripts, and Snug."""

import shutil

from stages import place

# Left behind by the build, or to be made on the device.
FORGOTTEN = ["/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/resolv.conf", "/var/log/*",
             "/var/cache/apt/*.bin", "/var/cache/debconf/*-old", "/var/lib/dpkg/*-old",
             "/var/cache/ldconfig/aux-cache", "/etc/ssh/ssh_host_*", "/etc/*-", "/tmp/*",
             "/etc/apt/sources.list", "/etc/apt/apt.conf.d/99mmdebstrap",
             "/etc/dpkg/dpkg.cfg.d/99mmdebstrap",
             "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"]


def make(recipe, chroot, packages, deb, log):
    """Makes root.tar and the folder boot below the builder's output."""
    root = chroot.output / "root"
    _place_files(recipe, chroot.output / "layers")
    shutil.copyfile(deb, chroot.output / "snug.deb")
    chroot.shell(_script(recipe, packages.name), log)
    return root


def _place_files(recipe, folder):
    """The layers' files, one tree for each layer."""
    shutil.rmtree(folder, ignore_errors=True)
    for layer in recipe.layers:
        (folder / layer.name).mkdir(parents=True)
        for path, (mode, text) in layer.files.items():
            place(folder / layer.name, path, mode, text)
        for path, (mode, source) in layer.copies.items():
            place(folder / layer.name, path, mode, source.read_text())


def _script(recipe, packages):
    """All that is done inside the builder, as one script."""
    lines = ["root=/image/root", "rm -rf $root /image/boot", "mkdir -m 755 $root",
             f"tar -C $root -xpf /image/{packages} --numeric-owner",
             "mount --bind $root $root",
             "mount -t proc proc $root/proc", "mount --rbind /dev $root/dev",
             "mount -t tmpfs tmpfs $root/run"]
    for layer in recipe.layers:
        lines.append(f"# {layer.name}")
        if layer.own_package:
            lines += ["cp /image/snug.deb $root/run/", "chroot $root dpkg -i /run/snug.deb"]
        lines.append(f"cp -r --no-preserve=ownership,timestamps /image/layers/{layer.name}/. $root/")
        if layer.late:
            lines.append(f"chroot $root sh -eu <<'LATE'\n{layer.late}LATE")
        for verb in ("disable", "enable", "mask"):
            units = getattr(layer, verb)
            if units:
                lines.append(f"systemctl --quiet --root=$root {verb} {' '.join(units)}")
    lines += ["umount $root/run", "umount -R -l $root/dev", "umount $root/proc",
              *(f"rm -rf $root{path}" for path in FORGOTTEN),
              ": >$root/etc/machine-id",
              "ln -sf ../run/systemd/resolve/stub-resolv.conf $root/etc/resolv.conf",
              "mv $root/boot/firmware /image/boot", "mkdir $root/boot/firmware",
              _pack("/image/root", "/image/root.tar")]
    return "\n".join(lines) + "\n"


def _pack(folder, tar):
    """A tar whose bytes depend on nothing but the files."""
    return (f"tar -C {folder} --sort=name --numeric-owner --format=posix --xattrs "
            "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime "
            f"--mtime=@$SOURCE_DATE_EPOCH --clamp-mtime -cf {tar} .")
