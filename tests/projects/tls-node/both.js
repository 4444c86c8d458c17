// Servers and clients of TLS in one program. It prints the same lines under Node.js and here.
const { readFileSync } = require('node:fs');
const { Duplex } = require('node:stream');
const { join } = require('node:path');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const tls = require('node:tls');

const read = (name) => readFileSync(join(__dirname, name));
const [ca, cert, key] = ['ca.pem', 'server.pem', 'server.key'].map(read);
const own = { cert: read('self.pem'), key: read('self.key') };
const client = { cert: read('client.pem'), key: read('client.key') };

const show = (what, ...values) => console.log(what, JSON.stringify(values));
const told = (error) => [error.code, /^(ERR_SSL|ERR_OSSL|EPROTO)/.test(error.code) ? error.reason : error.message];
const once = (emitter, name) => new Promise((done) => emitter.once(name, (...values) => done(values)));
const listens = async (server) => {
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server.address().port;
};
// Node counts a connection whose handshake failed for ever, so its servers may never be closed.
const closed = (server) => new Promise((done) => {
  server.close(done);
  setTimeout(done, 200);
});
const text = async (stream) => {
  let all = '';
  for await (const part of stream) all += part;
  return all;
};
// What comes of a request: its answer and its connection, or what failed.
const ask = (options, body) => new Promise((done) => {
  const req = https.request({ host: 'localhost', agent: false, ...options }, async (res) => {
    const { socket } = res;
    done({ status: res.statusCode, socket, res, req, facts: [socket.authorized, socket.authorizationError, socket.getProtocol(), socket.alpnProtocol, socket.servername], body: await text(res) });
  });
  req.on('error', (error) => done({ error: told(error) }));
  req.end(body);
});
// A connection that says something, and what it hears or what failed.
const talk = (options, say = 'hello') => new Promise((done) => {
  const socket = tls.connect({ host: '127.0.0.1', ...options });
  let heard = '', failed;
  socket.on('secureConnect', () => socket.end(say));
  socket.on('data', (part) => (heard += part));
  socket.on('error', (error) => (failed = told(error)));
  socket.on('close', () => done(failed ? { error: failed } : { heard }));
});

