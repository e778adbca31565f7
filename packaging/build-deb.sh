#!/bin/sh
# build-deb.sh ARCHITECTURE PROGRAMS FOLDER    puts the built programs below PROGRAMS into the Debian
# package FOLDER/snug_VERSION_ARCHITECTURE.deb, with units, users and settings. Needs dpkg-deb alone.
# The same programs give the same package: its times are SOURCE_DATE_EPOCH (without: now). What is
# not for others to download may be packed faster (DEB_COMPRESSION=none).
set -eu

ARCHITECTURE=$1
PROGRAMS=$2
FOLDER=$3
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
TREE=$(dirname "$HERE")
VERSION=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$TREE/Cargo.toml")
: "${SOURCE_DATE_EPOCH:=$(date +%s)}"
export SOURCE_DATE_EPOCH

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"

put() { install -D -m "$1" "$2" "$stage/$3"; }

for program in snugd snug-admin snug; do
    put 755 "$PROGRAMS/$program" "usr/bin/$program"
done
# Runs on the card only; units of the card start it.
put 755 "$PROGRAMS/snug-first-boot" usr/lib/snug/first-boot
for kind in path service socket timer; do
    for unit in "$TREE"/systemd/*."$kind"; do
        [ ! -e "$unit" ] || put 644 "$unit" "usr/lib/systemd/system/${unit##*/}"
    done
done
put 644 "$TREE/systemd/snug.sysusers" usr/lib/sysusers.d/snug.conf
put 644 "$TREE/systemd/snug.tmpfiles" usr/lib/tmpfiles.d/snug.conf
put 644 "$TREE/docs/snug.example.toml" etc/snug/snug.toml
put 644 "$HERE/debian/copyright" usr/share/doc/snug/copyright

for script in postinst prerm postrm; do
    put 755 "$HERE/debian/$script" "DEBIAN/$script"
done
echo /etc/snug/snug.toml >"$stage/DEBIAN/conffiles"
size=$(du -k -s --exclude=DEBIAN "$stage" | cut -f 1)
sed -e "s/@VERSION@/$VERSION/" -e "s/@ARCHITECTURE@/$ARCHITECTURE/" -e "s/@SIZE@/$size/" \
    "$HERE/debian/control" >"$stage/DEBIAN/control"
(cd "$stage" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs md5sum) \
    >"$stage/DEBIAN/md5sums"
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$FOLDER"
dpkg-deb --root-owner-group "-Z${DEB_COMPRESSION:-xz}" --build "$stage" "$FOLDER/snug_${VERSION}_$ARCHITECTURE.deb" >/dev/null
