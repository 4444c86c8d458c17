import { createServer } from 'node:http';
import { once } from 'node:events';

const server = createServer((req, res) => res.end('served'));
server.listen(3000);
await once(server, 'listening');
console.log('listens');
