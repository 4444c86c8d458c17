// Sockets of wasip1, which AssemblyScript's standard library does not have. Names and layouts:
// https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md

@external("wasi_snapshot_preview1", "sock_accept")
declare function sock_accept(fd: i32, flags: i32, accepted: usize): i32;
@external("wasi_snapshot_preview1", "sock_shutdown")
declare function sock_shutdown(fd: i32, how: i32): i32;
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, buffers: usize, count: i32, length: usize): i32;
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, buffers: usize, count: i32, length: usize): i32;
@external("wasi_snapshot_preview1", "fd_close")
declare function fd_close(fd: i32): i32;
@external("wasi_snapshot_preview1", "fd_fdstat_set_flags")
declare function fd_fdstat_set_flags(fd: i32, flags: i32): i32;
@external("wasi_snapshot_preview1", "poll_oneoff")
declare function poll_oneoff(subscriptions: usize, events: usize, count: i32, length: usize): i32;

const SUCCESS = 0;
const AGAIN = 6;
const CONNABORTED = 13;
const INTR = 27;
const NONBLOCK = 4;
const SHUT_WR = 2;
const SUBSCRIPTION = 48;
const EVENT = 32;

/** What a call answers that would have to wait. */
export const LATER = -1;
/** What a call answers on a connection that is broken. */
export const BROKEN = -2;

/** A result, and a buffer as the calls take it: its address and its length. */
const result = memory.data(8);
const buffer = memory.data(8);

/** Makes calls on a listener answer at once; false where there is none. */
export function unblock(fd: i32): bool {
  return fd_fdstat_set_flags(fd, NONBLOCK) == SUCCESS;
}

/** The next client, which does not block. */
export function accept(listener: i32): i32 {
  while (true) {
    const error = sock_accept(listener, NONBLOCK, result);
    if (error == SUCCESS) return load<i32>(result);
    // A client that has gone again is no reason to stop.
    if (error != CONNABORTED && error != INTR) return LATER;
  }
}

/** How many bytes came; 0 at the end. */
export function read(fd: i32, to: usize, room: i32): i32 {
  store<usize>(buffer, to);
  store<i32>(buffer, room, 4);
  return moved(fd_read(fd, buffer, 1, result));
}

/** How many bytes went. */
export function write(fd: i32, from: usize, length: i32): i32 {
  store<usize>(buffer, from);
  store<i32>(buffer, length, 4);
  return moved(fd_write(fd, buffer, 1, result));
}

function moved(error: i32): i32 {
  if (error == SUCCESS) return load<i32>(result);
  return error == AGAIN || error == INTR ? LATER : BROKEN;
}

/** Says that no more will be sent. */
export function finish(fd: i32): void {
  sock_shutdown(fd, SHUT_WR);
}

export function close(fd: i32): void {
  fd_close(fd);
}

/** Descriptors that something is awaited of. */
export class Poll {
  private subscriptions: StaticArray<u8>;
  private events: StaticArray<u8>;
  private count: i32 = 0;

  constructor(private most: i32) {
    this.subscriptions = new StaticArray<u8>(most * SUBSCRIPTION);
    this.events = new StaticArray<u8>(most * EVENT);
  }

  /** Waits for input, or until something can be sent. */
  add(fd: i32, toSend: bool): void {
    assert(this.count < this.most);
    const at = changetype<usize>(this.subscriptions) + this.count++ * SUBSCRIPTION;
    store<u64>(at, fd); // comes back with the event
    store<u8>(at, toSend ? 2 : 1, 8); // fd_write, fd_read
    store<i32>(at, fd, 16);
  }

  /** The descriptors on which a call would not wait; none is awaited any more. */
  wait(): i32[] {
    const events = changetype<usize>(this.events);
    const error = poll_oneoff(changetype<usize>(this.subscriptions), events, this.count, result);
    this.count = 0;
    assert(error == SUCCESS || error == INTR, "poll_oneoff: " + error.toString());
    const ready: i32[] = [];
    const length = error == SUCCESS ? load<i32>(result) : 0;
    for (let at = 0; at < length; at++) ready.push(<i32>load<u64>(events + at * EVENT));
    return ready;
  }
}
