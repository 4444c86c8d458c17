// What fails is emitted, where listeners wait for it, and not thrown past them.
const http = require('http');
const net = require('net');

const say = (what) => (error) => console.log(what, error.code);
http.get('http://example.com/', () => {}).on('error', say('get'));
const request = http.request({ host: 'example.com', method: 'POST' }).on('error', say('request'));
request.setHeader('a', 'b');
request.write('body');
request.end();
net.connect('/run/socket').on('error', say('connect'));
net.createServer().on('error', say('listen')).listen('/run/socket');
http.createServer().on('error', say('listen')).listen({ path: '/run/other' });
require('fs').writeFile('out.txt', '', say('write'));
fetch('http://example.com').catch((error) => console.log('fetch', error.cause.code));
try {
  process.kill(99);
} catch (error) {
  say('kill')(error);
}
process.on('SIGUSR2', (name, number) => console.log(name, number));
process.kill(process.pid, 'SIGUSR2');
