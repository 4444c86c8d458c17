const express = require('express');
const http = require('http');
const { WebSocketServer } = require('ws');

const VERSION = 'first';

// All that a browser does with a service; what came of it stands in the document.
const PAGE = `<!DOCTYPE html><title>A guest</title><h1>The ${VERSION} one</h1>
<form method=post action=/form><input name=word><button>Send</button></form>
<output id=clock></output> <output id=socket></output> <output id=sent></output> <output id=answers></output>
<script>
const put = (id, text) => { document.getElementById(id).textContent = text; };
new EventSource('/clock').onmessage = (event) => put('clock', event.data);
const connect = () => {
  const socket = new WebSocket('ws://' + location.host + '/socket');
  socket.onopen = () => socket.send('hello');
  socket.onmessage = (event) => put('socket', event.data);
  // As development servers have it: another server, another document.
  socket.onclose = () => { put('socket', 'closed'); setTimeout(again, 100); };
};
const again = async () => {
  try { if (!asking && (await fetch('/')).ok) return location.reload(); } catch {}
  setTimeout(again, 100);
};
connect();
const send = async (size) => {
  const answer = await fetch('/upload', { method: 'POST', body: new Uint8Array(size).fill(7) });
  const back = new Uint8Array(await answer.arrayBuffer());
  put('sent', back.length + ' ' + back.every((byte) => byte === 7));
};
let asking = false;
const ask = async (count) => {
  asking = true;
  let good = 0;
  for (let number = 0; number < count; number += 1) {
    try { good += (await (await fetch('/word')).text()).length === 5; } catch {}
    await new Promise((done) => setTimeout(done, 20));
  }
  put('answers', good + ' of ' + count);
  setTimeout(() => { asking = false; }, 1000);
};
</script>`;

const app = express();
app.get('/', (req, res) => res.cookie('one', '1').cookie('two', '2').send(PAGE));
app.get('/word', (req, res) => res.send(VERSION));
app.get('/away', (req, res) => res.redirect(`http://${req.headers.host}/cookies`));
app.get('/cookies', (req, res) => res.send(`<h1>${req.headers.cookie}</h1>`));
app.post('/form', express.urlencoded({ extended: false }), (req, res) => res.send(`<h1>sent: ${req.body.word}</h1>`));
app.post('/upload', (req, res) => req.pipe(res));
app.get('/clock', (req, res) => {
  res.type('text/event-stream');
  let tick = 0;
  const timer = setInterval(() => res.write(`data: ${(tick += 1)}\n\n`), 50);
  res.on('close', () => clearInterval(timer));
});

const server = http.createServer(app);
const sockets = new WebSocketServer({ server, path: '/socket' });
sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(`${message} back`)));
server.listen(3000);
