// Fetches from a web server, as any program does that knows nothing of wasmrun.
import http from 'node:http';
import axios from 'axios';

const url = process.env.WEB_URL;
const count = async (stream) => {
  let bytes = 0;
  for await (const piece of stream) bytes += piece.length;
  return bytes;
};
const agent = new http.Agent({ keepAlive: true });
const client = axios.create({ baseURL: url, httpAgent: agent });
const uses = async (text) => {
  const said = [];
  for (let n = 0; n < 3; n++) said.push(await text());
  return said.join(' ');
};

const main = async () => {
  let answer = await fetch(`${url}/hello.txt`);
  console.log('fetch', answer.status, (await answer.text()).trim());
  console.log(await uses(async () => (await fetch(`${url}/uses`)).text()));
  answer = await fetch(`${url}/lines.txt`);
  console.log(answer.headers.get('content-encoding'), (await answer.text()).length);
  answer = await fetch(`${url}/moved`);
  console.log(answer.redirected, answer.url.replace(url, ''), (await answer.text()).length);
  answer = await fetch(`${url}/digits.bin`, { headers: { range: 'bytes=6-11' } });
  console.log(answer.status, answer.headers.get('content-range'), await answer.text());
  console.log((await fetch(`${url}/nothing`)).status);
  answer = await fetch(`${url}/post`, { method: 'POST', body: JSON.stringify({ a: 1 }) });
  console.log((await answer.text()).trim());
  console.log(await count((await fetch(`${url}/large.bin`)).body));

  answer = await client.get('/hello.txt');
  console.log('axios', answer.status, answer.data.trim());
  console.log(await uses(async () => (await client.get('/uses')).data));
  console.log((await client.get('/lines.txt')).data.length);
  answer = await client.get('/moved');
  console.log(answer.request.res.responseUrl.replace(url, ''), answer.data.length);
  answer = await client.get('/digits.bin', { headers: { range: 'bytes=6-11' } });
  console.log(answer.status, answer.headers['content-range'], answer.data);
  await client.get('/nothing').catch((error) => console.log(error.code, error.response.status));
  console.log((await client.post('/post', { a: 1 })).data.trim());
  console.log(await count((await client.get('/large.bin', { responseType: 'stream' })).data));
  agent.destroy();
};
main();
