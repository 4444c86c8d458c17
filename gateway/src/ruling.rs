//! The one place that decides who may what: policy, tokens and scopes as they are at one moment.

use super::grants::Grants;
use super::policy::{Off, Policy, Switch};
use super::principal::{Door, Principal, Who};
use super::scope::{self, Operation, Scope};
use super::token::Token;
use http::StatusCode;
use std::time::SystemTime;
use tunnel::mux::Refusal;

/// Why somebody may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The policy says so.
    #[error(transparent)]
    Off(#[from] Off),
    /// What they came with holds no more.
    #[error("{0} is no longer let in")]
    Gone(String),
    /// Their rights do not include it.
    #[error("{who} has no scope `{scope}`")]
    Scope {
        /// Who.
        who: String,
        /// What is missing.
        scope: Scope,
    },
    /// Their rights do not reach so far.
    #[error("{who} may not reach `{run}`")]
    Run {
        /// Who.
        who: String,
        /// The run, whether it is there or not.
        run: String,
    },
    /// The same of a port.
    #[error("{who} may not connect to port {port}")]
    Port {
        /// Who.
        who: String,
        /// The port.
        port: u16,
    },
}

impl Denied {
    /// As an answer.
    pub fn refusal(&self) -> Refusal {
        let status = match self {
            Denied::Gone(_) => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        };
        let refusal = Refusal::new(status, self.to_string());
        match self {
            Denied::Scope { scope, .. } => refusal.hint(format!(
                "`wasmrun hub token add NAME --allow {scope}` makes a token with it"
            )),
            _ => refusal,
        }
    }
}

/// Policy and tokens of one moment.
#[derive(Clone, Debug, Default)]
pub struct Ruling {
    /// What is allowed at all.
    pub policy: Policy,
    /// Who holds what.
    pub tokens: Vec<Token>,
}

impl Ruling {
    /// Whether a way is open to anybody.
    ///
    /// # Errors
    ///
    /// It is switched off.
    pub fn door(&self, door: Door) -> Result<(), Off> {
        match door {
            // What the tunnel's clients ask over the hub's own socket is no tunnel yet; its streams are ([`Ruling::may`]).
            Door::Pipe | Door::Api => self.policy.switch(Switch::Hub),
            Door::Tunnel => self.policy.switch(Switch::Tunnel),
            Door::Page | Door::App => self.policy.switch(Switch::Browser),
            // Whoever switches tunnels off means this one, too.
            Door::Kohaku => {
                self.policy.switch(Switch::Kohaku)?;
                self.policy.switch(Switch::Tunnel)
            }
        }
    }

    /// Whether somebody may be here, whatever they do.
    ///
    /// # Errors
    ///
    /// Their way is switched off, or what they came with holds no more.
    pub fn enters(&self, principal: &Principal) -> Result<(), Denied> {
        self.door(principal.door)?;
        if principal.ended.is_cancelled() {
            return Err(Denied::Gone(principal.who.to_string()));
        }
        self.holds(&principal.who).map(|_| ())
    }

    /// What somebody was granted, where it still holds.
    fn holds<'a>(&'a self, who: &'a Who) -> Result<&'a Grants, Denied> {
        match who {
            Who::User { narrowing, .. } => Ok(narrowing.as_deref().unwrap_or(&Grants::ALL)),
            Who::Browser { grants, .. } => Ok(grants),
            Who::Anyone => Ok(&Grants::ALL),
            Who::Token { digest, .. } => {
                let now = SystemTime::now();
                let token = self.tokens.iter().find(|token| token.digest == *digest);
                let token = token.filter(|token| !token.has_expired(now));
                token
                    .map(|token| &token.grants)
                    .ok_or_else(|| Denied::Gone(who.to_string()))
            }
        }
    }

    /// Whether somebody may do something: here, to a run, to a port of it.
    ///
    /// # Errors
    ///
    /// They may not. That a run is not theirs is said whether there is one of that name or not.
    pub fn may(
        &self,
        principal: &Principal,
        operation: Operation,
        run: Option<&str>,
        port: Option<u16>,
    ) -> Result<(), Denied> {
        self.enters(principal)?;
        let scope = operation.scope();
        match scope {
            Scope::Manage => self.policy.switch(Switch::Manage)?,
            Scope::Logs => self.policy.switch(Switch::Logs)?,
            Scope::Connect if principal.door == Door::Pipe => self.policy.switch(Switch::Tunnel)?,
            Scope::Connect | Scope::View => {}
        }
        let grants = self.holds(&principal.who)?;
        let who = || principal.who.to_string();
        if !grants.scopes.has(scope) {
            return Err(Denied::Scope { who: who(), scope });
        }
        if let Some(run) = run {
            self.policy.run(run)?;
            let is_foreign = scope::is_elsewhere(run) && !self.leads_elsewhere(principal);
            if is_foreign || !grants.runs.has(run) {
                let run = run.to_owned();
                return Err(Denied::Run { who: who(), run });
            }
        }
        if let Some(port) = port {
            self.policy.port(port)?;
            if !grants.ports.has(port) {
                return Err(Denied::Port { who: who(), port });
            }
        }
        Ok(())
    }

