// The bundler gives a second name to a class that knows itself (`_Blob`), and a number to what is there more than once (`get2`).
// Programs see a function by the name under which they reach it.
export function keepNames(exported) {
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(exported))) {
    if (typeof value !== 'function' || value.name === key) continue;
    if (['', key].includes(value.name.replace(/^_|\d+$/g, ''))) Object.defineProperty(value, 'name', { value: key, configurable: true });
  }
}
