// Node's own server, without a framework.
const http = require('http');

http.createServer((req, res) => {
  res.setHeader('content-type', 'text/plain');
  res.end('Hello');
}).listen(3100);
