"""A certificate is renewed, and changed for another, while 50 clients are connected: none is dropped,
and whoever comes next sees the new one."""

import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients.wire import Wire, trusting
from home import ADMIN, DOMAIN
from waiting import until

CLIENTS = 50
PEOPLE = ["bob", "cid", "dan", "eve"]


def openssl(*words):
    """Runs openssl."""
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)


class Authority:
    """Somebody who signs certificates for the home."""

    def __init__(self, folder):
        self.folder, self.issued = folder, 0
        folder.mkdir()
        self.key, self.certificate = folder / "ca.key", folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.certificate, "-subj", "/CN=Somebody", "-days", 30,
                "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, key_kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), key=None):
        """A new certificate, with a new key unless one is given: paths of both."""
        self.issued += 1
        leaf = self.folder / f"leaf{self.issued}"
        request = leaf.with_suffix(".csr")
        if key is None:
            key = leaf.with_suffix(".key")
            openssl("req", "-newkey", *key_kind, "-nodes", "-keyout", key, "-out", request,
                    "-subj", f"/CN={DOMAIN}")
        else:
            openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={DOMAIN}")
        names = leaf.with_suffix(".ext")
        names.write_text(f"subjectAltName=DNS:{DOMAIN}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                "-set_serial", self.issued, "-days", 20, "-extfile", names, "-out",
                leaf.with_suffix(".pem"))
        return leaf.with_suffix(".pem"), key


@pytest.fixture(scope="module")
def stage(make_home, output):
    """A home whose certificate comes from files, and who signs it."""
    home = make_home(sessions=20)
    home.start_daemon().set_up()
    home.add(*PEOPLE)
    home.stop_daemon()
    authority = Authority(home.folder / "authority")
    install(home, *authority.issue())
    with open(home.config, "a") as config:
        config.write(f'[tls]\nmode = "files"\ncertificate = "{home.folder}/certificate.pem"\n'
                     f'key = "{home.folder}/key.pem"\n')
    home.authority = authority.certificate
    home.start_daemon()
    return home, authority


def install(home, certificate, key):
    """Puts files in the place that the settings name."""
    shutil.copy(key, home.folder / "key.pem")
    shutil.copy(certificate, home.folder / "certificate.pem")


def serial(home, direct):
    """Serial number of the certificate that a new client sees, which it verifies."""
    with Wire(home, direct=direct, context=trusting(home.authority)) as wire:
        if not direct:
            wire.open()
            wire.starttls()
        return int(wire.sock.getpeercert()["serialNumber"], 16)


def test_a_change_under_50_clients_drops_none(stage):
    """Renewal with the same key, a new key, another kind of key; by the command and by a signal."""
    home, authority = stage
    names = [ADMIN, *PEOPLE]
    clients = []
    try:
        with ThreadPoolExecutor(10) as pool:
            clients.extend(pool.map(lambda n: logged_in(home, names[n % 5], n), range(CLIENTS)))
        before = home.call("daemon-status")
        assert before["sessions"] == CLIENTS
        assert serial(home, True) == serial(home, False) == 1
        same_key = home.folder / "authority" / "leaf1.key"
        kinds = [{"key": same_key}, {}, {"key_kind": ("rsa:2048",)}]
        for count, kind in enumerate(kinds, start=2):
            install(home, *authority.issue(**kind))
            if count == 3:
                home.daemon.send_signal(signal.SIGHUP)
                until("the daemon to look", lambda count=count: serial(home, True) == count, 60)
            else:
                home.snug("tls", "reload")
            assert serial(home, True) == serial(home, False) == count
            talk(clients)
        # A key that is not the certificate's changes nothing, and is told.
        install(home, authority.issue()[0], same_key)
        assert home.snug("tls", "reload", check=False).returncode != 0
        assert serial(home, True) == 4
        talk(clients)
        after = home.call("daemon-status")
        assert after["sessions"] == CLIENTS and after["started"] == before["started"]
    finally:
        for client in clients:
            client.close()


def logged_in(home, name, n):
    """A client, half of them on each port."""
    wire = Wire(home, direct=n % 2 == 0, context=trusting(home.authority), seconds=60)
    wire.login(name, home.passwords[name], f"client{n}")
    return wire


def talk(clients):
    """Everybody is there and answers, over the connection that they have."""
    for client in clients:
        client.ping()
    for n, client in enumerate(clients):
        other = clients[(n + 1) % len(clients)]
        client.message(other.jid, f"word {n}")
        assert other.await_message(f"word {n}") is not None
