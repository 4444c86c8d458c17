// What of CommonJS has to be written otherwise for this engine. Lines stay what they are.
//
// A rejection of a native async function is seen by nobody, so each becomes a plain one that returns a promise of ours:
// `async (a) => { … }` becomes `(a) => { return __guest.promise((async () => { … })()) }`. And `import()` ends the engine.
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
  for (let i = 0; i < list.length; i++) {
    if (list[i].text !== 'async' || list[i - 1]?.text === '.' || list[i + 1]?.breaks) continue;
    const found = asyncFunction(list, i);
    if (!found || redeclares(list, found)) continue;
    const { first, last, isBlock } = found;
    if (isBlock && last === first + 1) continue; // empty: nothing in it can be rejected
    edits.push({ at: list[i].start, skip: 5, text: '     ', order: i });
    if (isBlock) {
      edits.push({ at: list[first].end, skip: 0, text: `return ${BEFORE}{`, order: i });
      edits.push({ at: list[last].start, skip: 0, text: `}${AFTER}`, order: -i });
    } else {
      edits.push({ at: list[first].start, skip: 0, text: `${BEFORE}(`, order: i - 0.5 });
      edits.push({ at: list[last].end, skip: 0, text: `)${AFTER}`, order: -i });
    }
  }
  return edited(source, edits);
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
    open += list[open]?.text === '#' ? 2 : 1;
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
