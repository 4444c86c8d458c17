// The other services, the database, the cloud's credentials, a stranger: none of them was given to this one.
const places = ['http://orders:5000/', 'http://localhost:5432/', 'http://169.254.169.254/', 'http://example.com/'];

setTimeout(async () => {
  for (const place of places) {
    const said = await fetch(place).then((answer) => answer.status, (error) => error.cause?.code ?? error.message);
    console.log(`${place} ${said}`);
  }
}, 1000);
setInterval(() => {}, 60_000);
