import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { streamText } from 'hono/streaming';

type Sum = { numbers: number[] };

const app = new Hono();
app.use(async (context, next) => {
  await next();
  context.header('x-path', context.req.path);
});
app.get('/user/:name', (context) => context.json({ name: context.req.param('name'), query: context.req.query() }));
app.post('/sum', async (context) => {
  const { numbers } = await context.req.json<Sum>();
  return context.json({ sum: numbers.reduce((a, b) => a + b, 0) }, 201);
});
app.post('/form', async (context) => {
  const form = await context.req.formData();
  const file = form.get('file') as File;
  return context.json({ name: file.name, text: await file.text(), field: form.get('field') });
});
app.get('/stream', (context) =>
  streamText(context, async (stream) => {
    for (const word of ['one', 'two', 'three']) {
      await stream.writeln(word);
      await stream.sleep(5);
    }
  }),
);
app.get('/error', () => {
  throw new Error('thrown in a route');
});
app.onError((error, context) => context.text(`refused: ${error.message}`, 500));

serve({ fetch: app.fetch, port: Number(process.env.PORT) });
