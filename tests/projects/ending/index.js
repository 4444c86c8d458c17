// Waits to be ended, in each way that programs do.
const http = require('http');

const server = http.createServer((req, res) => setTimeout(() => res.end('ok'), req.url === '/slow' ? 1000 : 0));
if (process.env.HOW === 'handler') {
  process.on('SIGTERM', (name, number) => {
    console.log('signal', number);
    server.close(() => setTimeout(() => console.log('closed'), 200));
  });
}
process.on('exit', () => {
  console.log('exit function');
  if (process.env.HOW === 'handler') throw new Error('thrown at the exit');
});
server.listen(3000, '127.0.0.1');
