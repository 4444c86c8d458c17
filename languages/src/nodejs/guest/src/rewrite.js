// What of CommonJS has to be written otherwise for this engine. Lines stay what they are.
//
// A rejection of a native async function is seen by nobody, and behind its `await` nobody can say which stores of
// AsyncLocalStorage hold. So each becomes a generator that promises of ours drive: `async (a) => { await b }` becomes
// `(a) => { return __guest.run(function* () { (yield b) }, this, null) }`. What a generator cannot have (`super`) stays native
// within a promise of ours. And `import()` ends the engine.
import { tokens, isWord } from './tokens.js';

const BEFORE = '__guest.promise((async () => ', AFTER = ')())';

// By hand, because a regular expression takes 600 ns for each character.
export function withoutImport(source, instead = '__guest.load') {
  const edits = [];
  for (let at = source.indexOf('import'); at >= 0; at = source.indexOf('import', at + 6)) {
    let next = at + 6;
    while (source[next] === ' ' || source[next] === '\n') next++;
    // A member that is called so has a dot before it, and a text that begins so is no call.
    if (source[next] === '(' && !/[\w$.'"`]/.test(source[at - 1] ?? '')) edits.push({ at, skip: 6, text: instead, order: 0 });
  }
  return edits.length ? edited(source, edits) : source;
}

export function withPromises(source) {
  if (!source.includes('async')) return source;
  const list = tokens(source);
  if (!list) return source;
  const edits = [];
  const found = [];
  for (let i = 0; i < list.length; i++) {
    if (list[i].text !== 'async' || list[i - 1]?.text === '.' || list[i + 1]?.breaks) continue;
    const range = asyncFunction(list, i) ?? asyncGenerator(list, i);
    if (range) found.push({ ...range, index: i, awaits: [] });
  }
  giveAwaits(list, found);
  for (const range of found) {
    if (range.isGenerator || redeclares(list, range)) continue;
    const { first, last, isBlock, index } = range;
    if (isBlock && last === first + 1) continue; // empty: nothing in it can be rejected
    edits.push({ at: list[index].start, skip: 5, text: '     ', order: index });
    const rest = asGenerator(list, range, edits);
    const [before, after] = rest === null ? [BEFORE, AFTER] : ['__guest.run(function* () ', rest];
    if (isBlock) {
      edits.push({ at: list[first].end, skip: 0, text: `return ${before}{`, order: index });
      edits.push({ at: list[last].start, skip: 0, text: `}${after}`, order: -index });
    } else if (rest === null) {
      edits.push({ at: list[first].start, skip: 0, text: `${before}(`, order: index - 0.5 });
      edits.push({ at: list[last].end, skip: 0, text: `)${after}`, order: -index });
    } else {
      edits.push({ at: list[first].start, skip: 0, text: `${before}{ return (`, order: index - 0.5 });
      edits.push({ at: list[last].end, skip: 0, text: `) }${after}`, order: -index });
    }
  }
  return edited(source, edits);
}

// Gives each `await` to the innermost async function that it is in.
function giveAwaits(list, found) {
  const open = [];
  let next = 0;
  for (let i = 0; i < list.length; i++) {
    while (open.length > 0 && i > open.at(-1).last) open.pop();
    while (next < found.length && found[next].index <= i) open.push(found[next++]);
    if (list[i].text !== 'await' || list[i - 1]?.text === '.' || list[i + 1]?.text === ':') continue;
    open.at(-1)?.awaits.push(i);
  }
}

// Makes yields of its awaits; says what comes behind the generator, or null where it cannot be one.
function asGenerator(list, { open, first, last, awaits }, edits) {
  let hasArguments = false;
  for (let i = first; i <= last; i++) {
    const { text } = list[i];
    if (list[i - 1]?.text === '.') continue;
    if (text === 'super' || (text === 'new' && list[i + 1]?.text === '.')) return null;
    if (text === 'arguments') hasArguments = true;
  }
  const own = [];
  for (const at of awaits) {
    // In a parameter, or a loop over what arrives.
    if (at <= first - 1 && at > open) return null;
    if (list[at - 1]?.text === 'for') return null;
    const end = operandEnd(list, at + 1);
    if (end < 0) return null;
    // At the beginning of a line a bracket would call what is before.
    own.push({ at: list[at].start, skip: 5, text: list[at].breaks ? '__guest.of(yield ' : '(yield ', order: at }, { at: list[end].end, skip: 0, text: ')', order: -at });
  }
  edits.push(...own);
  return `, this, ${hasArguments ? 'arguments' : 'null'})`;
}

const PREFIXES = new Set(['!', '~', '+', '-', '++', '--', 'typeof', 'void', 'delete', 'await', 'new']);
// The last token of an operand, or -1 for one that is not understood.
function operandEnd(list, at) {
  while (PREFIXES.has(list[at]?.text)) at += 1;
  const token = list[at];
  if (token === undefined || ['function', 'class', 'async', 'yield'].includes(token.text)) return -1;
  if (token.text === '(' || token.text === '[' || token.text === '{') at = token.partner;
  else if (token.text[0] === '`') at = templateEnd(list, at);
  else if (!isWord(token) && !/^["']|^\/./.test(token.text)) return -1;
  for (;;) {
    const next = list[at + 1];
    if (next === undefined) return at;
    const { text } = next;
    if (text === '=>') return -1;
    if (text === '(' || text === '[') at = next.partner;
    else if (text[0] === '`') at = templateEnd(list, at + 1);
    else if ((text === '++' || text === '--') && !next.breaks) at += 1;
    else if (text === '.' || text === '?.') {
      const member = list[at + 2];
      if (member === undefined) return -1;
      if (text === '?.' && (member.text === '(' || member.text === '[')) at = member.partner;
      else at += member.text === '#' ? 3 : 2;
    } else return at;
    if (at < 0) return -1;
  }
}
function templateEnd(list, at) {
  while (list[at].text.endsWith('${')) at = list[at].partner;
  return at;
}

// Parameters and body of an async generator, which stays what it is.
function asyncGenerator(list, at) {
  let open = at + 1;
  if (list[open]?.text === 'function') open += 1;
  if (list[open]?.text !== '*') return null;
  while (open < list.length && list[open].text !== '(') {
    if (list[open].text === '[') open = list[open].partner;
    open += 1;
  }
  const close = list[open]?.partner;
  if (close === undefined || list[close + 1]?.text !== '{') return null;
  return { open, close, first: close + 1, last: list[close + 1].partner, isBlock: true, isGenerator: true };
}

// Where parameters and body of an async function are; nothing for a generator, or another thing of that name.
function asyncFunction(list, at) {
  let open = at + 1;
  let isMethod = false;
  if (list[open]?.text === 'function') {
    if (list[open + 1].text === '*') return null;
    open += list[open + 1].text === '(' ? 1 : 2;
  } else if (isWord(list[open]) && list[open + 1]?.text === '=>') {
    return arrow(list, open, open, open + 1);
  } else if (list[open]?.text !== '(') {
    open = list[open]?.text === '[' ? list[open].partner + 1 : open + (list[open]?.text === '#' ? 2 : 1);
    isMethod = true;
  }
  if (list[open]?.text !== '(') return null;
  const close = list[open].partner, next = list[close + 1];
  if (next?.text === '=>' && !isMethod) return arrow(list, open, close, close + 1);
  const isCall = !isMethod && open === at + 1;
  if (next?.text !== '{' || isCall) return null;
  return { open, close, first: close + 1, last: next.partner, isBlock: true };
}

function arrow(list, open, close, sign) {
  const first = sign + 1;
  if (list[first]?.text === '{') return { open, close, first, last: list[first].partner, isBlock: true };
  return { open, close, first, last: expressionEnd(list, first), isBlock: false };
}

const ENDS = new Set([',', ';', ')', ']', '}', ':']);
const BINARY = new Set(['in', 'instanceof', 'of', 'as']);

// The last token of an expression, also where only the line's end ends it.
export function expressionEnd(list, first) {
  let questions = 0;
  let i = first;
  for (; i < list.length; i++) {
    const token = list[i];
    if (i > first && token.breaks && endsOperand(list[i - 1]) && (isWord(token) ? !BINARY.has(token.text) : /^["'#{]|^\+\+$|^--$/.test(token.text))) break;
    if (token.text === '?') questions++;
    else if (token.text === ':' && questions) questions--;
    else if (ENDS.has(token.text)) break;
    else if (token.partner > i) i = token.partner;
  }
  return i - 1;
}
const endsOperand = (token) => isWord(token) ? !['await', 'typeof', 'void', 'delete', 'new', 'in', 'instanceof', 'of'].includes(token.text) : /[)\]}"'`]$|^\+\+$|^--$|^\/.+/.test(token.text);

// In a function of its own, a `var` with a parameter's name would no longer be that parameter.
function redeclares(list, { open, close, first, last }) {
  const names = new Set();
  for (let i = open; i <= close; i++) if (isWord(list[i])) names.add(list[i].text);
  let declares = false;
  for (let i = first; i <= last; i++) {
    if (list[i].text === 'var') declares = true;
    else if (list[i].text === ';' || list[i].text === ')') declares = false;
    const before = list[i - 1].text;
    if (names.has(list[i].text) && (before === 'function' || (declares && ['var', ',', '{', '['].includes(before)))) return true;
  }
  return false;
}

export function edited(source, edits) {
  edits.sort((a, b) => a.at - b.at || a.order - b.order);
  const parts = [];
  let at = 0;
  for (const { at: from, skip, text } of edits) {
    parts.push(source.slice(at, from), text);
    at = from + skip;
  }
  parts.push(source.slice(at));
  return parts.join('');
}
