// package.json does not say what this is: it says so itself.
import http from 'node:http';
import { parseEnv } from 'node:util';

const { NAME, PLAIN, SINGLE, PORT } = process.env;
http
  .createServer((req, res) => res.end(JSON.stringify([process.argv.slice(2), NAME, PLAIN, SINGLE, parseEnv('A=`b`')])))
  .listen(PORT);
