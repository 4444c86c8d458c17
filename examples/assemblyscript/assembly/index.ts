// An HTTP server that serves all its clients from one poll loop.

import { Connection } from "./connection";
import * as wasi from "./wasi";

/** More wait in the listener's queue. */
const MOST = 512;

// wasip1 can open no socket: the listener is there when the program starts.
const first = process.env.has("LISTEN_FDS_START") ? process.env.get("LISTEN_FDS_START") : "3";
const listener = I32.parseInt(first);
if (!wasi.unblock(listener)) {
  console.error("no listener: forward a port to this program");
  process.exit(1);
}

const clients = new Map<i32, Connection>();
const poll = new wasi.Poll(MOST + 1);
while (true) {
  const open = clients.values();
  for (let at = 0; at < open.length; at++) poll.add(open[at].fd, open[at].isSending);
  if (open.length < MOST) poll.add(listener, false);
  const ready = poll.wait();
  for (let at = 0; at < ready.length; at++) {
    const fd = ready[at];
    if (fd == listener) {
      welcome();
    } else if (!clients.get(fd).serve()) {
      clients.delete(fd);
      wasi.close(fd);
    }
  }
}

function welcome(): void {
  while (clients.size < MOST) {
    const fd = wasi.accept(listener);
    if (fd == wasi.LATER) return;
    clients.set(fd, new Connection(fd));
  }
}
