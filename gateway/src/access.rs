//! The only way from a principal to the runs: each thing that is done is judged, and said in the audit, here.
//!
//! Whoever answers for somebody (the tunnel, the API, the page, an app's proxy, KohakuRiver's protocol) is given an [`Access`]
//! and nothing else, so there is no path around the rules.

use super::audit::{Audit, Entry, Event};
use super::principal::{Principal, Who};
use super::rules::Rules;
use super::ruling::{Denied, Ruling};
use super::runs::{AnyRuns, Run, Runs};
use super::scope::{self, Operation};
use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tunnel::mux::{Body, Connected, Head, Refusal, Relayed, Socket};

use super::revocable::Revocable;

/// Longest that a stream may wait for its guest, whatever its client asks for.
const PATIENCE: Duration = Duration::from_mins(10);

/// What every [`Access`] shares.
#[derive(Clone)]
pub struct Hall {
    rules: Arc<Rules>,
    runs: Arc<dyn AnyRuns>,
    audit: Arc<Audit>,
}

impl Hall {
    /// Everybody's.
    pub fn new(rules: Arc<Rules>, runs: Arc<impl Runs>, audit: Arc<Audit>) -> Hall {
        Hall { rules, runs, audit }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// The audit.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// One principal's.
    pub fn access(&self, principal: Principal) -> Access {
        Access {
            hall: self.clone(),
            principal: Arc::new(principal),
        }
    }
}

/// What one principal can reach.
#[derive(Clone)]
pub struct Access {
    hall: Hall,
    principal: Arc<Principal>,
}

impl Access {
    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Everybody's part.
    pub fn hall(&self) -> &Hall {
        &self.hall
    }

    /// The ruling at present: what a page does not offer it need not refuse.
    pub fn ruling(&self) -> Arc<Ruling> {
        self.hall.rules.now()
    }

    /// Whether something may be done, without doing it and without a line in the audit.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn may(&self, operation: Operation, run: Option<&str>, port: Option<u16>) -> Result<(), Denied> {
        self.ruling().may(&self.principal, operation, run, port)
    }

