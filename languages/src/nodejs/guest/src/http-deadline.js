// A time by which something has to come, set anew for each request: a timer is made only where it would fire too late.
import { hrtimeNs } from './loop.js';
import { setTimeout, clearTimeout } from './timers.js';

const now = () => Number(hrtimeNs()) / 1e6;

export class Deadline {
  constructor() {
    this.timer = null;
    this.due = 0; // when the timer fires
    this.at = Infinity;
    this.late = null;
  }
  set(ms, late) {
    this.at = now() + ms;
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
    this.due = now() + ms;
    this.timer = setTimeout(() => this._fired(), ms).unref();
  }
  _fired() {
    this.timer = null;
    if (this.at === Infinity) return;
    const left = this.at - now();
    if (left > 0) return this._arm(left);
    this.at = Infinity;
    this.late();
  }
}
