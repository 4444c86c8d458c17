// What node:dgram does, printed; the same under Node.js. SERVICE is the port of a server on this machine that answers with what it got.
const dgram = require('node:dgram');

const service = +process.env.SERVICE;
const print = (what, value) => console.log(what, JSON.stringify(value));
const after = (emitter, event) => new Promise((done) => emitter.once(event, (...args) => done(args)));
const thrown = (act) => { try { act(); return 'nothing'; } catch (e) { return e.code; } };

(async () => {
  // Two sockets of its own.
  const server = dgram.createSocket('udp4', (message, from) => server.send(`${message}!`, from.port, from.address));
  server.bind(0, '127.0.0.1');
  await after(server, 'listening');
  const { port, address, family } = server.address();
  print('bound', [address, family, port > 0]);
  const client = dgram.createSocket({ type: 'udp4' });
  client.send('hello', port);
  const [answer, from] = await after(client, 'message');
  print('answer', [String(answer), from.address, from.family, from.size, from.port === port]);
  client.send([Buffer.from('a'), 'b', new Uint8Array([99])], port, 'localhost', (error, bytes) => print('sent', [error, bytes]));
  print('parts', String((await after(client, 'message'))[0]));
  client.send(Buffer.from('0123456789'), 2, 3, port, '127.0.0.1');
  print('offset', String((await after(client, 'message'))[0]));
  client.send('', port);
  print('empty', String((await after(client, 'message'))[0]));
  client.send(Buffer.alloc(60000, 'x'), port);
  print('long', (await after(client, 'message'))[0].length);
  print('errors', [
    thrown(() => client.send('x', 0)),
    thrown(() => client.send('x', 65536, 'localhost')),
    thrown(() => client.send(7, port)),
    thrown(() => client.send(Buffer.from('abc'), 2, 5, port)),
    thrown(() => client.disconnect()),
    thrown(() => client.remoteAddress()),
    thrown(() => dgram.createSocket('udp5')),
    thrown(() => server.bind(1)),
  ]);

  // Connected.
  client.connect(port, '127.0.0.1');
  await after(client, 'connect');
  print('connected', [client.remoteAddress().port === port, thrown(() => client.connect(port))]);
  client.send('to whom it is connected');
  print('peer', String((await after(client, 'message'))[0]));
  client.disconnect();

  // A server outside.
  client.send('outside', service, '127.0.0.1');
  print('outside', String((await after(client, 'message'))[0]));
  const other = dgram.createSocket('udp4');
  other.connect(service, 'localhost');
  await after(other, 'connect');
  for (let n = 0; n < 100; n++) {
    other.send(`datagram ${n}`);
    const [message] = await after(other, 'message');
    if (String(message) !== `datagram ${n}`) print('wrong', String(message));
  }
  other.close();

  // Closed.
  client.close(() => print('closed', thrown(() => client.send('x', port))));
  print('close twice', thrown(() => client.close()));
  await after(client, 'close');
  server.unref();
  const many = Array.from({ length: 50 }, () => dgram.createSocket('udp4').bind(0));
  await Promise.all(many.map((socket) => after(socket, 'listening')));
  await Promise.all(many.map((socket) => new Promise((done) => socket.close(done))));
  print('many', many.length);
})();
