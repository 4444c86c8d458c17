// What programs expect of the world: arguments, variables, files, timers, streams.
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { word } = require('./words');

let count = 0;

function answer(res, what) {
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify(what));
}

const server = http.createServer((req, res) => {
  count += 1;
  if (req.url === '/slow') {
    setTimeout(() => answer(res, { slow: true }), 2000);
  } else if (req.url === '/crash') {
    throw new Error('crashed on purpose');
  } else if (req.url === '/stream') {
    let number = 0;
    const timer = setInterval(() => {
      res.write(`${number}\n`);
      number += 1;
      if (number === 3) {
        clearInterval(timer);
        res.end();
      }
    }, 20);
  } else if (req.method === 'POST') {
    const hash = crypto.createHash('sha256');
    let length = 0;
    req.on('data', (piece) => {
      length += piece.length;
      if (length <= 1000) hash.update(piece);
    });
    req.on('end', () => answer(res, { length, hash: hash.digest('hex') }));
  } else {
    answer(res, {
      count,
      arguments: process.argv.slice(2),
      script: process.argv[1],
      variable: process.env.GREETING,
      folder: process.cwd(),
      file: fs.readFileSync(path.join(__dirname, 'data.txt'), 'utf8'),
      word,
      random: Math.random(),
      client: req.socket.remoteAddress,
    });
  }
});

server.listen(process.env.PORT, () => console.log('it serves'));
