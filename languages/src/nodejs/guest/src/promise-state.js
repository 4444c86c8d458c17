// What a promise of our own (promise.js) has come to; the engine tells of none.
const [FULFILLED, REJECTED] = [1, 2];
let stateOf = () => undefined;
export const setStateOf = (fn) => { stateOf = fn; };

export const fulfil = (state, value) => {
  state.kind = FULFILLED;
  state.value = value;
};
export const refuse = (state, reason) => {
  state.kind = REJECTED;
  state.value = reason;
};
export function outcome(promise) {
  const state = stateOf(promise);
  return state?.kind === undefined ? undefined : [state.kind, state.value];
}
