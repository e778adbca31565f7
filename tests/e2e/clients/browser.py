"""Debian's Chromium, headless, driven by Playwright; axe-core judges what it shows.

The browser trusts the home's authority once it is given its certificate, as a person would
install it; before that it may be told to go on in spite of the warning.
"""

import contextlib
import re
import subprocess
from importlib import resources
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
DESK, PHONE = {"width": 1200, "height": 850}, {"width": 360, "height": 740}
WAIT_MS = 20_000


class Browser:
    """One browser with a home folder of its own."""

    def __init__(self, folder):
        """Starts it."""
        self.folder = folder
        self.store = folder / ".pki" / "nssdb"
        self.store.mkdir(parents=True)
        self._certutil("-N", "--empty-password")
        self.axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
        self.driver = sync_playwright().start()
        self.chromium = None
        self.start()

    def _certutil(self, *words):
        subprocess.run(["certutil", "-d", f"sql:{self.store}", *words], check=True,
                       capture_output=True)

    def start(self):
        """Starts the program; it reads the authorities it trusts now."""
        self.chromium = self.driver.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, env={"HOME": str(self.folder)})

    def trust(self, certificate):
        """Makes an authority known, as a person does with the downloaded file."""
        self.chromium.close()
        self._certutil("-A", "-n", "home", "-t", "C,,", "-i", str(certificate))
        self.start()

    def stop(self):
        """Ends it."""
        self.chromium.close()
        self.driver.stop()

    @contextlib.contextmanager
    def visit(self, base, script=True, dark=False, phone=False, trusting=True, cookies=()):
        """A person's window on `base`: with these cookies only; yields a `Window`."""
        context = self.chromium.new_context(
            base_url=base, java_script_enabled=script, viewport=PHONE if phone else DESK,
            color_scheme="dark" if dark else "light", ignore_https_errors=not trusting,
            reduced_motion="reduce")
        context.set_default_timeout(WAIT_MS)
        context.add_cookies(list(cookies))
        window = Window(self, context, base)
        try:
            yield window
        finally:
            window.assert_at_home()
            context.close()


class Window:
    """One page, and what it asked the network for."""

    def __init__(self, browser, context, base):
        """Opens it and listens."""
        self.browser, self.base, self.asked, self.complaints = browser, base, [], []
        self.page = context.new_page()
        context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", self._complaint)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complaint(self, message):
        # The status of an answer is each test's own business.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def assert_at_home(self):
        """No request to anybody else, no script error, no violated policy."""
        host = urlsplit(self.base).netloc
        strangers = [url for url in self.asked
                     if urlsplit(url).netloc != host and not url.startswith("data:")]
        assert not strangers, f"requests to others: {strangers}"
        assert not self.complaints, self.complaints

    def go(self, path):
        """Opens a path; returns the answer's status."""
        answer = self.page.goto(path)
        return answer.status

    def field(self, caption):
        """The field that a caption names, as a person finds it."""
        return self.page.get_by_label(caption, exact=True)

    def press(self, words, within=None):
        """Presses the button or follows the link that says `words`."""
        place = within or self.page
        target = place.get_by_role("button", name=words, exact=True).or_(
            place.get_by_role("link", name=words, exact=True))
        target.first.click()
        self.page.wait_for_load_state()

    def says(self, words):
        """Waits until the page shows `words`."""
        self.page.get_by_text(words).first.wait_for()

    def title(self):
        """The main heading."""
        return self.page.get_by_role("heading", level=1).inner_text()

    def picture(self, path):
        """Keeps a picture of the whole page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path), full_page=True)

    def assert_accessible(self):
        """axe-core finds no violation on this page."""
        result = self.page.evaluate(
            self.browser.axe + "\n; axe.run(document, {resultTypes: ['violations']})")
        found = [f"{v['id']}: {v['help']} ({n['target']})"
                 for v in result["violations"] for n in v["nodes"]]
        assert not found, f"{self.page.url}:\n" + "\n".join(found)

    def assert_fits(self):
        """Nothing sticks out to the right."""
        wide, window = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= window, f"{self.page.url} is {wide} px wide in a window of {window}"

    def cookies(self):
        """What the browser keeps."""
        return self.page.context.cookies()


def visible_text(page):
    """What a person reads, blanks folded."""
    return re.sub(r"\s+", " ", page.locator("body").inner_text())