const cases = {
  async requests() {
    const server = https.createServer({ cert, key }, async (req, res) => res.end(`${req.method} ${req.url} ${req.socket.encrypted} ${await text(req)}`));
    const port = await listens(server);
    const good = await ask({ port, path: '/a?b=1', method: 'POST', ca }, 'größe');
    show('answer', good.status, good.body, good.facts, good.socket.getCipher());
    show('unknown', (await ask({ port, ca: own.cert })).error);
    show('address', (await ask({ port, host: '127.0.0.1', ca })).facts);
    const loose = await ask({ port, ca: own.cert, rejectUnauthorized: false });
    show('loose', loose.facts);
    show('named', (await ask({ port, ca, servername: 'other.example' })).error);
    show('host', (await ask({ port, ca, headers: { host: 'third.example:1' } })).error);
    const seen = await ask({ port, ca, checkServerIdentity: (host, it) => { show('identity', host, it.subject, !!it.issuerCertificate); } });
    show('own identity', seen.status);
    show('refused by own', (await ask({ port, ca, checkServerIdentity: () => Object.assign(new Error('no'), { code: 'NO' }) })).error);
    show('url', await new Promise((done) => https.get(`https://localhost:${port}/x`, { ca, agent: false }, async (res) => done(await text(res)))));
    show('protocol', (() => { try { http.get(`https://localhost:${port}`); } catch (e) { return told(e); } })());
    await closed(server);
  },

  async certificates() {
    const server = tls.createServer({ cert, key }, (socket) => socket.end());
    const port = await listens(server);
    const socket = tls.connect({ port, host: 'localhost', ca });
    await once(socket, 'secureConnect');
    const plain = (it) => Object.fromEntries(Object.entries(it).filter(([name]) => name !== 'issuerCertificate').map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('hex') : value]).sort(([a], [b]) => (a < b ? -1 : 1)));
    const it = socket.getPeerCertificate(true);
    show('peer', plain(it));
    show('chain', !!it.issuerCertificate, plain(socket.getPeerCertificate()).fingerprint256 === it.fingerprint256);
    show('own', socket.getCertificate() ?? {});
    show('state', socket.encrypted, socket.isSessionReused(), socket.getEphemeralKeyInfo().type, socket.remotePort === port, socket.remoteFamily !== undefined);
    socket.destroy();
    await once(socket, 'close');
    await closed(server);
  },

  async clients() {
    for (const rejectUnauthorized of [true, false]) {
      const server = https.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized }, (req, res) => {
        const it = req.socket.getPeerCertificate();
        res.end(`${req.socket.authorized} ${req.socket.authorizationError} ${it.subject?.CN}`);
      });
      const failures = [];
      server.on('tlsClientError', (error) => failures.push(told(error)));
      const port = await listens(server);
      show('known', (await ask({ port, ca, ...client })).body);
      const none = await ask({ port, ca });
      show('none', none.body ?? none.error);
      const strange = await ask({ port, ca, ...own });
      show('strange', strange.body ?? strange.error?.[0]);
      show('failures', failures);
      await closed(server);
    }
  },

  async mistakes() {
    const failures = [];
    const server = https.createServer({ cert, key }, (req, res) => res.end('ok'));
    server.on('tlsClientError', (error) => failures.push(told(error)));
    const port = await listens(server);
    show('http to https', await new Promise((done) => http.get({ port, host: '127.0.0.1', agent: false }, () => done('answer')).on('error', (e) => done(told(e)))));
    const plain = http.createServer((req, res) => res.end('plain'));
    const to = await listens(plain);
    show('https to http', (await ask({ port: to, ca })).error);
    const gone = net.connect(port, '127.0.0.1');
    await once(gone, 'connect');
    gone.destroy();
    await new Promise((done) => setTimeout(done, 100));
    show('failures', failures);
    const silent = net.createServer((socket) => socket.end());
    show('closes', (await ask({ port: await listens(silent), ca })).error);
    show('nobody', (await ask({ port: 1, host: '127.0.0.1', ca })).error?.[0]);
    const tries = { 'no pem': { cert: 'x', key }, 'no key': { cert, key: 'x' }, other: { cert, key: client.key }, version: { minVersion: 'TLSv9' }, method: { secureProtocol: 'x_method' }, 'no text': { cert: 1, key } };
    for (const [name, options] of Object.entries(tries)) {
      try {
        tls.createSecureContext(options);
        show(name, 'made');
      } catch (e) {
        show(name, e.code, e.reason);
      }
    }
    for (const each of [server, plain, silent]) each.close();
  },

  async versions() {
    for (const [theirs, ours] of [['TLSv1.2', 'TLSv1.2'], ['TLSv1.3', 'TLSv1.2'], ['TLSv1.2', 'TLSv1.3']]) {
      const failures = [];
      const server = tls.createServer({ cert, key, minVersion: theirs, maxVersion: theirs }, (socket) => socket.end(`${socket.getProtocol()}`));
      server.on('tlsClientError', (error) => failures.push(error.code));
      const port = await listens(server);
      show(`${theirs} ${ours}`, await talk({ port, ca, minVersion: ours, maxVersion: ours }), failures);
      await closed(server);
    }
  },

  async names() {
    const server = tls.createServer({ cert, key }, (socket) => socket.end(`${socket.servername}`));
    server.addContext('*.example', own);
    const port = await listens(server);
    const cn = (servername) => new Promise((done) => {
      const socket = tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
        const name = socket.getPeerCertificate().subject.CN;
        text(socket).then((said) => done([name, said, socket.authorizationError]));
      });
    });
    for (const name of ['self.example', 'a.b.example', 'localhost', undefined, '']) show(`name ${name}`, await cn(name));
    await closed(server);
    const calls = [];
    const picky = tls.createServer({
      cert, key,
      SNICallback(name, done) {
        calls.push(name);
        if (name === 'bad.example') done(new Error('not here'));
        else if (name === 'none.example') done(null, null);
        else setTimeout(() => done(null, tls.createSecureContext(own)), 5);
      },
    }, (socket) => socket.end('picked'));
    picky.on('tlsClientError', (error) => calls.push(error.message));
    const at = await listens(picky);
    for (const servername of ['self.example', 'none.example', 'bad.example']) {
      const said = await talk({ port: at, servername, rejectUnauthorized: false });
      show(servername, said.heard ?? said.error[0]);
    }
    show('calls', calls);
    await closed(picky);
  },

  async protocols() {
    const server = tls.createServer({ cert, key, ALPNProtocols: ['b', 'a'] }, (socket) => socket.end(`${socket.alpnProtocol}`));
    const failures = [];
    server.on('tlsClientError', (error) => failures.push(error.code));
    const port = await listens(server);
    show('common', await talk({ port, ca, ALPNProtocols: ['a', 'b'] }));
    show('none', await talk({ port, ca }));
    show('other', (await talk({ port, ca, ALPNProtocols: ['c'] })).error, failures);
    await closed(server);
    const asked = [];
    const picky = tls.createServer({ cert, key, ALPNCallback: ({ servername, protocols }) => { asked.push(servername, protocols); return protocols.find((name) => name === 'z'); } }, (socket) => socket.end(`${socket.alpnProtocol}`));
    picky.on('tlsClientError', (error) => asked.push(error.code));
    const at = await listens(picky);
    show('chosen', await talk({ port: at, ca, ALPNProtocols: ['y', 'z'], servername: 'localhost' }));
    show('refused', (await talk({ port: at, ca, ALPNProtocols: ['y'] })).error, asked);
    await closed(picky);
  },

  async streams() {
    const SIZE = 5 << 20;
    const server = tls.createServer({ cert, key, allowHalfOpen: true }, (socket) => socket.pipe(socket));
    const port = await listens(server);
    const socket = tls.connect({ port, host: '127.0.0.1', ca, allowHalfOpen: true });
    const all = Buffer.alloc(SIZE, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
    // Before there is a connection.
    socket.end(all);
    const parts = [];
    for await (const part of socket) parts.push(part);
    show('echo', Buffer.concat(parts).equals(all));
    await closed(server);
    const slow = tls.createServer({ cert, key }, (socket) => {
      let ok = true, written = 0;
      while (ok) ok = socket.write(Buffer.alloc(65536), () => {}) && (written += 65536) < 1 << 26;
      socket.once('drain', () => socket.end('end'));
    });
    const at = await listens(slow);
    const reader = tls.connect({ port: at, host: '127.0.0.1', ca });
    await once(reader, 'secureConnect');
    reader.pause();
    await new Promise((done) => setTimeout(done, 50));
    let size = 0, last;
    for await (const part of reader) [size, last] = [size + part.length, part];
    show('slow', last.toString('latin1').endsWith('end'), (size - 3) % 65536);
    await closed(slow);
  },

  // A word in the clear, and then TLS: as mail and databases have it.
  async starttls() {
    const context = tls.createSecureContext({ cert, key });
    const server = net.createServer((socket) => {
      socket.write('hello\n');
      socket.once('data', (word) => {
        socket.write('go\n');
        const over = new tls.TLSSocket(socket, { isServer: true, secureContext: context });
        over.on('secure', () => over.write(`secure after ${word}`));
        over.on('data', (part) => over.end(`heard ${part}`));
      });
    });
    const port = await listens(server);
    const socket = net.connect(port, '127.0.0.1');
    show('greeting', String((await once(socket, 'data'))[0]));
    socket.write('starttls');
    show('answer', String((await once(socket, 'data'))[0]));
    const over = tls.connect({ socket, ca, servername: 'localhost' });
    await once(over, 'secureConnect');
    over.write('you');
    show('heard', await text(over), over.authorized);
    await closed(server);
  },

  async nested() {
    const server = tls.createServer({ cert, key }, (socket) => {
      const inner = new tls.TLSSocket(socket, { isServer: true, secureContext: tls.createSecureContext(own) });
      inner.on('data', (part) => inner.end(`inner ${part}`));
    });
    const port = await listens(server);
    const outer = tls.connect({ port, host: '127.0.0.1', ca });
    await once(outer, 'secureConnect');
    const inner = tls.connect({ socket: outer, ca: own.cert, servername: 'self.example' });
    await once(inner, 'secureConnect');
    const { CN } = inner.getPeerCertificate().subject;
    inner.write('word');
    show('inner', await text(inner), inner.authorized, CN, inner.getPeerCertificate());
    await closed(server);
  },

  // What is no socket, but a stream of both directions.
  async duplex() {
    const pair = () => {
      const ends = [0, 1].map((i) => new Duplex({ read() {}, write(chunk, _, done) { ends[1 - i].push(chunk); done(); }, final(done) { ends[1 - i].push(null); done(); } }));
      return ends;
    };
    const [one, two] = pair();
    const server = new tls.TLSSocket(two, { isServer: true, secureContext: tls.createSecureContext({ cert, key }) });
    server.on('data', (part) => server.end(`got ${part}`));
    const over = tls.connect({ socket: one, ca, servername: 'localhost' });
    over.write('it');
    show('duplex', await text(over), over.authorized);
  },

  async agents() {
    const server = https.createServer({ cert, key }, (req, res) => res.end('x'));
    const port = await listens(server);
    const agent = new https.Agent({ keepAlive: true, ca, maxSockets: 1 });
    const all = [];
    for (let i = 0; i < 3; i++) {
      const { req } = await ask({ port, agent });
      all.push(req.reusedSocket);
      await new Promise((done) => setImmediate(done));
    }
    show('reused', all);
    const { error } = await ask({ port, agent: new https.Agent({ ca, servername: 'b.example' }) });
    show('of agent', error);
    agent.destroy();
    const name = agent.getName({ host: 'a', port: 1, servername: 's', rejectUnauthorized: false });
    show('name', name.startsWith('a:1:'), name.includes(':s:'), agent.getName({ host: 'a' }) !== agent.getName({ host: 'a', servername: 'b' }));
    show('defaults', agent.defaultPort, agent.protocol, https.globalAgent.protocol, agent instanceof http.Agent);
    await closed(server);
  },

  async upgrades() {
    const server = https.createServer({ cert, key });
    server.on('upgrade', (req, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
    });
    const port = await listens(server);
    const req = https.request({ port, host: 'localhost', ca, agent: false, headers: { connection: 'upgrade', upgrade: 'echo' } });
    req.end();
    const [res, socket] = await once(req, 'upgrade');
    socket.write('over');
    show('upgrade', res.statusCode, String((await once(socket, 'data'))[0]));
    socket.end();
    await once(socket, 'close');
    await closed(server);
  },

  async fetches() {
    const server = https.createServer({ cert, key }, (req, res) => {
      if (req.url === '/away') res.writeHead(302, { location: '/there' }).end();
      else res.end(`${req.method} ${req.url}`);
    });
    const port = await listens(server);
    const res = await fetch(`https://localhost:${port}/away`);
    show('fetch', res.status, res.redirected, await res.text());
    const stranger = https.createServer(own, (req, res) => res.end());
    const at = await listens(stranger);
    show('stranger', await fetch(`https://localhost:${at}/`).then(() => 'answer', (e) => [e.message, e.cause.code, e.cause.message]));
    for (const each of [server, stranger]) {
      each.closeAllConnections();
      await closed(each);
    }
  },

  async material() {
    let theirs;
    const server = tls.createServer({ cert, key }, (socket) => {
      theirs = socket.exportKeyingMaterial(32, 'label', Buffer.from('context'));
      socket.end();
    });
    const port = await listens(server);
    const socket = tls.connect({ port, host: '127.0.0.1', ca });
    try {
      socket.exportKeyingMaterial(32, 'label');
    } catch (e) {
      show('early', told(e));
    }
    await once(socket, 'secureConnect');
    const ours = socket.exportKeyingMaterial(32, 'label', Buffer.from('context'));
    await text(socket);
    show('material', ours.equals(theirs), ours.length);
    await closed(server);
  },

  async identities() {
    const of = (subjectaltname, CN) => ({ subject: { CN }, ...(subjectaltname && { subjectaltname }) });
    const tries = [
      ['a.com', of('DNS:a.com')], ['A.com.', of('DNS:a.com')], ['b.a.com', of('DNS:*.a.com')], ['c.b.a.com', of('DNS:*.a.com')], ['a.com', of('DNS:*.com')], ['b.a.com', of('DNS:b*.a.com')],
      ['xb.a.com', of('DNS:*b.a.com')], ['b.a.com', of('DNS:**.a.com')], ['a.com', of(undefined, 'a.com')], ['a.com', of('DNS:b.com', 'a.com')], ['a.com', of('IP Address:1.2.3.4', 'a.com')], ['1.2.3.4', of('IP Address:1.2.3.4')],
      ['1.2.3.4', of('DNS:1.2.3.4', '1.2.3.4')], ['::1', of('IP Address:0:0:0:0:0:0:0:1')], ['::2', of('IP Address:0:0:0:0:0:0:0:1')], ['a.com', { subject: {} }], ['a.com', {}], ['a.com', of('DNS:"b.com, DNS:a.com", DNS:c.com')],
      ['a.com', of('URI:http://a.com/', undefined)], ['xn--b.a.com', of('DNS:xn--*.a.com')],
    ];
    for (const [host, it] of tries) {
      const error = tls.checkServerIdentity(host, it);
      show(`${host} ${it.subjectaltname ?? it.subject?.CN}`, error ? [error.code, error.reason] : 'fits');
    }
  },
};

(async () => {
  const wanted = process.argv.slice(2);
  for (const [name, run] of Object.entries(cases)) {
    // With roots that the environment adds; they would lengthen the chains of the others.
    if (wanted.length ? !wanted.includes(name) : name === 'fetches') continue;
    show('---', name);
    await run();
  }
})();
