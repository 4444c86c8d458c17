// Each path is something that recurses without end, or through values that are nested very deep.
const http = require('http');
const util = require('util');

const DEPTH = 100000;
const nested = make => {
  let value = [];
  for (let i = 0; i < DEPTH; i++) value = make(value);
  return value;
};
const endless = () => endless() + 1;
class Own {
  get value() { return this.value; }
  toString() { return `${this}`; }
}
const sorting = () => [2, 1].sort(sorting);
async function awaiting() { return await awaiting(); }

const cases = {
  call: endless,
  getter: () => new Own().value,
  string: () => `${new Own()}`,
  sort: sorting,
  async: awaiting,
  array: () => String(nested(value => [value])),
  proxy: () => nested(value => new Proxy(value, {})).length,
  flat: () => nested(value => [value]).flat(Infinity),
  equal: () => util.isDeepStrictEqual(nested(value => [value]), nested(value => [value])),
  clone: () => structuredClone(nested(value => ({ value }))),
  stringify: () => JSON.stringify({ toJSON() { return JSON.stringify(this); } }),
  parse: () => JSON.parse('['.repeat(DEPTH) + ']'.repeat(DEPTH)).length,
  eval: () => eval('['.repeat(DEPTH) + ']'.repeat(DEPTH)),
  pattern: () => new RegExp('(?:'.repeat(DEPTH) + ')'.repeat(DEPTH)),
  free: () => nested(value => ({ value })) && 'freed',
};

http.createServer(async (request, response) => {
  let said;
  try {
    said = String(await cases[request.url.slice(1)]()).slice(0, 20);
  } catch (error) {
    said = error.name;
  }
  response.end(said);
}).listen(8000);
