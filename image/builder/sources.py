"""Where Debian's packages come from: this machine's own sources, unless the person says another.

The mirror only serves; what it serves is checked against Debian's keys. The card itself gets
Debian's own addresses (layer "updates").
"""

import shutil
import subprocess

DEBIAN = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirrors(variables):
    """(Debian's mirror, that of its security updates)."""
    own = _of_this_machine()
    return (variables["mirror"] or own.get("Debian", DEBIAN),
            variables["security_mirror"] or own.get("Debian-Security", SECURITY))


def _of_this_machine():
    """Label of an archive to its address, as apt knows them."""
    if shutil.which("apt-get") is None:
        return {}
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL) $(ORIGIN) $(REPO_URI)",
         "Created-By: Packages"], capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        label, origin, uri = (line.split() + ["", "", ""])[:3]
        if origin == "Debian" and uri.startswith(("http://", "https://")):
            found.setdefault(label, uri.rstrip("/"))
    return found


def lines(variables, components=(), backports=False):
    """Sources as apt and mmdebstrap read them."""
    suite = variables["suite"]
    main, security = mirrors(variables)
    parts = " ".join(["main", *sorted(set(components))])
    suites = [(main, suite), (main, f"{suite}-updates"), (security, f"{suite}-security")]
    if backports:
        suites.append((main, f"{suite}-backports"))
    return [f"deb [signed-by={KEYRING}] {uri} {name} {parts}" for uri, name in suites]
