const http = require('http');
const { WebSocketServer } = require('ws');

const server = http.createServer((req, res) => res.end(`${sockets.clients.size} open\n`));
const sockets = new WebSocketServer({ server, path: '/socket' });
sockets.on('connection', (socket, req) => {
  socket.send(`welcome to ${req.url}`);
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
});
server.listen(process.env.PORT);
