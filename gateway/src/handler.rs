//! What serves streams asks this what to do: HTTP/2 of the tunnel, and KohakuRiver's frames.

use super::access::Access;
use super::api;
use super::scope::Operation;
use http::{Request, Response};
use tunnel::mux::{Body, Connected, Handler, Head, Incoming, Refusal, Relayed, Socket};

/// Does what its principal may, and nothing else.
pub struct Judged(
    /// Whose.
    pub Access,
);

impl Handler for Judged {
    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        self.0.connect(head).await
    }

    async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        self.0.associate(head).await
    }

    async fn request(&self, request: Request<Incoming>) -> Response<Body> {
        api::answer(&self.0, request).await
    }

    async fn revoked(&self, head: &Head) {
        self.0.revoked(Operation::Connect, head).await;
    }

    fn ended(&self, head: &Head, relayed: &Relayed) {
        self.0.ended(head, relayed);
    }
}
