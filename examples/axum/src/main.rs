//! Notes in memory, over HTTP. Nothing here is particular to WebAssembly: `cargo run` serves the same.

mod notes;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use notes::{Draft, Note, Notes};
use tokio::net::TcpListener;

// A guest has one thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let service = Router::new()
        .route("/", get(async || "hello from axum\n"))
        .route("/notes", get(list).post(add))
        .route("/notes/{id}", get(show))
        .with_state(Notes::default());
    let listener = TcpListener::bind("0.0.0.0:3000").await?;
    axum::serve(listener, service).await
}

async fn list(State(notes): State<Notes>) -> Json<Vec<Note>> {
    Json(notes.all())
}

async fn add(State(notes): State<Notes>, Json(draft): Json<Draft>) -> (StatusCode, Json<Note>) {
    (StatusCode::CREATED, Json(notes.add(draft)))
}

async fn show(State(notes): State<Notes>, Path(id): Path<usize>) -> Result<Json<Note>, StatusCode> {
    notes.find(id).map(Json).ok_or(StatusCode::NOT_FOUND)
}
