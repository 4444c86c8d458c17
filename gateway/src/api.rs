//! `/v1/runs` and below, the same over the tunnel and as plain HTTP.

use super::access::Access;
use super::answer;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use std::time::Duration;
use tunnel::mux::{Body, Refusal};

/// Longest body of a request, in bytes.
const BODY: usize = 64 * 1024;
/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers a request.
///
/// * `GET /v1/runs`: the names of all runs that its sender may see; with `?full=true` what there is to know of each.
/// * `/v1/runs/NAME/...`: a request of that run, where the table of operations has it.
pub(crate) async fn answer<B>(access: &Access, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match answered(access, request).await {
        Ok(response) => response,
        Err(refusal) => answer::refusal(&refusal),
    }
}

async fn answered<B>(access: &Access, request: Request<B>) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, "the hub knows no such operation");
    let (head, body) = request.into_parts();
    let rest = head.uri.path().strip_prefix("/v1/runs").ok_or_else(unknown)?;
    if rest.is_empty() {
        if head.method != Method::GET {
            return Err(unknown());
        }
        let runs = access.list().await?;
        return Ok(match head.uri.query() {
            Some("full=true") => answer::json(StatusCode::OK, &runs),
            _ => {
                let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
                answer::json(StatusCode::OK, &names)
            }
        });
    }
    let (run, path) = rest
        .strip_prefix('/')
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(unknown)?;
    let body = read(body).await?;
    access.request(run, head.method, path, head.uri.query(), body).await
}

/// A body, bounded in length and time.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, BODY).collect()).await;
    match read {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the request's body is too long",
        )),
        Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "the request's body failed")),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body did not come in time",
        )),
    }
}