    /// Whether somebody may go on from here to other machines, with this user's keys: their own browser alone, where nothing
    /// narrows it. Hubs that ask each other would go round in circles, and tokens are for this machine.
    pub fn leads_elsewhere(&self, principal: &Principal) -> bool {
        match &principal.who {
            Who::Browser { grants, .. } => grants.runs.is_all() && grants.ports.is_all(),
            Who::User { .. } | Who::Token { .. } | Who::Anyone => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::{Names, Ports};
    use crate::policy::Layer;
    use crate::scope::Scopes;
    use crate::secret::Secret;
    use std::path::Path;
    use std::sync::Arc;

    fn policy(text: &str) -> Policy {
        let layer = Layer::parse(text, Path::new("hub.toml")).unwrap();
        Policy::merge(vec![("hub.toml".into(), layer)])
    }

    fn user(door: Door) -> Principal {
        let who = Who::User {
            uid: 1,
            narrowing: None,
        };
        Principal::new(who, door, None)
    }

    #[test]
    fn each_operation_needs_its_scope_and_no_other() {
        for held in Scope::ALL {
            let grants = Grants {
                scopes: Scopes::of([held]),
                ..Grants::ALL
            };
            let who = Who::Browser {
                session: Secret::new("").digest(),
                grants: Arc::new(grants.clone()),
            };
            for operation in Operation::ALL {
                let principal = Principal::new(who.clone(), Door::Page, None);
                let may = Ruling::default().may(&principal, operation, Some("web"), Some(1));
                assert_eq!(
                    may.is_ok(),
                    grants.scopes.has(operation.scope()),
                    "{held}: {operation:?}"
                );
            }
        }
    }

    #[test]
    fn other_machines_are_for_an_own_browser_alone() {
        let browser = |grants: Grants| {
            let session = Secret::new("").digest();
            let grants = Arc::new(grants);
            Principal::new(Who::Browser { session, grants }, Door::Page, None)
        };
        let named = |names: &[&str]| Grants {
            runs: Names::new(names.iter().map(ToString::to_string).collect()).unwrap(),
            ..Grants::ALL
        };
        let may = |principal: &Principal, run: &str| {
            let ruling = Ruling::default();
            ruling.may(principal, Operation::Connect, Some(run), Some(80)).is_ok()
        };
        assert!(may(&browser(Grants::ALL), "lab~web") && may(&browser(Grants::ALL), "web"));
        for narrowed in [browser(named(&["*"])), browser(named(&["lab~web"])), user(Door::Pipe)] {
            assert!(!may(&narrowed, "lab~web"), "{narrowed:?}");
        }
        assert!(may(&browser(named(&["*"])), "web") && may(&user(Door::Pipe), "web"));
    }

    #[test]
    fn each_switch_closes_its_doors_and_operations() {
        let opens = |text: &str, door, operation| {
            let ruling = Ruling {
                policy: policy(text),
                tokens: Vec::new(),
            };
            ruling.may(&user(door), operation, Some("web"), Some(80)).is_ok()
        };
        let doors = [Door::Tunnel, Door::Pipe, Door::Api, Door::Page, Door::App, Door::Kohaku];
        for door in doors {
            for operation in Operation::ALL {
                let is_connect = operation.opens();
                assert!(opens("", door, operation));
                assert!(!opens("hub = false", door, operation));
                let of_tunnel = matches!(door, Door::Tunnel | Door::Kohaku) || door == Door::Pipe && is_connect;
                assert_eq!(
                    opens("tunnel = false", door, operation),
                    !of_tunnel,
                    "{door:?} {operation:?}"
                );
                assert_eq!(opens("kohaku = false", door, operation), door != Door::Kohaku);
                let of_browser = matches!(door, Door::Page | Door::App);
                assert_eq!(opens("browser = false", door, operation), !of_browser);
                let is_managed = operation.scope() == Scope::Manage;
                assert_eq!(opens("manage = false", door, operation), !is_managed);
                assert_eq!(opens("logs = false", door, operation), operation != Operation::Logs);
                assert!(!opens("runs = [\"db\"]", door, operation));
                assert!(!opens("ports = [81]", door, operation));
            }
        }
    }

    #[test]
    fn a_token_is_what_the_file_says_at_that_moment() {
        let secret = Secret::new("wr_");
        let token = Token {
            name: "laptop".into(),
            digest: secret.digest(),
            grants: Grants {
                scopes: Scopes::of([Scope::Connect]),
                runs: Names::new(vec!["web*".into()]).unwrap(),
                ports: Ports::new(["3000-3999"]).unwrap(),
            },
            expires: None,
        };
        let who = Who::Token {
            name: "laptop".into(),
            digest: secret.digest(),
        };
        let principal = Principal::new(who, Door::Tunnel, None);
        let ruling = |tokens| Ruling {
            policy: Policy::default(),
            tokens,
        };
        let there = ruling(vec![token.clone()]);
        let may = |ruling: &Ruling, run, port| ruling.may(&principal, Operation::Connect, Some(run), Some(port));
        assert_eq!(may(&there, "web1", 3000), Ok(()));
        assert_eq!(
            may(&there, "db", 3000).unwrap_err().to_string(),
            "token laptop may not reach `db`"
        );
        assert_eq!(
            may(&there, "web1", 80).unwrap_err().to_string(),
            "token laptop may not connect to port 80"
        );
        assert_eq!(
            there
                .may(&principal, Operation::Logs, Some("web1"), None)
                .unwrap_err()
                .to_string(),
            "token laptop has no scope `logs`"
        );
        assert!(matches!(may(&ruling(Vec::new()), "web1", 3000), Err(Denied::Gone(_))));
        let expired = Token {
            expires: Some(SystemTime::now()),
            ..token
        };
        assert!(matches!(
            may(&ruling(vec![expired]), "web1", 3000),
            Err(Denied::Gone(_))
        ));
    }

    #[test]
    fn a_browser_whose_session_has_ended_may_nothing() {
        let principal = user(Door::Page);
        principal.ended.cancel();
        assert!(Ruling::default().may(&principal, Operation::List, None, None).is_err());
    }
}
