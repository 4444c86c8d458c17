// Answers what clients of HTTP have to cope with.
const http = require('http');
const zlib = require('zlib');

let connections = 0;
const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    const body = Buffer.concat(chunks).toString();
    const { method, url, headers } = request;
    if (url === '/redirect') return response.writeHead(302, { location: '/echo' }).end();
    if (url === '/away') return response.writeHead(302, { location: 'http://elsewhere.example.com/' }).end();
    if (url === '/cut') return response.writeHead(200, { 'content-length': 100 }).write('half', () => request.socket.destroy());
    if (url === '/silent') return;
    if (url === '/gzip') return response.writeHead(200, { 'content-encoding': 'gzip' }).end(zlib.gzipSync('unpacked'));
    if (url === '/large') {
      response.writeHead(200, { trailer: 'x-sum' });
      for (let part = 0; part < 64; part++) response.write('x'.repeat(16384));
      response.addTrailers({ 'x-sum': '1048576' });
      return response.end();
    }
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method, url, body, host: headers.host, type: headers['content-type'], connections }));
  });
});
server.on('connection', () => connections++);
server.listen(3000);
