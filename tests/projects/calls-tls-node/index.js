// Uses the server that its variable names by TLS. The run trusts the server's authority (--ca); the program names none.
const SIZE = 3_000_000;

const kinds = {
  async REDIS_URL(url) {
    const Redis = require('ioredis');
    const one = new Redis(url);
    const pipeline = one.pipeline();
    for (let n = 0; n < 1000; n++) pipeline.incr('count');
    console.log((await pipeline.exec()).at(-1)[1]);
    await one.set('large', 'y'.repeat(SIZE));
    console.log((await one.get('large')).length);
    one.disconnect();
  },

  async POSTGRES_URL(url) {
    const { Client, Pool } = require('pg');
    const one = new Client({ connectionString: url, ssl: true });
    await one.connect();
    const { rows } = await one.query('select version, bits from pg_stat_ssl where pid = pg_backend_pid()');
    console.log(rows[0].version, rows[0].bits);
    console.log((await one.query('select repeat($1, $2::int) as text', ['x', SIZE])).rows[0].text.length);
    await one.end();
    const pool = new Pool({ connectionString: url, ssl: { rejectUnauthorized: false }, max: 4 });
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => pool.query('select $1::int * 2 as twice', [n])));
    console.log(all.map(({ rows: [row] }) => row.twice).join());
    await pool.end();
  },

  async MYSQL_URL(url) {
    const mysql = require('mysql2/promise');
    const one = await mysql.createConnection({ uri: url, ssl: {} });
    console.log((await one.query("show status like 'Ssl_version'"))[0][0].Value);
    console.log((await one.query('select repeat(?, ?) as text', ['x', SIZE]))[0][0].text.length);
    await one.end();
  },

  async WEB_URL(url) {
    const axios = require('axios');
    const https = require('https');
    const { WebSocket } = require('ws');
    console.log((await axios.get(`${url}/axios`)).data);
    console.log((await axios.post(`${url}/large`, 'x'.repeat(SIZE))).data);
    console.log(await (await fetch(`${url}/fetch`)).text());
    console.log(await new Promise((done) => https.get(`${url}/get`, (res) => res.on('data', (part) => done(`${part}`)))));
    const socket = new WebSocket(url.replace('https', 'wss'));
    socket.on('open', () => socket.send('over'));
    console.log(await new Promise((done) => socket.on('message', (text) => done(`${text}`))));
    socket.close();
  },
};

(async () => {
  for (const [name, run] of Object.entries(kinds)) if (process.env[name]) await run(process.env[name]);
})();
