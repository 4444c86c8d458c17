// The timer and the turns of the event loop that Node.js's timers (its lib/internal/timers.js) run on.
import { drain, enter, isIdle, ref, sinceStart, turn, uncaughtNow, unref, waitNs } from '../../loop.js';

const [COUNT, REFS, OUTSTANDING] = [0, 1, 2];
const now = () => Math.floor(sinceStart());

// Between two callbacks the engine has to run promise jobs, which it does before it goes back to the host: what runs next is left
// to another turn, by an exception that both loops of Node.js's survive.
const YIELD = { toString: () => 'a turn of the event loop' };
function runNextTicks() {
  drain();
  throw YIELD;
}
// True if there is more to do in another turn.
function attempt(fn) {
  let isMore = false;
  enter(() => {
    try {
      fn();
    } catch (error) {
      isMore = true;
      if (error !== YIELD) uncaughtNow(error);
    }
  });
  return isMore;
}

let processTimers = () => 0, processImmediate = () => {};
const immediateInfo = new Uint32Array(3), timeoutInfo = new Int32Array(1);

// What keeps the program alive.
function handle() {
  let isHeld = false;
  return (holds) => {
    if (holds === isHeld) return;
    isHeld = holds;
    if (holds) ref();
    else unref();
  };
}
const holdTimer = handle(), holdImmediate = handle();
let isActive = false, isRef = true, armed = Infinity;
const settleTimer = () => holdTimer(isActive && isRef);

function schedule(ms) {
  isActive = true;
  settleTimer();
  const at = now() + Math.max(1, ms);
  if (at >= armed) return;
  armed = at;
  waitNs(Math.max(1, (at - sinceStart()) * 1e6)).then(() => {
    if (armed !== at) return;
    armed = Infinity;
    run();
  });
}
function run() {
  let next = 0;
  if (attempt(() => { next = processTimers(now()); })) {
    turn().then(run);
    return;
  }
  if (next === 0) {
    isActive = false;
    settleTimer();
    return;
  }
  isRef = next > 0;
  schedule(Math.abs(next) - now());
  settleTimer();
}

let isScheduled = false;
function runImmediates() {
  isScheduled = false;
  // What nothing else waits for does not keep the program.
  if (immediateInfo[REFS] === 0 && immediateInfo[OUTSTANDING] === 0 && isIdle()) return;
  const isCut = attempt(processImmediate);
  // Timers that are due come before those that these have asked for.
  if (!isCut && armed <= now()) {
    armed = Infinity;
    run();
  }
  const isMore = isCut || immediateInfo[COUNT] > 0;
  if (isMore) scheduleImmediates();
  holdImmediate(isMore || immediateInfo[REFS] > 0);
}
function scheduleImmediates() {
  if (isScheduled) return;
  isScheduled = true;
  turn().then(runImmediates);
}

export const timers = {
  immediateInfo,
  timeoutInfo,
  getLibuvNow: now,
  scheduleTimer: schedule,
  toggleTimerRef(holds) {
    isRef = holds;
    settleTimer();
  },
  toggleImmediateRef(holds) {
    if (holds) scheduleImmediates();
    holdImmediate(holds);
  },
  // Its callbacks, when all modules are there.
  setup(getTimerCallbacks) { ({ processTimers, processImmediate } = getTimerCallbacks(runNextTicks)); },
};
