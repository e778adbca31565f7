"""The surroundings of a client: a home folder, the names it can look up, the authorities that the
machine trusts, and for programs that refuse to run as root another user.

The files that say so, /etc/hosts, /etc/resolv.conf and /etc/ssl/certs, are covered for this one
process by others (mounts in a name space of its own); nothing of the machine is changed. So each
client verifies the home's certificate in its own way, as on a computer on which a person installed
the certificate of the home's authority. There is no name server: what is not in the file of hosts
does not exist.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

NOBODY = 65534
COVERED = {"certs": "/etc/ssl/certs", "hosts": "/etc/hosts", "resolv.conf": "/etc/resolv.conf"}
# Nobody answers here.
NO_NAME_SERVER = "nameserver 127.0.0.254\noptions timeout:1 attempts:1\n"


class Enclosure:
    """One home folder and what is covered around it."""

    def __init__(self, kept, domain, address, authority, refuses_root=False):
        """`domain` leads to `address`; the PEM file `authority` is the only one trusted. `kept`
        is where the folder goes when the enclosure is given up."""
        self.kept = Path(kept)
        self.other_user = refuses_root and os.geteuid() == 0
        # Not below the checkout, which the other user might not be allowed to enter; and short,
        # because the path of a unix socket may have 100 bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix="snug-c-"))
        self.home = self.folder / "home"
        certs = self.folder / "certs"
        for made in (self.home, certs, self.folder / "run"):
            made.mkdir(mode=0o700)
        certs.chmod(0o755)
        self.folder.chmod(0o755)
        shutil.copy(authority, certs / "home.pem")
        shutil.copy(authority, certs / "ca-certificates.crt")
        subprocess.run(["openssl", "rehash", certs], check=True, capture_output=True)
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost\n{address} {domain}\n")
        (self.folder / "resolv.conf").write_text(NO_NAME_SERVER)

    def environment(self, **more):
        """The environment of the client's programs."""
        home = str(self.home)
        return {
            "PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "USER": "nobody",
            "XDG_RUNTIME_DIR": str(self.folder / "run"), "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_DATA_HOME": f"{home}/.local/share", "XDG_CACHE_HOME": f"{home}/.cache", **more}

    def settle(self):
        """Gives the files to the client's user. To be called once they are all there."""
        if self.other_user:
            for path in (self.folder / "run", self.home, *self.home.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def command(self, *words):
        """The command that runs `words` inside."""
        covers = [f'mount --bind "{self.folder / name}" "$(realpath {path})"'
                  for name, path in COVERED.items() if os.path.exists(path)]
        own_user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
        become = ""
        if self.other_user:
            become = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "
        script = "; ".join([*covers, f'cd "{self.home}"', f'exec {become}"$@"'])
        return ["unshare", "--mount", *own_user, "sh", "-ec", script, "sh",
                *(str(word) for word in words)]

    def give_up(self):
        """Keeps the home folder beside the other output and removes the rest."""
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.home, self.kept, symlinks=True, ignore_dangling_symlinks=True,
                        ignore=_only_plain_files)
        shutil.rmtree(self.folder, ignore_errors=True)


def _only_plain_files(folder, names):
    """Sockets and pipes cannot be copied."""
    paths = ((name, Path(folder) / name) for name in names)
    return [name for name, path in paths
            if not (path.is_symlink() or path.is_file() or path.is_dir())]
