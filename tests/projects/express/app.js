const cookies = require('cookie-parser');
const express = require('express');
const fs = require('fs');
const path = require('path');

const app = express();
app.use(cookies('a secret'));
app.use(express.json());
app.use(express.static(path.join(__dirname, 'public')));

app.get('/user/:name', (req, res) => res.json({ name: req.params.name, query: req.query }));
app.post('/sum', (req, res) => res.status(201).json({ sum: req.body.numbers.reduce((a, b) => a + b, 0) }));
app.get('/cookie', (req, res) => {
  res.cookie('plain', 'one', { httpOnly: true });
  res.cookie('signed', 'two', { signed: true });
  res.json({ plain: req.cookies.plain ?? null, signed: req.signedCookies.signed ?? null });
});
app.get('/stream', (req, res) => {
  res.type('text/plain');
  fs.createReadStream(path.join(__dirname, 'public/file.txt')).pipe(res);
});
app.get('/slowly', (req, res) => {
  let number = 0;
  const timer = setInterval(() => {
    res.write(`${number}\n`);
    number += 1;
    if (number === 3) {
      clearInterval(timer);
      res.end();
    }
  }, 10);
});
app.get('/download', (req, res) => res.download(path.join(__dirname, 'public/file.txt')));
app.get('/redirect', (req, res) => res.redirect('/user/somebody'));
app.get('/error', () => {
  throw new Error('thrown in a route');
});
app.get('/refused', (req, res, next) => next(Object.assign(new Error('not for you'), { status: 403 })));

const router = express.Router();
router.get('/', (req, res) => res.send(`in ${req.baseUrl}`));
app.use('/part', router);

app.use((error, req, res, next) => {
  if (error.status !== 403) return next(error);
  res.status(403).json({ error: error.message });
});

app.listen(process.env.PORT);
