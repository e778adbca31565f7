"""The people: they set the home up in the panel's forms and talk with real clients.

Offers what the clients of tests/e2e expect of a home: addresses, passwords, the authority.
"""

import hashlib
import http.cookiejar
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request

DOMAIN = "snug.local"
PASSWORD = "correct horse battery"


class Family:
    """A home as its people see it from the network."""

    domain = DOMAIN
    port, direct_port = 5222, 5223

    def __init__(self, machine, output):
        """Nobody is there yet."""
        self.machine = machine
        self.authority = output / "ca.crt"
        self.host = None
        self.passwords = {"ann": PASSWORD}
        self.cookies = http.cookiejar.CookieJar()

    def jid(self, name):
        """The bare JID of a person."""
        return f"{name}@{DOMAIN}"

    # --- the panel

    def page(self, path, form=None, verify=True):
        """(status, text) of a page of the panel; a form is sent."""
        if verify:
            context = ssl.create_default_context(cafile=str(self.authority))
        else:
            context = ssl._create_unverified_context()
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(self.cookies))
        data = urllib.parse.urlencode(form).encode() if form else None
        url = path if path.startswith("https:") else f"https://{self.host}{path}"
        try:
            with opener.open(url, data, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def answers(self):
        """Does the panel's health page answer? Asked before anybody knows the authority."""
        try:
            return self.page("/health", verify=False)[0] in (200, 503)
        except OSError:
            return False

    def set_up(self, link):
        """Follows the link from the screen and fills the form in."""
        status, text = self.page(link, verify=False)
        assert status == 200 and 'name="domain"' in text, text[:2000]
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]
        status, text = self.page("/setup", {
            "code": code, "domain": DOMAIN, "name": "ann", "display_name": "Ann",
            "password": PASSWORD, "password_again": PASSWORD}, verify=False)
        assert status == 200, text[:2000]
        self.authority.write_text(self.page("/ca.crt", verify=False)[1])

    def fingerprint(self):
        """SHA-256 of the downloaded certificate, as hexadecimal digits."""
        der = ssl.PEM_cert_to_DER_cert(self.authority.read_text())
        return hashlib.sha256(der).hexdigest()

    def add(self, name):
        """Ann adds somebody in the panel."""
        status, text = self.page("/people/add")
        assert status == 200, text[:2000]
        token = re.search(r'name="form_token" value="([^"]+)"', text)[1]
        password = f"{name} and a long word"
        status, text = self.page("/people/add", {
            "form_token": token, "name": name, "display_name": name.title(),
            "password_choice": "own", "password": password, "password_again": password})
        assert status == 200, text[:2000]
        self.passwords[name] = password
