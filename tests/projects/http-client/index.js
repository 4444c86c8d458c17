// Asks api:3000, a guest of its own, in each way that programs do.
const http = require('http');
const https = require('https');
const axios = require('axios');

const base = 'http://api:3000';
const say = (name, value) => console.log(name, JSON.stringify(value));
const why = (error) => error.cause?.code ?? error.code ?? error.name;

const ask = (path, options = {}, body) => new Promise((resolve, reject) => {
  const request = http.request(base + path, options, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
    response.on('end', () => resolve({ response, request, text })).on('error', reject);
  });
  request.on('error', reject).end(body);
});

(async () => {
  const first = await ask('/echo?a=1', { method: 'PUT', headers: { 'content-type': 'text/plain' } }, 'größe');
  say('request', [first.response.statusCode, JSON.parse(first.text), first.response.headers['set-cookie']]);
  const second = await ask('/echo');
  say('kept', [second.request.reusedSocket, JSON.parse(second.text).connections]);
  const large = await ask('/large');
  say('trailers', [large.text.length, large.response.trailers]);
  say('cut', await ask('/cut').catch(why));
  const late = http.get(base + '/silent', { timeout: 50 });
  late.on('timeout', () => late.destroy()).on('error', async (error) => {
    say('timeout', why(error));
    say('nobody', await ask('', { port: 3999 }).catch(why));
    say('refused', await fetch('http://other.example.com/').catch(why));
    say('redirect', await (await fetch(base + '/redirect', { method: 'POST', body: 'x' })).json());
    say('away', await fetch(base + '/away').catch(why));
    say('gzip', await (await fetch(base + '/gzip')).text());
    say('abort', await fetch(base + '/silent', { signal: AbortSignal.timeout(50) }).catch((error) => error.name));
    const parts = [];
    for await (const part of (await fetch(base + '/large')).body) parts.push(part.length);
    say('stream', [parts.length > 1, parts.reduce((sum, length) => sum + length)]);
    const many = await Promise.all(Array.from({ length: 20 }, (_, number) => fetch(`${base}/${number}`).then((answer) => answer.json())));
    say('many', many.map((answer) => answer.url).join(''));
    const posted = await axios.post(base + '/redirect', { a: 1 });
    say('axios', [posted.status, posted.data.method, posted.data.url]);
    say('axios error', await axios.get('http://other.example.com/').catch(why));
    say('https', await new Promise((done) => https.get('https://secure.example.com/').on('error', (error) => done(error.code))));
    // Nothing is left that would keep it alive.
  });
})();
