// A client of @xmpp/client that comes back: by password, then by its token alone, then after its
// socket was cut. Says in lines of JSON what happened, and ends.

import { writeSync } from "node:fs";
import { client, xml } from "@xmpp/client";

const [jid, password, host, port] = process.argv.slice(2);
const [username, domain] = jid.split("@");
const userAgent = xml("user-agent", { id: "d4565fa7-4d72-4749-b3d3-740edbf87770" }, [
  xml("software", {}, "@xmpp/client"),
  xml("device", {}, "a test"),
]);
let token = null;

function tell(event, more = {}) {
  writeSync(1, JSON.stringify({ event, ...more }) + "\n");
}

function fail(error) {
  tell("failed", { why: String(error) });
  process.exit(1);
}

function talker(secret) {
  const xmpp = client({
    service: `xmpp://${host}:${port}`, domain, resource: "talker",
    credentials: async (authenticate, mechanisms, fast) => {
      const credentials = { username, password: secret };
      if (fast && token) credentials.token = token;
      await authenticate(credentials, mechanisms[0], userAgent);
    },
  });
  xmpp.fast.saveToken = async (fresh) => {
    token = fresh;
    tell("token", { mechanism: fresh.mechanism, expiry: fresh.expiry });
  };
  xmpp.fast.deleteToken = async () => {
    // Also called where there was none.
    if (token) tell("token-deleted");
    token = null;
  };
  const sent = [];
  xmpp.on("send", (element) => sent.push(element));
  xmpp.on("error", (error) => tell("error", { why: String(error) }));
  xmpp.sentNames = () => sent.map((element) => element.attrs.mechanism ?? element.name);
  return xmpp;
}

async function online(xmpp, how) {
  const address = await xmpp.start();
  tell("online", { how, jid: String(address), sent: xmpp.sentNames() });
  return xmpp;
}

try {
  const first = await online(talker(password), "password");
  await first.stop();
  // Whoever gets in with this has no password.
  const second = await online(talker("not the password"), "token");
  const resumed = new Promise((resolve) => second.streamManagement.once("resumed", resolve));
  second.socket.socket.destroy();
  await resumed;
  tell("resumed", { jid: String(second.jid), sent: second.sentNames() });
  await second.stop();
  process.exit(0);
} catch (error) {
  fail(error);
}