    /// The same, where a refusal is said in the audit.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn judge(&self, operation: Operation, run: Option<&str>, port: Option<u16>) -> Result<(), Refusal> {
        self.may(operation, run, port).map_err(|denied| {
            let entry = Entry {
                operation: Some(operation.as_str()),
                run: run.map(str::to_owned),
                port,
                ..Entry::of(Event::Refusal, &self.principal)
            };
            self.hall.audit.say(entry.outcome(&denied));
            denied.refusal()
        })
    }

    /// The runs that this principal may see.
    ///
    /// # Errors
    ///
    /// It may see none, or they cannot be listed.
    pub async fn list(&self) -> Result<Vec<Run>, Refusal> {
        self.judge(Operation::List, None, None)?;
        let mut runs = self.hall.runs.list().await?;
        let ruling = self.ruling();
        if ruling.leads_elsewhere(&self.principal) {
            runs.extend(self.hall.runs.elsewhere());
        }
        runs.retain(|run| {
            ruling
                .may(&self.principal, Operation::State, Some(&run.name), None)
                .is_ok()
        });
        Ok(runs)
    }

    /// A TCP connection to a guest. The caller resets it when [`Access::revoked`] ends, and says [`Access::ended`].
    ///
    /// # Errors
    ///
    /// It may not be, or the guest takes none.
    pub async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        let head = self.admit(Operation::Connect, head)?;
        let revoked = self.revoked(Operation::Connect, &head);
        tokio::select! {
            connected = self.hall.runs.connect(head.clone()) => connected,
            denied = revoked => Err(denied.refusal()),
        }
    }

    /// A socket for datagrams to a guest. The caller ends with it when [`Access::revoked`] ends.
    ///
    /// # Errors
    ///
    /// It may not be, or the guest takes none.
    pub async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        let head = self.admit(Operation::Associate, head)?;
        let revoked = self.revoked(Operation::Associate, &head);
        tokio::select! {
            socket = self.hall.runs.associate(head.clone()) => socket,
            denied = revoked => Err(denied.refusal()),
        }
    }

    /// A head that is allowed, with nothing in it that only its client says.
    fn admit(&self, operation: Operation, mut head: Head) -> Result<Head, Refusal> {
        if !scope::is_name(&head.run) {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such run"));
        }
        self.judge(operation, Some(&head.run), Some(head.port))?;
        head.client = self.principal.from;
        head.wait = head.wait.map(|wait| wait.min(PATIENCE));
        Ok(head)
    }

    /// Ends once a stream of this kind may not be open any more, with the reason. It says so in the audit.
    pub fn revoked(&self, operation: Operation, head: &Head) -> impl Future<Output = Denied> + Send + use<> {
        self.withdrawn(operation, head.run.clone(), Some(head.port))
    }

    /// The same of something that is not a stream yet, or of all ports of a run.
    pub(crate) fn withdrawn(
        &self,
        operation: Operation,
        run: String,
        port: Option<u16>,
    ) -> impl Future<Output = Denied> + Send + use<> {
        let access = self.clone();
        async move {
            let denied = access.lost(operation, Some(&run), port).await;
            // Where the whole session ends, that is one line.
            if access.ruling().enters(&access.principal).is_ok() {
                let entry = Entry {
                    operation: Some(operation.as_str()),
                    run: Some(run),
                    port,
                    ..Entry::of(Event::Stop, &access.principal)
                };
                access.hall.audit.say(entry.outcome(&denied));
            }
            denied
        }
    }

    /// Ends once its principal may not be here any more, whatever they do.
    pub async fn expelled(&self) -> Denied {
        let mut rulings = self.hall.rules.subscribe();
        lost(&mut rulings, &self.principal, |ruling| ruling.enters(&self.principal)).await
    }

    async fn lost(&self, operation: Operation, run: Option<&str>, port: Option<u16>) -> Denied {
        let mut rulings = self.hall.rules.subscribe();
        let may = |ruling: &Ruling| ruling.may(&self.principal, operation, run, port);
        lost(&mut rulings, &self.principal, may).await
    }

    /// A stream that was open has ended.
    pub fn ended(&self, head: &Head, relayed: &Relayed) {
        let outcome = relayed
            .error
            .as_ref()
            .map_or_else(|| "done".to_owned(), ToString::to_string);
        let entry = Entry {
            operation: Some(Operation::Connect.as_str()),
            run: Some(head.run.clone()),
            port: Some(head.port),
            generation: relayed.generation,
            to_guest: Some(relayed.received),
            to_client: Some(relayed.sent),
            seconds: Some(relayed.lasted.as_secs_f64()),
            ..Entry::of(Event::Stream, &self.principal)
        };
        self.hall.audit.say(entry.outcome(outcome));
    }

    /// A request of a run: method, and path and query below `/v1/runs/NAME/`. What the table of operations
    /// ([`scope::of_run`]) does not have is 404. The answer's body fails when it is allowed no longer.
    ///
    /// # Errors
    ///
    /// There is no such operation, or it may not be.
    pub async fn request(
        &self,
        run: &str,
        method: Method,
        path: &str,
        query: Option<&str>,
        body: Bytes,
    ) -> Result<Response<Body>, Refusal> {
        let asked = scope::of_run(&method, path, query).filter(|_| scope::is_name(run));
        let Some(asked) = asked else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "the hub knows no such operation"));
        };
        let operation = asked.operation;
        self.judge(operation, Some(run), None)?;
        let (head, body) = self
            .hall
            .runs
            .request(run, method, &asked.what, body)
            .await
            .into_parts();
        if operation.scope() == scope::Scope::Manage {
            let entry = Entry {
                operation: Some(operation.as_str()),
                run: Some(run.to_owned()),
                ..Entry::of(Event::Manage, &self.principal)
            };
            self.hall.audit.say(entry.outcome(head.status));
        }
        let (access, name) = (self.clone(), run.to_owned());
        let lost = async move { access.lost(operation, Some(&name), None).await };
        // What is about the connection behind has no meaning here, and is an error in HTTP/2 (RFC 9113, 8.2.2).
        let mut response = Response::new(Revocable::new(body, lost).boxed());
        *response.status_mut() = head.status;
        if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        Ok(response)
    }

    /// Whether this is the user that the runs belong to, and not somebody with a part of their rights.
    pub fn is_owner(&self) -> bool {
        matches!(self.principal.who, Who::User { narrowing: None, .. })
    }
}

async fn lost(
    rulings: &mut watch::Receiver<Arc<Ruling>>,
    principal: &Principal,
    may: impl Fn(&Ruling) -> Result<(), Denied>,
) -> Denied {
    loop {
        let ruling = rulings.borrow_and_update().clone();
        if let Err(denied) = may(&ruling) {
            return denied;
        }
        tokio::select! {
            changed = rulings.changed() => if changed.is_err() {
                // Nobody makes rules any more: the hub is ending, which ends this stream by itself.
                std::future::pending::<()>().await;
            },
            () = principal.ended.cancelled() => {}
        }
    }
}
