"""Pidgin with pidgin-otr under Xvfb: told what to do over D-Bus, looked at through pictures.

The certificate is verified by libpurple itself (scheme "x509, tls_cached"): no certificate is
remembered beforehand, and the folder of authorities that it reads, /etc/ssl/certs, is covered
for this one process by a folder that holds the given authority alone (a mount in a name space
of its own). /etc/hosts is covered likewise, so that the home's domain leads to the test server:
Pidgin wants a certificate for the name it connects to.
"""

import html
import os
import re
import shutil
import subprocess

from clients import otr_key
from clients.bus import Bus, Refused
from clients.display import Display
from waiting import until

RESOURCE = "desk"
# Where the button "Authorize" stands, measured from the lower right corner of the buddy list.
AUTHORISE_FROM_RIGHT = 38
AUTHORISE_FROM_FOOT = 64
IM = 1  # PURPLE_CONV_TYPE_IM
PLUGIN = "/usr/lib/pidgin/pidgin-otr.so"

PREFS = f"""<?xml version='1.0' encoding='UTF-8' ?>
<pref version='1' name='/'>
 <pref name='pidgin'>
  <pref name='plugins'><pref name='loaded' type='pathlist'><item value='{PLUGIN}'/></pref></pref>
  <pref name='blist'>
   <pref name='x' type='int' value='20'/><pref name='y' type='int' value='30'/>
   <pref name='width' type='int' value='320'/><pref name='height' type='int' value='500'/>
   <pref name='list_visible' type='bool' value='1'/>
   <pref name='show_offline_buddies' type='bool' value='1'/>
  </pref>
  <pref name='sound'><pref name='method' type='string' value='none'/></pref>
  <pref name='debug'><pref name='enabled' type='bool' value='0'/></pref>
 </pref>
 <pref name='purple'>
  <pref name='debug'><pref name='timestamps' type='bool' value='1'/></pref>
  <pref name='conversations'><pref name='im'>
   <pref name='send_typing' type='bool' value='0'/></pref></pref>
  <pref name='away'><pref name='idle_reporting' type='string' value='none'/></pref>
 </pref>
 <pref name='OTR'>
  <pref name='enabled' type='bool' value='1'/><pref name='automatic' type='bool' value='0'/>
  <pref name='onlyprivate' type='bool' value='0'/>
  <pref name='avoidloggingotr' type='bool' value='1'/>
 </pref>
</pref>
"""

ACCOUNT = """<?xml version='1.0' encoding='UTF-8' ?>
<account version='1.0'>
 <account>
  <protocol>prpl-jabber</protocol><name>{jid}/{resource}</name><password>{password}</password>
  <settings>
   <setting name='connection_security' type='string'>require_tls</setting>
   <setting name='connect_server' type='string'>{server}</setting>
   <setting name='port' type='int'>{port}</setting>
   <setting name='auth_plain_in_clear' type='bool'>0</setting>
  </settings>
  <settings ui='gtk-gaim'><setting name='auto-login' type='bool'>1</setting></settings>
 </account>
</account>
"""


