// Uses the server that its variable names, by the two clients that people use.
const Redis = require('ioredis');
const { createClient } = require('redis');

(async () => {
  const one = new Redis(process.env.REDIS_URL);
  const pipeline = one.pipeline();
  for (let n = 0; n < 1000; n++) pipeline.incr('count');
  console.log((await pipeline.exec()).at(-1)[1]);
  await one.set('large', 'y'.repeat(3_000_000));
  const other = createClient({ url: process.env.REDIS_URL });
  await other.connect();
  console.log((await other.get('large')).length);
  const news = new Promise((done) => one.on('message', (_, text) => done(text)));
  await one.subscribe('news');
  await other.publish('news', 'published');
  console.log(await news);
  one.disconnect();
  await other.quit();
})();
