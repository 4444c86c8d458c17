import { Request } from "./request";
import { answer } from "./service";
import * as wasi from "./wasi";

/** No request may be larger. */
const ROOM = 8 * 1024;

/** One client. */
export class Connection {
  private input: StaticArray<u8> = new StaticArray<u8>(ROOM);
  private received: i32 = 0;
  private output: ArrayBuffer = new ArrayBuffer(0);
  private sent: i32 = 0;
  /** What is sent now is the last answer. */
  private last: bool = false;
  /** It is sent. */
  private ended: bool = false;

  constructor(readonly fd: i32) {}

  get isSending(): bool {
    return this.sent < this.output.byteLength;
  }

  /** Goes on as far as it can without waiting; false when the connection is over. */
  serve(): bool {
    // Once a turn, so that nobody who sends much holds up the others.
    let mayReceive = true;
    while (true) {
      if (!this.send()) return false;
      if (this.isSending) return true;
      if (this.last && !this.ended) {
        // To close while input is unread would be a reset, which can overtake the answer.
        wasi.finish(this.fd);
        this.ended = true;
      }
      if (this.ended) this.received = 0;
      else if (this.answer()) continue;
      if (!mayReceive) return true;
      mayReceive = false;
      const to = changetype<usize>(this.input) + this.received;
      const length = wasi.read(this.fd, to, ROOM - this.received);
      if (length == wasi.LATER) return true;
      if (length <= 0) return false;
      this.received += length;
    }
  }

  /** Sends what is left of an answer; false when nobody takes it. */
  private send(): bool {
    while (this.isSending) {
      const from = changetype<usize>(this.output) + this.sent;
      const length = wasi.write(this.fd, from, this.output.byteLength - this.sent);
      if (length < 0) return length == wasi.LATER;
      this.sent += length;
    }
    return true;
  }

  /** Answers the next request, if it is there. */
  private answer(): bool {
    const request = Request.read(this.input, this.received);
    if (!request) return false;
    this.output = answer(request);
    this.sent = 0;
    this.last = request.last;
    this.received -= request.length;
    const input = changetype<usize>(this.input);
    memory.copy(input, input + request.length, this.received);
    return true;
  }
}
