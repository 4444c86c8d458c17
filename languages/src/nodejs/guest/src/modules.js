// An ES module as a function, for what CommonJS loads of them. What it exports are getters, and what it imports are names of
// a `with` around it that ask the other module each time, so both are as live as they have to be where modules need each
// other in a circle. Lines stay what they are.
import { tokens, isWord } from './tokens.js';
import { edited, expressionEnd } from './rewrite.js';

// The text of the function, what it imports (`from`, and pairs of its own name and the other's) and what it passes on.
export function asFunction(source) {
  const list = tokens(source);
  if (!list) throw new SyntaxError('this ES module cannot be read');
  const module = { list, source, edits: [], imports: [], passes: [], exports: [] };
  for (let i = 0; i < list.length; i++) {
    const { text } = list[i];
    const next = list[i + 1]?.text;
    const isMember = list[i - 1]?.text === '.' || next === ':';
    if (text === 'import' && !isMember) {
      if (next === '(') replace(module, i, i, '__guest.load');
      else if (next === '.') replace(module, i, i + 2, '__guest.meta');
      else i = importOf(module, i);
    } else if (text === 'export' && !isMember) i = exportOf(module, i);
  }
  const getters = module.exports.map(([name, local]) => `${JSON.stringify(name)}: () => ${local}`);
  const before = `with (__guest.scope) { return (function () { 'use strict'; __guest.begin({ ${getters.join(', ')} }); `;
  return { text: `${before}${edited(source, module.edits)}\n}).call(undefined) }`, imports: module.imports, passes: module.passes };
}

// What is taken out leaves its lines behind.
function replace({ list, source, edits }, from, to, text) {
  const at = list[from].start, end = list[to].end;
  edits.push({ at, skip: end - at, text: text + source.slice(at, end).replace(/[^\n]/g, ''), order: edits.length });
}
const unquoted = (text) => (/^["']/.test(text) ? (0, eval)(text) : text);

// `{ a, b as c }`, from its bracket: pairs of the name before `as` and the one behind it.
function pairs(list, open) {
  const found = [];
  for (let i = open + 1; i < list[open].partner; i++) {
    const first = unquoted(list[i].text);
    let second = first;
    if (list[i + 1].text === 'as') second = unquoted(list[(i += 2)].text);
    found.push([first, second]);
    if (list[i + 1].text === ',') i++;
  }
  return found;
}

// The last token of a statement that names a module, behind which there may be attributes.
function endOf(list, at) {
  if (list[at + 1]?.text === 'with' && list[at + 2]?.text === '{') at = list[at + 2].partner;
  return list[at + 1]?.text === ';' ? at + 1 : at;
}

function importOf(module, at) {
  const { list } = module;
  const names = [];
  let i = at + 1;
  for (; !/^["']/.test(list[i].text); i++) {
    const { text } = list[i];
    if (text === '*') names.push([list[(i += 2)].text, '*']);
    else if (text === '{') {
      for (const [theirs, own] of pairs(list, i)) names.push([own, theirs]);
      i = list[i].partner;
    } else if (text !== ',' && text !== 'from') names.push([text, 'default']);
  }
  module.imports.push({ from: unquoted(list[i].text), names });
  const end = endOf(list, i);
  replace(module, at, end, '');
  return end;
}

function exportOf(module, at) {
  const { list, exports, passes } = module;
  let i = at + 1;
  if (list[i].text === '*') {
    const as = list[i + 1].text === 'as' ? unquoted(list[i + 2].text) : null;
    i += as === null ? 2 : 4;
    passes.push({ from: unquoted(list[i].text), names: as === null ? null : [['*', as]] });
  } else if (list[i].text === '{') {
    const names = pairs(list, i);
    i = list[i].partner;
    if (list[i + 1]?.text === 'from') passes.push({ from: unquoted(list[(i += 2)].text), names });
    else for (const [own, name] of names) exports.push([name, own]);
  } else return declarationOf(module, at);
  const end = endOf(list, i);
  replace(module, at, end, '');
  return end;
}

// The declaration itself stays, and what is in it is read on.
function declarationOf(module, at) {
  const { list, exports } = module;
  const isDefault = list[at + 1].text === 'default';
  const first = at + (isDefault ? 2 : 1);
  let i = first;
  if (list[i].text === 'async' && list[i + 1].text === 'function') i++;
  if (list[i].text === 'function' || list[i].text === 'class') {
    if (list[i + 1].text === '*') i++;
    const name = list[i + 1];
    if (isWord(name) && name.text !== 'extends') {
      exports.push([isDefault ? 'default' : name.text, name.text]);
      replace(module, at, first - 1, '');
      return first - 1;
    }
  }
  if (isDefault) {
    exports.push(['default', '__default']);
    replace(module, at, first - 1, 'const __default =');
    const last = list[expressionEnd(list, first)];
    module.edits.push({ at: last.end, skip: 0, text: ';', order: 0 });
    return first - 1;
  }
  for (const name of declared(list, first + 1)) exports.push([name, name]);
  replace(module, at, at, '');
  return at;
}

// The names of `const a = 1, { b, c: d } = e`, from behind its first word.
function declared(list, at) {
  const names = [];
  for (let i = at; ; i++) {
    if (isWord(list[i])) names.push(list[i].text);
    else {
      for (let k = i + 1; k < list[i].partner; k++) {
        if (isWord(list[k]) && [',', '}', ']', '='].includes(list[k + 1].text) && list[k - 1].text !== '=') names.push(list[k].text);
      }
      i = list[i].partner;
    }
    if (list[i + 1]?.text === '=') i = expressionEnd(list, i + 2);
    if (list[++i]?.text !== ',') return names;
  }
}
