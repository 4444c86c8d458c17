// libuv's errors.
import { ERRORS, OWN } from './errno.js';

const all = [...ERRORS, ...OWN];
const map = new Map(all.map(([name, number, text]) => [-number, [name, text]]));
export const uv = {
  ...Object.fromEntries(all.map(([name, number]) => [`UV_${name}`, -number])),
  getErrorMap: () => map,
  getErrorMessage: (number) => map.get(number)?.[1] ?? `Unknown system error ${number}`,
  errname: (number) => map.get(number)?.[0] ?? `Unknown system error ${number}`,
};
