// A client written with @xmpp/client. Its authorities are in NODE_EXTRA_CA_CERTS. How it talks
// with the tests: see clients/agents/talk.py.

import { createInterface } from "node:readline";
import { writeSync } from "node:fs";
import { client, xml } from "@xmpp/client";

const [jid, password, host, port] = process.argv.slice(2);
const [username, domain] = jid.split("@");
const CARBONS = "urn:xmpp:carbons:2";
const FORWARD = "urn:xmpp:forward:0";
const BLOCKING = "urn:xmpp:blocking";

function tell(event, more = {}) {
  writeSync(1, JSON.stringify({ event, ...more }) + "\n");
}

const xmpp = client({
  service: `xmpp://${host}:${port}`, domain, username, password, resource: "xmpp-js",
});

xmpp.on("error", (error) => tell("error", { why: String(error) }));
xmpp.on("disconnect", () => tell("disconnected"));
xmpp.on("online", async () => {
  await xmpp.iqCaller.set(xml("enable", { xmlns: CARBONS }));
  await xmpp.send(xml("presence"));
  tell("online");
});
xmpp.streamManagement.on("resumed", () => tell("resumed"));

function saw(message, how) {
  const text = message?.getChildText("body");
  if (text) tell("message", { text, how });
}

xmpp.on("stanza", (stanza) => {
  if (!stanza.is("message")) return;
  const copy = stanza.getChild("received", CARBONS) ?? stanza.getChild("sent", CARBONS);
  if (copy) saw(copy.getChild("forwarded", FORWARD)?.getChild("message"), "carbon");
  else saw(stanza, "live");
});

async function carryOut(order) {
  if (order.do === "send") {
    await xmpp.send(
      xml("message", { type: "chat", to: order.to, id: crypto.randomUUID() },
        xml("body", {}, order.text)));
  } else if (order.do === "block") {
    await xmpp.iqCaller.set(
      xml("block", { xmlns: BLOCKING }, xml("item", { jid: order.jid })));
  }
}

async function quit() {
  await xmpp.stop().catch(() => {});
  process.exit(0);
}

const orders = createInterface({ input: process.stdin });
orders.on("line", async (line) => {
  const order = JSON.parse(line);
  if (order.do === "quit") return quit();
  try {
    await carryOut(order);
    tell("done");
  } catch (error) {
    tell("failed", { why: String(error) });
  }
});
orders.on("close", quit);

xmpp.start().catch((error) => tell("failed", { why: String(error) }));
