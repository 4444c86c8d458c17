import './lib/second.js';
await 1;
console.log('before');
throw new Error('at the top');
