// Uses MariaDB, as any program does that knows nothing of wasmrun.
const mysql = require('mysql2/promise');

(async () => {
  const one = await mysql.createConnection(process.env.DATABASE_URL);
  await one.query('create table notes (id int auto_increment primary key, text varchar(99), data mediumblob) character set utf8mb4');
  const values = Array.from({ length: 100 }, (_, n) => [`größe ${n} 🦀`]);
  const [inserted] = await one.query('insert into notes (text) values ?', [values]);
  const blob = Buffer.alloc(1 << 20, Buffer.from([...Array(256).keys()]));
  await one.execute('insert into notes (text, data) values (?, ?)', ["it's", blob]);
  console.log(inserted.affectedRows);
  await one.beginTransaction();
  await one.query('delete from notes');
  await one.rollback();
  const [[row]] = await one.execute('select text, data from notes where id = ?', [101]);
  console.log(row.text, row.data.equals(blob));
  await one.end();

  const pool = mysql.createPool({ uri: process.env.DATABASE_URL, connectionLimit: 4 });
  const found = await Promise.all(Array.from({ length: 20 }, (_, n) => pool.execute('select text, sleep(0.01) from notes where id = ?', [n + 1])));
  console.log(found.length, found[19][0][0].text);
  const [ids] = await pool.query('select distinct connection_id() as id from notes');
  console.log(ids.length);
  await pool.query('select nothing').catch((error) => console.log(error.code, error.errno));
  await pool.end();
  const url = new URL(process.env.DATABASE_URL);
  url.password = 'wrong';
  await mysql.createConnection(url.href).catch((error) => console.log(error.code));
})();
