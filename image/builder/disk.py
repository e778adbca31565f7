"""From root.tar and the boot files to one file that is the whole card. No loop device is used.

Three partitions behind an MBR, which every board starts from: boot (FAT32), root (ext4), data
(ext4). The data partition is the last, so that it can grow to the end of the card.
"""

import uuid

# Partitions begin at multiples of this; cards erase in blocks of it.
ALIGN_MB = 4
SPACE = uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")


def make(recipe, chroot, log):
    """Writes /image/card.img."""
    sizes = [recipe.variables[f"{name}_mb"] for name in ("boot", "root", "data")]
    identity = uuid.uuid5(SPACE, f"snug {chroot.epoch} {sizes}")
    chroot.shell(_script(sizes, identity), log)
    return chroot.output / "card.img"


def _script(sizes, identity):
    boot_mb, root_mb, data_mb = sizes
    starts = [ALIGN_MB, ALIGN_MB + boot_mb, ALIGN_MB + boot_mb + root_mb]
    label = identity.hex[:8]
    root_id, data_id = (str(uuid.uuid5(identity, name)) for name in ("root", "data"))
    # The fake time stands for all that the file systems write of themselves.
    return f"""
cd /image
export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH MTOOLS_SKIP_CHECK=1
rm -f boot.img root.img data.img card.img
truncate -s {boot_mb}M boot.img
mkfs.vfat --invariant -F 32 -i {label} -n SNUG-BOOT boot.img >/dev/null
find boot -exec touch -h -d @$SOURCE_DATE_EPOCH {{}} +
(cd boot && find . -mindepth 1 -maxdepth 1 | LC_ALL=C sort) | while read -r name; do
    mcopy -s -m -i boot.img "boot/$name" ::
done
mke2fs -q -t ext4 -L snug-root -U {root_id} -E hash_seed={root_id},lazy_itable_init=0 \\
    -O ^metadata_csum_seed -m 1 -d root.tar root.img {root_mb}M
mkdir -p data.dir/snug data.dir/snug-admin
tar --sort=name --owner=0 --group=0 --mtime=@$SOURCE_DATE_EPOCH -C data.dir -cf data.tar .
mke2fs -q -t ext4 -L snug-data -U {data_id} -E hash_seed={data_id},lazy_itable_init=0 \\
    -O ^metadata_csum_seed -m 1 -d data.tar data.img {data_mb}M
truncate -s {starts[2] + data_mb}M card.img
sfdisk --quiet card.img <<'TABLE'
label: dos
label-id: 0x{label}
start={starts[0]}MiB, size={boot_mb}MiB, type=c, bootable
start={starts[1]}MiB, size={root_mb}MiB, type=83
start={starts[2]}MiB, size={data_mb}MiB, type=83
TABLE
dd if=boot.img of=card.img bs=1M oseek={starts[0]} conv=notrunc,sparse status=none
dd if=root.img of=card.img bs=1M oseek={starts[1]} conv=notrunc,sparse status=none
dd if=data.img of=card.img bs=1M oseek={starts[2]} conv=notrunc,sparse status=none
rm -rf boot.img root.img data.img data.tar data.dir
"""
