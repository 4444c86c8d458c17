// The clock of `performance`, and histograms.
import { hrtimeNs, sinceStart } from '../../loop.js';

const MILESTONES = ['TIME_ORIGIN_TIMESTAMP', 'TIME_ORIGIN', 'ENVIRONMENT', 'NODE_START', 'V8_START', 'LOOP_START', 'LOOP_EXIT', 'BOOTSTRAP_COMPLETE'];
const milestones = new Float64Array(MILESTONES.length).fill(-1);
export function begin() {
  const ns = hrtimeNs();
  milestones.fill(ns);
  milestones[0] = Date.now() * 1e3;
  milestones[6] = -1;
}

// Three digits of each value count, as in the HDR histograms of node: so many steps between a power of two and the next.
const STEPS = 2048;
const shiftOf = (value) => Math.max(0, Math.floor(Math.log2(Math.max(1, value))) + 1 - Math.log2(STEPS));
const lowest = (value) => Math.floor(value / 2 ** shiftOf(value)) * 2 ** shiftOf(value);
const highest = (value) => lowest(value) + 2 ** shiftOf(value) - 1;
const median = (value) => lowest(value) + Math.floor(2 ** shiftOf(value) / 2);
const TOP = 2 ** 63;

class Histogram {
  #counts = new Map();
  #count = 0; #exceeds = 0; #min = TOP; #max = 0; #high; #last = -1;
  constructor(low, high) { this.#high = Number(high); }
  #note(value, times) {
    const step = lowest(value);
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + times);
    this.#count += times;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }
  record(value) {
    const number = Number(value);
    if (number > this.#high) this.#exceeds++;
    else this.#note(number, 1);
  }
  recordDelta() {
    const now = hrtimeNs();
    if (this.#last >= 0) this.record(now - this.#last);
    this.#last = now;
  }
  add(other) {
    for (const [step, times] of other.#counts) this.#note(step, times);
    this.#exceeds += other.#exceeds;
    if (other.#count > 0) {
      this.#min = Math.min(this.#min, other.#min);
      this.#max = Math.max(this.#max, other.#max);
    }
  }
  reset() {
    this.#counts.clear();
    this.#count = this.#exceeds = this.#max = 0;
    this.#min = TOP;
    this.#last = -1;
  }
  count() { return this.#count; }
  countBigInt() { return BigInt(this.#count); }
  exceeds() { return this.#exceeds; }
  exceedsBigInt() { return BigInt(this.#exceeds); }
  min() { return this.#count === 0 ? 9223372036854776000 : lowest(this.#min); }
  minBigInt() { return this.#count === 0 ? 9223372036854775807n : BigInt(this.min()); }
  max() { return this.#count === 0 ? 0 : highest(this.#max); }
  maxBigInt() { return BigInt(this.max()); }
  mean() {
    let sum = 0;
    for (const [step, times] of this.#counts) sum += median(step) * times;
    return sum / this.#count;
  }
  stddev() {
    const mean = this.mean();
    let sum = 0;
    for (const [step, times] of this.#counts) sum += (median(step) - mean) ** 2 * times;
    return Math.sqrt(sum / this.#count);
  }
  percentile(percent) {
    if (this.#count === 0) return 0;
    const wanted = Math.max(1, Math.floor((percent / 100) * this.#count + 0.5));
    let seen = 0;
    for (const step of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(step);
      if (seen >= wanted) return highest(step);
    }
    return this.max();
  }
  percentileBigInt(percent) { return BigInt(this.percentile(percent)); }
  percentiles(map) {
    // Half of what is left to 100 at each step.
    for (let percent = 0, left = 100; ; left /= 2, percent = 100 - left) {
      const value = this.percentile(percent);
      map.set(percent, value);
      if (value >= this.max()) break;
    }
    map.set(100, this.max());
  }
  percentilesBigInt(map) {
    const plain = new Map();
    this.percentiles(plain);
    for (const [percent, value] of plain) map.set(percent, BigInt(value));
  }
}

// How much later than asked a timer is told, in nanoseconds.
class DelayHistogram extends Histogram {
  #timer = null; #resolution;
  constructor(resolution) {
    super(1, 3.6e12); // an hour
    this.#resolution = resolution;
  }
  start(resets) {
    if (this.#timer !== null) return;
    if (resets) this.reset();
    let last = hrtimeNs();
    this.#timer = globalThis.setInterval(() => {
      const now = hrtimeNs();
      this.record(Math.max(1, now - last));
      last = now;
    }, this.#resolution);
    this.#timer.unref();
  }
  stop() {
    globalThis.clearInterval(this.#timer);
    this.#timer = null;
  }
}

export const performance = {
  now: sinceStart,
  milestones,
  observerCounts: new Uint32Array(5),
  setupObservers() {},
  installGarbageCollectionTracking() {},
  removeGarbageCollectionTracking() {},
  notify() {},
  loopIdleTime: () => 0,
  markBootstrapComplete() {},
  uvMetricsInfo: () => [0, 0, 0],
  Histogram,
  createELDHistogram: (resolution) => new DelayHistogram(resolution),
  constants: {
    ...Object.fromEntries(MILESTONES.map((name, i) => [`NODE_PERFORMANCE_MILESTONE_${name}`, i])),
    NODE_PERFORMANCE_ENTRY_TYPE_GC: 0, NODE_PERFORMANCE_ENTRY_TYPE_HTTP: 1, NODE_PERFORMANCE_ENTRY_TYPE_HTTP2: 2, NODE_PERFORMANCE_ENTRY_TYPE_NET: 3, NODE_PERFORMANCE_ENTRY_TYPE_DNS: 4,
    NODE_PERFORMANCE_GC_MAJOR: 4, NODE_PERFORMANCE_GC_MINOR: 1, NODE_PERFORMANCE_GC_INCREMENTAL: 8, NODE_PERFORMANCE_GC_WEAKCB: 16,
    NODE_PERFORMANCE_GC_FLAGS_NO: 0, NODE_PERFORMANCE_GC_FLAGS_CONSTRUCT_RETAINED: 2, NODE_PERFORMANCE_GC_FLAGS_FORCED: 4, NODE_PERFORMANCE_GC_FLAGS_SYNCHRONOUS_PHANTOM_PROCESSING: 8, NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE: 16, NODE_PERFORMANCE_GC_FLAGS_ALL_EXTERNAL_MEMORY: 32, NODE_PERFORMANCE_GC_FLAGS_SCHEDULE_IDLE: 64,
  },
};
