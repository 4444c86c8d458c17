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
export function written(number, leastWhole, leastPart) {
  const { digits, point } = number;
  const whole = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const part = point < 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  return { whole: whole.padStart(leastWhole, '0'), part: part.padEnd(leastPart, '0') };
}
