//! Uses PostgreSQL, as any program does that knows nothing of wasmrun.

use std::net::ToSocketAddrs;
use tokio::net::TcpStream;
use tokio_postgres::config::Host;
use tokio_postgres::{Config, Error, NoTls};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("it needs nothing").block_on(uses())
}

async fn uses() -> Result<(), Error> {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is set");
    let config: Config = url.parse()?;
    // The crate's own `connect` takes socket2, and tokio's looks names up in a thread: neither is there in WASI.
    let (Host::Tcp(host), port) = (&config.get_hosts()[0], config.get_ports()[0]);
    let addresses: Vec<_> = (host.as_str(), port)
        .to_socket_addrs()
        .expect("it has an address")
        .collect();
    let stream = TcpStream::connect(&addresses[..]).await.expect("the server is there");
    let (mut client, connection) = config.connect_raw(stream, NoTls).await?;
    let connection = tokio::spawn(connection);
    client
        .batch_execute("create table notes (id serial primary key, text text)")
        .await?;
    let insert = client.prepare("insert into notes (text) values ($1)").await?;
    let transaction = client.transaction().await?;
    for n in 0..100 {
        transaction.execute(&insert, &[&format!("größe {n}")]).await?;
    }
    transaction.commit().await?;
    let row = client.query_one("select count(*), max(text) from notes", &[]).await?;
    println!("{} {}", row.get::<_, i64>(0), row.get::<_, &str>(1));
    let row = client.query_one("select repeat('x', 3000000)", &[]).await?;
    println!("{}", row.get::<_, &str>(0).len());
    let error = client.query("select nothing", &[]).await.unwrap_err();
    println!("{:?}", error.code().map(|code| code.code()));
    drop(client);
    connection.await.expect("it does not panic")
}
