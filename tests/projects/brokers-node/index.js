// A broker, a message bus and a mail server, each by TLS with the clients that people use.
'use strict';
const mqtt = require('mqtt');
const nats = require('nats');
const nodemailer = require('nodemailer');

const { AUTHORITY: ca, MQTT, NATS, SMTP } = process.env;

async function broker() {
  const client = await mqtt.connectAsync(`mqtts://${MQTT}`, { ca });
  const message = new Promise((resolve) => client.on('message', (topic, bytes) => resolve([topic, bytes.toString()])));
  await client.subscribeAsync('topic/#');
  await client.publishAsync('topic/a', 'hello', { qos: 1 });
  const got = await message;
  await client.endAsync();
  return got;
}

async function bus() {
  const connection = await nats.connect({ servers: NATS, tls: { ca } });
  connection.subscribe('upper', { callback: (_, message) => message.respond(message.string().toUpperCase()) });
  const reply = await connection.request('upper', 'hello', { timeout: 5000 });
  await connection.close();
  return reply.string();
}

async function mail() {
  const [host, port] = SMTP.split(':');
  const transport = nodemailer.createTransport({ host, port: Number(port), requireTLS: true, tls: { ca } });
  const attachments = [{ filename: 'a.bin', content: Buffer.alloc(5000, 1) }];
  const sent = await transport.sendMail({ from: 'a@example.org', to: 'b@example.org', subject: 'hello', text: 'body\n'.repeat(1000), attachments });
  return sent.accepted;
}

(async () => {
  for (const call of [broker, bus, mail]) console.log(await call());
})();
