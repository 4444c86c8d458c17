//! Forms that were sent.

use http_body_util::BodyExt;
use std::collections::HashMap;
use tunnel::mux::Body;

/// The fields of a form; of those with one name the first. The gateway bounds its length.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// What cannot be read has no fields.
    pub(super) async fn read(body: Body) -> Form {
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(&body) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Form(fields)
    }

    /// A field without spaces around it; empty where it is missing.
    pub(super) fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }
}
