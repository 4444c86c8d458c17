const Koa = require('koa');
const Router = require('@koa/router');
const bodyParser = require('koa-bodyparser');
const fs = require('fs');

const app = new Koa();
const router = new Router();

// What comes after a request's own middleware sees what it did.
app.use(async (ctx, next) => {
  await next();
  ctx.set('x-length', String(ctx.length ?? 'unknown'));
});
app.use(bodyParser());
router.get('/user/:name', (ctx) => {
  ctx.body = { name: ctx.params.name };
});
router.post('/echo', (ctx) => {
  ctx.body = ctx.request.body;
});
router.get('/file', (ctx) => {
  ctx.type = 'text/plain';
  ctx.body = fs.createReadStream(__filename);
});
router.get('/error', async (ctx) => {
  await null;
  ctx.throw(418, 'a teapot');
});
app.use(router.routes());
app.listen(process.env.PORT);
