import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { greet } from './greet.ts';

const server = http.createServer(async (req, res) => {
  if (req.url === '/reject') {
    res.end('soon');
    throw new Error('nobody caught this');
  }
  const file: string = await readFile(path.join(import.meta.dirname, 'greet.ts'), 'utf8');
  res.end(greet(file.length > 0 ? 'files' : 'nothing'));
});

server.listen(Number(process.env.PORT));
