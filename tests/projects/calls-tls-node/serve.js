// A server by TLS that says what it is asked, and what a WebSocket says to it.
const { readFileSync } = require('fs');
const https = require('https');
const { join } = require('path');
const { WebSocketServer } = require('ws');

const [cert, key] = ['server.pem', 'server.key'].map((name) => readFileSync(join(__dirname, name)));
const server = https.createServer({ cert, key }, async (req, res) => {
  let size = 0;
  for await (const part of req) size += part.length;
  res.end(`${req.method} ${req.url} ${size} ${req.socket.getProtocol()}`);
});
new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', (text) => socket.send(`heard ${text}`)));
server.listen(+process.env.PORT || 3443, () => console.log('serving'));
