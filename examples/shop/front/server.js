const express = require('express');

const orders = 'http://orders:5000/orders';
const app = express();

app.get('/', async (request, response) => {
  const items = await (await fetch(orders)).json();
  response.type('text').send(items.map(({ id, item }) => `${id} ${item}\n`).join('') || 'no orders yet\n');
});

app.post('/orders', express.json(), async (request, response) => {
  const answer = await fetch(orders, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ item: String(request.body.item) }),
  });
  response.status(answer.status).json(await answer.json());
});

app.listen(3000);
