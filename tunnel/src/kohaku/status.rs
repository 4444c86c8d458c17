//! The answers of `GET /api/status/NAME`, as JSON. A client asks once before it forwards.

use serde::Serialize;

#[derive(Serialize)]
struct Status<'a> {
    task_id: &'a str,
    task_type: &'static str,
    status: &'static str,
}

#[derive(Serialize)]
struct Detail<'a> {
    detail: &'a str,
}

/// The body of 200: the run is there. A client forwards to what is of the type `vps` or `command` and `running`; a run that
/// is there is both, whether its guest listens or not.
pub fn status(run: &str) -> String {
    let status = Status {
        task_id: run,
        task_type: "vps",
        status: "running",
    };
    serde_json::to_string(&status).unwrap_or_default()
}

/// The body of any other answer, of which a client shows `detail`. It shows words of its own for 404.
pub fn detail(error: &str) -> String {
    serde_json::to_string(&Detail { detail: error }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_task_that_runs() {
        assert_eq!(
            status("web"),
            r#"{"task_id":"web","task_type":"vps","status":"running"}"#
        );
        assert!(status("a\"b").starts_with(r#"{"task_id":"a\"b","#));
        assert_eq!(detail("no \"token\""), r#"{"detail":"no \"token\""}"#);
    }
}
