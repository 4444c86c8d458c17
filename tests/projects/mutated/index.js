// Takes apart whatever it is sent, in as many ways as there are.
const express = require('express');

const app = express();
app.set('query parser', 'extended');
app.use(express.json({ limit: '4mb', strict: false }));
app.use(express.urlencoded({ extended: true, limit: '4mb' }));
app.use(express.text({ type: 'text/*', limit: '4mb' }));
app.use(express.raw({ type: '*/*', limit: '4mb' }));
app.all('/{*path}', (req, res) => {
  const found = [req.path, req.query, req.headers, req.accepts('html', 'json'), req.ip, req.hostname];
  const text = JSON.stringify([...found, structuredClone(req.body)]);
  res.json({ size: text.length, same: JSON.stringify(JSON.parse(text)) === text });
});
app.listen(8000);
