const fastify = require('fastify');

const app = fastify();
app.register(require('@fastify/cookie'));

const sum = {
  body: { type: 'object', required: ['numbers'], properties: { numbers: { type: 'array', items: { type: 'number' } } } },
  response: { 201: { type: 'object', properties: { sum: { type: 'number' } } } },
};
app.addHook('onSend', async (request, reply) => {
  reply.header('x-route', request.routeOptions.url);
});
app.get('/user/:name', async (request) => ({ name: request.params.name, query: request.query }));
app.post('/sum', { schema: sum }, async (request, reply) => {
  reply.code(201);
  // What the schema does not have is left out.
  return { sum: request.body.numbers.reduce((a, b) => a + b, 0), hidden: true };
});
app.get('/cookie', (request, reply) => {
  reply.setCookie('word', 'one').send({ word: request.cookies.word ?? null });
});
app.get('/error', async () => {
  throw new Error('thrown in a route');
});
app.listen({ port: Number(process.env.PORT), host: '0.0.0.0' });
