// Calls a service of this machine by each of its names, and what no rule allows.
const dns = require('dns');
const net = require('net');

const port = +process.env.SERVICE;
const call = (to, name) => new Promise((done) => {
  let said = '';
  const socket = net.connect(to);
  socket.on('connect', () => socket.write('hello\n')).on('data', (piece) => (said += piece));
  socket.on('error', (error) => done(`${name}: ${error.code}`)).on('end', () => done(`${name}: ${said.trim()}`));
});
const lookup = (name, options) => new Promise((done) => dns.lookup(name, options, (error, ...found) => done(error ? error.code : found)));

(async () => {
  for (const host of ['localhost', '127.0.0.1', 'host.wasmrun.internal']) console.log(await call({ port, host }, host));
  const own = (name, options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]);
  console.log(await call({ port, host: 'anything', lookup: own }, 'own look-up'));
  console.log(await call({ port: 443, host: 'db.example.com' }, 'db.example.com'));
  console.log(await call({ port: 1, host: 'localhost' }, 'nobody'));
  console.log(await call({ port, host: 'no name' }, 'no name'));
  console.log(JSON.stringify([await lookup('localhost', {}), await lookup('localhost', { all: true, family: 6 }), await lookup('192.0.2.1', 4)]));
  console.log(JSON.stringify([await dns.promises.lookup('host.docker.internal'), await dns.promises.resolve4('localhost')]));
  console.log(await lookup('no name', {}), net.isIP('::1'), net.isIPv4('1.2.3.4'));
  const error = new Error('x');
  error.stack = undefined;
  console.log(error.stack, Object.keys(error).length);
})();
