// Enough of JavaScript's grammar to tell code from strings, comments, templates and regular expressions, and to find what
// belongs to a bracket. A parser of the whole takes 3 ms for each KB in this engine, which a start does not have.

const SPACE = /(?:\s|\/\/.*|\/\*[^]*?\*\/)+/y;
const WORD = /[\w$\\\u0080-\uffff]+/y; // names, keywords, numbers
const STRING = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;
const TEMPLATE = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;
const SIGN = /=>|\?\.(?!\d)|\?\?|\+\+|--|\.\.\.|&&|\|\||[^]/y;
const CLOSES = { '(': ')', '[': ']', '{': '}', '${': '}' };

// Behind these a slash begins a regular expression; behind other words and what ends an operand it divides.
const OPERATORS = new Set(['return', 'typeof', 'instanceof', 'in', 'of', 'new', 'delete', 'void', 'throw', 'case', 'do', 'else', 'yield', 'await']);
const HEADS = new Set(['if', 'while', 'for', 'with']);

// The tokens: `text`, `start`, `end`, whether a line `breaks` before it, and for a bracket the number of its `partner`.
// Null where the brackets do not match: then it was not understood.
export function tokens(source) {
  const list = [];
  const open = [];
  const templates = []; // how many brackets are open around each template that is not finished
  let at = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (!found) return false;
    at = pattern.lastIndex;
    return at > found.index;
  };
  const template = () => {
    take(TEMPLATE);
    if (source[at] === '`') at += 1;
    else if (source[at] === '$') {
      at += 2;
      return true;
    }
    return false;
  };
  while (at < source.length) {
    const before = at;
    take(SPACE);
    const breaks = at > before && /[\n\r\u2028\u2029]/.test(source.slice(before, at));
    if (at >= source.length) break;
    const start = at, char = source[at];
    let enters = false;
    if (char === '`') {
      at += 1;
      enters = template();
    } else if (char === '}' && templates.length && templates.at(-1) === open.length) {
      const from = open.pop();
      templates.pop();
      list[from].partner = list.length;
      at += 1;
      enters = template();
    } else if (!take(WORD) && !((char === '"' || char === "'") && take(STRING)) && !(char === '/' && divides(list) === false && take(REGEX))) take(SIGN);
    const text = source.slice(start, at);
    const token = { text, start, end: at, breaks, partner: -1 };
    if (enters) {
      open.push(list.length);
      templates.push(open.length);
    } else if (text === '(' || text === '[' || text === '{') open.push(list.length);
    else if (text === ')' || text === ']' || text === '}') {
      const from = open.pop();
      if (from === undefined || CLOSES[list[from].text] !== text) return null;
      list[from].partner = list.length;
      token.partner = from;
    }
    list.push(token);
  }
  return open.length ? null : list;
}

function divides(list) {
  const last = list.at(-1);
  if (!last) return false;
  if (last.text === ')') return !HEADS.has(list[last.partner - 1]?.text);
  if (last.text === ']') return true;
  if (last.text === '}') return false;
  const char = last.text.at(-1);
  if (char === '"' || char === "'" || char === '`') return true;
  if (last.text === '++' || last.text === '--') return true;
  return isWord(last) && (!OPERATORS.has(last.text) || list.at(-2)?.text === '.');
}

export const isWord = (token) => token !== undefined && /^[\w$\\\u0080-\uffff]/.test(token.text);
