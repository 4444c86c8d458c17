//! What the sessions of a context have in common, parsed once.

use crate::failure::Failure;
use crate::identity;
use crate::judge::Judge;
use crate::provider::provider;
use crate::roots::Roots;
use crate::settings::{Ask, Settings, Verify};
use crate::verifier::Verifier;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::server::ServerSessionMemoryCache;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DistinguishedName, ServerConfig, SupportedProtocolVersion, version};
use std::sync::Arc;

/// Most bytes of names of authorities that a server asks its clients with.
const HINTS: usize = 8 * 1024;
/// Most servers that a client's context resumes sessions with, and most sessions that a server's does without tickets.
const RESUMED: usize = 256;

/// What the sessions of a context have in common.
pub struct Config {
    pub(crate) side: Side,
    pub(crate) judge: Arc<Judge>,
    pub(crate) verify: Verify,
}

pub(crate) enum Side {
    Client {
        config: Arc<ClientConfig>,
        /// The same, for peers that have no name by which a session of theirs could be found again.
        nameless: Arc<ClientConfig>,
    },
    Server(Arc<ServerConfig>),
}

impl Config {
    /// Parses settings. `system` gives the roots that this machine trusts, and is asked only where they are wanted.
    ///
    /// # Errors
    ///
    /// A certificate or key cannot be used, there is no version, a server has no certificate, or this machine's roots are not to
    /// be had: the text of `system`.
    pub fn create(settings: &Settings, system: impl FnOnce() -> Result<Arc<Roots>, String>) -> Result<Config, Failure> {
        let algorithms = provider().signature_verification_algorithms;
        let judge = Arc::new(Judge {
            named: Roots::named(&settings.roots)?,
            system: settings.system_roots.then(system).transpose().map_err(Failure::new)?,
            algorithms,
        });
        let verifier = Arc::new(Verifier {
            judge: judge.clone(),
            verify: settings.verify,
            is_mandatory: settings.ask == Ask::Required,
            hints: hints(&judge.named),
            algorithms,
        });
        let identity = settings.identity.as_ref().map(identity::load).transpose()?;
        let identity = identity.map(|identity| Arc::new(SingleCertAndKey::from(identity)));
        let side = match settings.server {
            true => Side::Server(server(settings, verifier, identity)?),
            false => client(settings, verifier, identity)?,
        };
        Ok(Config {
            side,
            judge,
            verify: settings.verify,
        })
    }
}

impl Config {
    /// What a client's sessions have in common, for those who have rustls do their I/O; none of a server's.
    pub fn client(&self) -> Option<Arc<ClientConfig>> {
        match &self.side {
            Side::Client { config, .. } => Some(config.clone()),
            Side::Server(_) => None,
        }
    }
}

fn versions(settings: &Settings) -> Result<Vec<&'static SupportedProtocolVersion>, Failure> {
    let all = [&version::TLS13, &version::TLS12].into_iter();
    let spoken = |version: &&SupportedProtocolVersion| {
        let number = u16::from(version.version);
        settings.minimum <= number && number <= settings.maximum
    };
    let versions: Vec<_> = all.filter(spoken).collect();
    match versions.is_empty() {
        true => Err(Failure::new("no protocols available")),
        false => Ok(versions),
    }
}

fn failure(error: rustls::Error) -> Failure {
    Failure::of(&error, None, Vec::new())
}

fn client(
    settings: &Settings,
    verifier: Arc<Verifier>,
    identity: Option<Arc<SingleCertAndKey>>,
) -> Result<Side, Failure> {
    let builder = ClientConfig::builder_with_provider(provider().clone());
    let builder = builder.with_protocol_versions(&versions(settings)?).map_err(failure)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = settings.protocols.clone();
    config.resumption = Resumption::in_memory_sessions(RESUMED);
    let mut nameless = config.clone();
    nameless.resumption = Resumption::disabled();
    Ok(Side::Client {
        config: Arc::new(config),
        nameless: Arc::new(nameless),
    })
}

fn server(
    settings: &Settings,
    verifier: Arc<Verifier>,
    identity: Option<Arc<SingleCertAndKey>>,
) -> Result<Arc<ServerConfig>, Failure> {
    let identity = identity.ok_or_else(|| Failure::new("no certificate assigned"))?;
    let builder = ServerConfig::builder_with_provider(provider().clone());
    let builder = builder.with_protocol_versions(&versions(settings)?).map_err(failure)?;
    let builder = match settings.ask {
        Ask::No => builder.with_no_client_auth(),
        Ask::Optional | Ask::Required => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(identity);
    config.alpn_protocols = settings.protocols.clone();
    config.session_storage = ServerSessionMemoryCache::new(RESUMED);
    config.ticketer = ring::Ticketer::new().map_err(failure)?;
    Ok(Arc::new(config))
}

/// The names of the roots that the user has named, where they are few: browsers choose certificates by them.
fn hints(roots: &Roots) -> Vec<DistinguishedName> {
    let subjects = roots.anchors().iter().map(|anchor| &*anchor.subject);
    match subjects.clone().map(<[u8]>::len).sum::<usize>() > HINTS {
        true => Vec::new(),
        false => subjects.map(DistinguishedName::in_sequence).collect(),
    }
}
