// A time by which something has to come, set anew for each request: a timer is made only where it would fire too late.
import { clearTimeout, nowMs, setTimeout } from './timers.js';

export class Deadline {
  constructor() {
    this.timer = null;
    this.due = 0; // when the timer fires
    this.at = Infinity;
    this.late = null;
  }
  set(ms, late) {
    this.at = nowMs() + ms;
    this.late = late;
    if (this.timer === null || this.at < this.due) this._arm(ms);
  }
  // Nothing has to come for now; the timer finds that out.
  clear() { this.at = Infinity; }
  end() {
    clearTimeout(this.timer);
    this.timer = null;
    this.at = Infinity;
  }
  _arm(ms) {
    clearTimeout(this.timer);
    this.due = this.at;
    this.timer = setTimeout(() => this._fired(), ms).unref();
  }
  _fired() {
    this.timer = null;
    if (this.at === Infinity) return;
    const left = this.at - nowMs();
    if (left > 0) return this._arm(left);
    this.at = Infinity;
    this.late();
  }
}
