// Decimal digits of numbers, and their rounding: away from zero where it is even between two, by the digits that a number is
// written with and not those that it has in binary (ECMA-402, 15.5).

// { isNegative, digits, point }: `digits` with the point behind the first `point` of them. `special` where there are none.
export function digitsOf(value) {
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return { isNegative: false, special: 'NaN' };
    if (!Number.isFinite(value)) return { isNegative: value < 0, special: '∞' };
  }
  const isNegative = typeof value === 'number' ? value < 0 || Object.is(value, -0) : String(value).startsWith('-');
  const [, whole, part = '', power = '0'] = /^-?(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(String(value));
  return trimmed({ isNegative, digits: whole + part, point: whole.length + Number(power) });
}

function trimmed({ isNegative, digits, point }) {
  const zeros = /^0*/.exec(digits)[0].length;
  const rest = digits.slice(zeros).replace(/0+$/, '');
  return { isNegative, digits: rest, point: rest === '' ? 0 : point - zeros };
}

export const shifted = (number, by) => (number.special || number.digits === '' ? number : { ...number, point: number.point + by });

// Keeps the first `count` digits.
function cut(number, count) {
  if (count >= number.digits.length) return number;
  if (count < 0) return { ...number, digits: '', point: 0 };
  let kept = number.digits.slice(0, count), { point } = number;
  if (number.digits[count] >= '5') {
    kept = (BigInt(`1${kept}`) + 1n).toString();
    if (kept[0] === '2') {
      kept = `1${kept.slice(1)}`;
      point++;
    } else kept = kept.slice(1);
  }
  return trimmed({ ...number, digits: kept, point });
}

export const toFraction = (number, most) => cut(number, number.point + most);
export const toSignificant = (number, most) => cut(number, most);

// The digits before and behind the point.
function written(number, leastWhole, leastPart) {
  const { digits, point } = number;
  const whole = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const part = point < 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  return { whole: whole.padStart(leastWhole, '0'), part: part.padEnd(leastPart, '0') };
}

// How many digits are shown (ECMA-402, 15.1.3).
export function readDigits(options, least, most, isCompact) {
  const minimumIntegerDigits = options.number('minimumIntegerDigits', 1, 21, 1);
  const { minimumSignificantDigits: first, maximumSignificantDigits: last } = options.given;
  const digits = { minimumIntegerDigits };
  if (first !== undefined || last !== undefined) {
    digits.minimumSignificantDigits = options.number('minimumSignificantDigits', 1, 21, 1);
    digits.maximumSignificantDigits = options.number('maximumSignificantDigits', digits.minimumSignificantDigits, 21, 21);
    return digits;
  }
  const { minimumFractionDigits: from, maximumFractionDigits: to } = options.given;
  if (isCompact && from === undefined && to === undefined) return digits;
  let low = options.number('minimumFractionDigits', 0, 100, undefined);
  let high = options.number('maximumFractionDigits', 0, 100, undefined);
  if (low === undefined) low = high === undefined ? least : Math.min(least, high);
  else if (high === undefined) high = Math.max(most, low);
  else if (low > high) throw new RangeError('maximumFractionDigits value is out of range.');
  digits.minimumFractionDigits = low;
  digits.maximumFractionDigits = high ?? most;
  return digits;
}

// Rounds, and writes the digits.
export function withDigits(number, digits) {
  if (digits.maximumSignificantDigits !== undefined) {
    const rounded = toSignificant(number, digits.maximumSignificantDigits);
    const shown = Math.max(0, digits.minimumSignificantDigits - Math.max(rounded.point, rounded.digits === '' ? 1 : rounded.point));
    return { rounded, ...written(rounded, digits.minimumIntegerDigits, shown) };
  }
  const rounded = toFraction(number, digits.maximumFractionDigits);
  return { rounded, ...written(rounded, digits.minimumIntegerDigits, digits.minimumFractionDigits) };
}
