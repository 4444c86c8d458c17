// Extensions of Express that many programs have, each behind a route that shows that it works.
const express = require('express');
const fs = require('fs');
const http = require('http');
const path = require('path');

require('dotenv').config({ path: path.join(__dirname, 'words.env'), quiet: true });

const app = express();
app.use(require('morgan')(':method :url :status'));
app.use(require('helmet')());
app.use(require('cors')());
app.use(require('compression')({ threshold: 100 }));
app.use(require('method-override')('X-HTTP-Method-Override'));

const body = require('body-parser');
app.use(body.json());
app.use(body.urlencoded({ extended: true }));
app.post('/form', (req, res) => res.json(req.body));
app.delete('/thing', (req, res) => res.json({ deleted: true }));
app.get('/long', (req, res) => res.send('long '.repeat(1000)));

const count = (req, res) => {
  req.session.count = (req.session.count ?? 0) + 1;
  res.json({ count: req.session.count });
};
const session = require('express-session')({ secret: 'a secret', resave: false, saveUninitialized: true });
app.get('/session', session, count);
app.get('/cookie-session', require('cookie-session')({ keys: ['a key'] }), count);
app.get('/flash', session, require('connect-flash')(), (req, res) => {
  req.flash('note', 'said once');
  res.json(req.flash('note'));
});

const multer = require('multer');
app.post('/upload', multer({ dest: '/tmp/uploads' }).single('file'), (req, res) => {
  const text = fs.readFileSync(req.file.path, 'utf8');
  res.json({ name: req.file.originalname, text, field: req.body.field });
});

const passport = require('passport');
const { BasicStrategy } = require('passport-http');
const LocalStrategy = require('passport-local').Strategy;
const check = (name, word, done) => done(null, word === 'open sesame' && { name });
passport.use(new BasicStrategy(check));
passport.use(new LocalStrategy(check));
const user = (req, res) => res.json(req.user);
app.get('/basic', passport.authenticate('basic', { session: false }), user);
app.post('/login', passport.authenticate('local', { session: false }), user);

const jwt = require('jsonwebtoken');
app.get('/token', (req, res) => {
  const token = jwt.sign({ name: 'somebody' }, 'a key', { expiresIn: '1h' });
  let forged;
  try {
    jwt.verify(token, 'another key');
  } catch (error) {
    forged = error.message;
  }
  res.json({ name: jwt.verify(token, 'a key').name, forged });
});
const bcrypt = require('bcryptjs');
app.get('/password', async (req, res) => {
  const hash = await bcrypt.hash('word', 4);
  res.json([await bcrypt.compare('word', hash), await bcrypt.compare('other', hash)]);
});

app.set('views', path.join(__dirname, 'views'));
app.engine('hbs', require('express-handlebars').engine({ extname: '.hbs', defaultLayout: false }));
app.get('/page/:engine', (req, res) => res.render(`page.${req.params.engine}`, { name: 'somebody' }));

const joi = require('joi');
const { z } = require('zod');
const { query, validationResult } = require('express-validator');
app.get('/checked', query('number').isInt(), (req, res) => {
  res.json({
    joi: joi.object({ number: joi.number() }).validate(req.query).error?.message ?? null,
    validator: validationResult(req).isEmpty(),
    zod: z.object({ number: z.coerce.number() }).safeParse(req.query).success,
  });
});

const { rateLimit } = require('express-rate-limit');
app.get('/limited', rateLimit({ windowMs: 60_000, limit: 1 }), (req, res) => res.send('once'));
app.get('/lodash', (req, res) => res.json(require('lodash').chunk([1, 2, 3], 2)));
app.get('/ids', (req, res) => res.json([require('uuid').v4().length, require('nanoid').nanoid().length]));
app.get('/word', (req, res) => res.json({ word: process.env.WORD }));
app.get('/outward', (req, res) => {
  require('axios').get('http://192.0.2.1/').catch((error) => res.json({ code: error.code }));
});

const winston = require('winston');
const logger = winston.createLogger({ transports: [new winston.transports.Console()] });
app.get('/log', (req, res) => {
  logger.info('said by winston');
  require('pino')().info('said by pino');
  res.end();
});

const server = http.createServer(app);
const { Server } = require('socket.io');
new Server(server).on('connection', (socket) => socket.emit('greeting', { hello: 'you' }));
server.listen(process.env.PORT);
