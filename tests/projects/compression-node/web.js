// Encoded bodies and web streams: the same here and in Node.
const http = require('node:http');
const zlib = require('node:zlib');
const text = 'hello world '.repeat(5000);
const BODIES = {
  gzip: zlib.gzipSync(text), deflate: zlib.deflateSync(text), br: zlib.brotliCompressSync(text), 'x-gzip': zlib.gzipSync(text), 'deflate, gzip': zlib.gzipSync(zlib.deflateSync(text)),
  other: Buffer.from(text), identity: Buffer.from(text),
};
const raw = zlib.deflateRawSync(text);
const answer = (request, response) => {
  const name = decodeURIComponent(request.url.slice(1));
  if (name === 'raw') return response.writeHead(200, { 'content-encoding': 'deflate' }).end(raw);
  if (name === 'broken') return response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip at all');
  if (name === 'cut') return response.writeHead(200, { 'content-encoding': 'gzip' }).end(BODIES.gzip.subarray(0, 100));
  if (name === 'asked') return response.end(request.headers['accept-encoding']);
  response.writeHead(200, { 'content-encoding': name }).end(BODIES[name]);
};
const line = async (name, ask) => {
  try {
    console.log(name, JSON.stringify(await ask()));
  } catch (error) {
    console.log(name, error.name, error.code ?? '', error.message);
  }
};
const through = async (stream, parts) => {
  const writer = stream.writable.getWriter();
  const written = (async () => {
    for (const part of parts) await writer.write(part);
    await writer.close();
  })();
  written.catch(() => {});
  const all = [];
  for await (const chunk of stream.readable) all.push(chunk);
  await written;
  return Buffer.concat(all);
};
const server = http.createServer(answer).listen(8400, async () => {
  const base = 'http://localhost:8400/';
  for (const name of [...Object.keys(BODIES), 'raw']) await line(name, async () => { const body = await (await fetch(base + encodeURIComponent(name))).text(); return [body.length, body === text]; });
  await line('cut', async () => (await (await fetch(`${base}cut`)).text()).length > 0);
  await line('broken', async () => (await fetch(`${base}broken`)).text().catch((error) => error.name));
  await line('asked', async () => (await fetch(`${base}asked`)).text());
  for (const format of ['gzip', 'deflate', 'deflate-raw']) {
    await line(`stream of ${format}`, async () => {
      const packed = await through(new CompressionStream(format), [Buffer.from(text), new Uint8Array(3)]);
      return (await through(new DecompressionStream(format), [packed.subarray(0, 20), packed.subarray(20)])).length;
    });
  }
  await line('by zlib', async () => zlib.gunzipSync(await through(new CompressionStream('gzip'), [Buffer.from('hello')])).toString());
  await line('in a pipe', async () => new Response(new Response(BODIES.gzip).body.pipeThrough(new DecompressionStream('gzip'))).text().then((body) => body.length));
  await line('no format', async () => { try { return new CompressionStream('xyz'); } catch (error) { return [error.name, error.code]; } });
  await line('broken stream', () => through(new DecompressionStream('gzip'), [Buffer.from('no gzip at all')]).catch((error) => error.code));
  await line('cut stream', () => through(new DecompressionStream('gzip'), [BODIES.gzip.subarray(0, 50)]).catch((error) => error.code));
  await line('names', async () => [Object.prototype.toString.call(new CompressionStream('gzip')), typeof DecompressionStream, Object.keys(globalThis).includes('CompressionStream')]);
  server.close();
  server.closeAllConnections();
});
