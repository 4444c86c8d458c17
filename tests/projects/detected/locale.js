// The first five lines are Node's own; what asks for more is told once.
console.log(['b', 'a', 'C', 'ä', 'B', 'A'].sort((a, b) => a.localeCompare(b)).join());
console.log(['a10', 'a9', 'b1'].sort((a, b) => a.localeCompare(b, undefined, { numeric: true })).join());
console.log((1234567.5).toLocaleString(), (-0.1239).toLocaleString('en-US'), (1e21).toLocaleString(), (12345n).toLocaleString());
console.log(new Date(0).toLocaleDateString('en-US', { timeZone: 'UTC' }), new Date(NaN).toLocaleString());
console.log(new WeakRef({ a: 1 }).deref());
console.log((1234.5).toLocaleString('de-DE'), (1234.5).toLocaleString('en', { style: 'currency', currency: 'EUR' }));
