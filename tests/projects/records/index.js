// What a program asks of DNS besides addresses, each answer a line.
const dns = require('dns');

const said = (value) => (value instanceof Error ? `${value.code} ${value.syscall} ${value.hostname}` : JSON.stringify(value));
const sorted = (all) => all.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

async function main() {
  const promised = [
    ['resolveSrv', '_mongodb._tcp.cluster.example.com'],
    ['resolveTxt', 'cluster.example.com'],
    ['resolveMx', 'example.com'],
    ['resolveNs', 'example.com'],
    ['resolveCname', 'www.example.com'],
    ['resolveCaa', 'example.com'],
    ['resolve', 'example.com', 'MX'],
    ['resolveSrv', '_none._tcp.example.com'],
    ['resolveMx', 'nowhere.example.com'],
  ];
  for (const [name, ...args] of promised) {
    const answer = await dns.promises[name](...args).then(sorted, (error) => error);
    console.log(name, said(answer));
  }
  const called = (name, ...args) => new Promise((done) => dns[name](...args, (error, found) => done(error ?? sorted(found))));
  console.log('callback', said(await called('resolveSrv', '_mongodb._tcp.cluster.example.com')));
  console.log('callback', said(await called('resolve', 'cluster.example.com', 'TXT')));
  const resolver = new dns.Resolver();
  console.log('resolver', said(await new Promise((done) => resolver.resolveMx('example.com', (error, found) => done(error ?? found)))));
  console.log('resolver', said(await new dns.promises.Resolver().resolveNs('example.com').catch((error) => error)));
  for (const args of [['a', 'XX', () => {}], [5, 'MX', () => {}], ['a', 'MX', 7]]) {
    try {
      dns.resolve(...args);
    } catch (error) {
      console.log(error.name, error.code);
    }
  }
}

main();
