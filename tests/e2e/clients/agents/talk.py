"""How an agent talks with the tests: one JSON object a line. Orders come on standard input, what
happens goes to standard output.

Orders: {"do": "send", "to", "text"}, {"do": "block", "jid"}, {"do": "history"}, {"do": "quit"};
{"do": "encrypt", "jid"}: what is sent there from now on; {"do": "picture", "data", "width"}: put up;
{"do": "settle"}: wait until the server took in what was sent.
Events: {"event": "online"}, "resumed", "message" with "text" and "how" (live, carbon, archive),
"avatar" with "jid" and "hash", "done" (an order was carried out), "failed" with "why".
"""

import json
import os
import sys
import threading


def tell(event, **more):
    """Tells the tests what happened."""
    os.write(1, (json.dumps({"event": event, **more}) + "\n").encode())


def listen(post):
    """Calls `post(order)` for each order, from a thread of its own; "quit" when there are no more,
    so that an agent never outlives its test."""
    def read():
        for line in sys.stdin:
            post(json.loads(line))
        post({"do": "quit"})
    threading.Thread(target=read, daemon=True).start()


def settings():
    """What the agent is told on its command line: jid, password, host and port."""
    jid, password, host, port = sys.argv[1:5]
    return jid, password, host, int(port)