class Pidgin:
    """One running Pidgin with its own bus and screen."""

    def __init__(self, folder, jid, password, host, port, authority):
        """Prepares the folder; `authority` is the only PEM file that this Pidgin will trust."""
        self.folder, self.jid, self.account_name = folder, jid, f"{jid}/{RESOURCE}"
        self.config = folder / "purple"
        self.trusted = folder / "trusted"
        for made in (self.config, self.trusted):
            made.mkdir(parents=True)
        shutil.copy(authority, self.trusted / "home.pem")
        domain = jid.partition("@")[2]
        self.hosts = folder / "hosts"
        self.hosts.write_text(f"127.0.0.1 localhost\n{host} {domain}\n")
        (self.config / "accounts.xml").write_text(ACCOUNT.format(
            jid=jid, resource=RESOURCE, password=html.escape(password), server=domain, port=port))
        (self.config / "prefs.xml").write_text(PREFS)
        (folder / ".gtkrc-2.0").write_text('gtk-font-name = "DejaVu Sans 10"\n')
        self.fingerprint = otr_key.make(self.config / "otr.private_key", self.account_name)
        self.log = folder / "debug.log"
        self.bus = self.display = self.program = None

    def start(self):
        """Starts bus, screen and program; it connects by itself."""
        self.bus = Bus(self.folder)
        self.display = Display(self.folder)
        environment = self.display.environment()
        environment.update(
            DBUS_SESSION_BUS_ADDRESS=self.bus.address, HOME=str(self.folder), LANG="C.UTF-8",
            GTK_MODULES="", NO_AT_BRIDGE="1",
        )
        own_user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
        cover = 'mount --bind "$1" /etc/ssl/certs; mount --bind "$2" /etc/hosts; shift 2; exec "$@"'
        with open(self.log, "wb") as log:
            self.program = subprocess.Popen(
                ["unshare", "--mount", *own_user, "sh", "-ec", cover, "sh", str(self.trusted),
                 str(self.hosts), "pidgin", "--multiple", "--debug", f"--config={self.config}"],
                env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )
        until("Pidgin on its bus", self._answers, 30)
        return self

    def _answers(self):
        assert self.program.poll() is None, f"Pidgin ended: {self.debug()[-2000:]}"
        try:
            return self.bus.purple("PurpleAccountsGetAll")
        except Refused:
            return None

    def debug(self):
        """Pidgin's own account of what it did."""
        return self.log.read_text(errors="replace")

    def account(self):
        """The number of the account."""
        return self.bus.purple("PurpleAccountsFindAny", "ss", self.account_name, "prpl-jabber")

    def is_connected(self):
        """Is the account logged in?"""
        return self.bus.purple("PurpleAccountIsConnected", "i", self.account()) == 1

    def wait_logged_in(self):
        """Waits until the log-in is through."""
        until("Pidgin to log in", lambda: self.is_connected() or (False, self.debug()[-3000:]), 30)

    def add_buddy(self, jid):
        """Puts `jid` on the list and asks for its presence, as the dialog does."""
        group = self.bus.purple("PurpleGroupNew", "s", "Family")
        buddy = self.bus.purple("PurpleBuddyNew", "iss", self.account(), jid, "")
        self.bus.purple("PurpleBlistAddBuddy", "iiii", buddy, 0, group, 0)
        self.bus.purple("PurpleAccountAddBuddy", "ii", self.account(), buddy)

    def authorise(self, jid):
        """Presses "Authorize" in the question that stands at the foot of the buddy list."""
        until("the question", lambda: f"from='{jid}" in self.debug()
              and "type='subscribe'" in self.debug())
        window = self.display.window("Buddy List")

        def press():
            _, place = self.display.tool("getwindowgeometry", window).split("Geometry: ")
            width, height = (int(n) for n in place.split()[0].split("x"))
            self.display.tool("mousemove", "--window", window,
                              str(width - AUTHORISE_FROM_RIGHT), str(height - AUTHORISE_FROM_FOOT),
                              "click", "1")
            return re.search(rf"Sending .*to='{re.escape(jid)}'.*type='subscribed'", self.debug())
        until("Pidgin to authorise", press, step=0.5)

    def buddy_online(self, jid):
        """Does the buddy list show `jid` as online?"""
        buddy = self.bus.purple("PurpleFindBuddy", "is", self.account(), jid)
        return buddy != 0 and self.bus.purple("PurpleBuddyIsOnline", "i", buddy) == 1

    def conversation(self, jid):
        """The window with `jid`, opened if need be."""
        found = self.bus.purple(
            "PurpleFindConversationWithAccount", "isi", IM, jid, self.account())
        return found or self.bus.purple("PurpleConversationNew", "iis", IM, self.account(), jid)

    def say(self, jid, text):
        """Sends `text` to `jid` as if typed."""
        im = self.bus.purple("PurpleConvIm", "i", self.conversation(jid))
        self.bus.purple("PurpleConvImSend", "is", im, html.escape(text, quote=False))

    def history(self, jid):
        """What stands in the window with `jid`, oldest first, without markup."""
        lines = []
        for message in self.bus.purple(
                "PurpleConversationGetMessageHistory", "i", self.conversation(jid)):
            text = self.bus.purple("PurpleConversationMessageGetMessage", "i", message)
            lines.append(html.unescape(re.sub(r"<[^>]*>", "", text)))
        return lines[::-1]

    def see(self, jid, pattern, seconds=30.0):
        """Waits until a line of the window with `jid` matches `pattern`; returns the line."""
        def look():
            lines = self.history(jid)
            for line in lines:
                if re.search(pattern, line):
                    return line
            return (False, "\n".join(lines))
        return until(f"{self.jid} to see /{pattern}/", look, seconds)

    def fingerprints(self):
        """The fingerprints Pidgin has learnt: buddy -> (40 hexadecimal digits, trust)."""
        path = self.config / "otr.fingerprints"
        if not path.exists():
            return {}
        rows = [line.rstrip("\n").split("\t") for line in path.read_text().splitlines()]
        return {row[0]: (row[3], row[4] if len(row) > 4 else "") for row in rows}

    def stop(self):
        """Ends program, screen and bus."""
        for part in (self.program, ):
            if part is not None and part.poll() is None:
                part.terminate()
                try:
                    part.wait(10)
                except subprocess.TimeoutExpired:
                    part.kill()
                    part.wait(10)
        if self.display is not None:
            self.display.stop()
        if self.bus is not None:
            self.bus.stop()
