import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { greet } from './greet.ts';
import { fail, place } from './deep/place.ts';

const server = http.createServer(async (req, res) => {
  if (req.url === '/reject') {
    res.end('soon');
    throw new Error('nobody caught this');
  }
  if (req.url === '/places') return res.end(JSON.stringify([place(), [import.meta.url, import.meta.dirname]]));
  if (req.url === '/stack') return res.end(new Error('looked at').stack);
  if (req.url === '/throw') setImmediate(fail);
  const file: string = await readFile(path.join(import.meta.dirname, 'greet.ts'), 'utf8');
  res.end(greet(file.length > 0 ? 'files' : 'nothing'));
});

server.listen(Number(process.env.PORT));
