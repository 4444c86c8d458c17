//! Fetches from a web server over `wasi:http`, as any program does that knows nothing of wasmrun.

use wstd::http::{Body, BodyExt, Client, Error, Request, Response};

#[wstd::main]
async fn main() -> Result<(), Error> {
    let url = std::env::var("WEB_URL").expect("WEB_URL is set");
    let client = Client::new();
    let get = async |path: &str, range: Option<&str>| -> Result<Response<Body>, Error> {
        let mut request = Request::get(format!("{url}{path}"));
        if let Some(range) = range {
            request = request.header("range", range);
        }
        client.send(request.body(Body::empty())?).await
    };
    let mut hello = get("/hello.txt", None).await?;
    print!("{} {}", hello.status(), hello.body_mut().str_contents().await?);
    let moved = get("/moved", None).await?;
    let location = moved.headers()["location"].to_str()?;
    println!("{} {}", moved.status(), location.trim_start_matches(&url));
    let mut part = get("/digits.bin", Some("bytes=6-11")).await?;
    let range = part.headers()["content-range"].to_str()?.to_owned();
    println!("{} {range} {}", part.status(), part.body_mut().str_contents().await?);
    println!("{}", get("/nothing", None).await?.status());
    let request = Request::post(format!("{url}/post")).header("content-type", "text/plain");
    let request = request.body(Body::from("body"))?;
    println!("{}", client.send(request).await?.body_mut().str_contents().await?);

    let mut large = get("/large.bin", None).await?.into_body().into_boxed_body();
    let mut length = 0;
    while let Some(frame) = large.frame().await {
        length += frame?.data_ref().map_or(0, |piece| piece.len());
    }
    println!("{length}");
    let denied = Request::get("http://other.example.com/").body(Body::empty())?;
    println!("{}", client.send(denied).await.unwrap_err());
    Ok(())
}
