//! What a build is told: variables of the user's that tools need, and none that has a secret.

use std::ffi::{OsStr, OsString};

/// Names that are passed on.
const NAMES: [&str; 40] = [
    "AR",
    "CC",
    "CFLAGS",
    "CI",
    "CLICOLOR",
    "COLORTERM",
    "CPPFLAGS",
    "CXX",
    "CXXFLAGS",
    "CURL_CA_BUNDLE",
    "EMSDK",
    "GIT_SSL_CAINFO",
    "HOME",
    "JAVA_HOME",
    "LANG",
    "LANGUAGE",
    "LD",
    "LDFLAGS",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "MAKEFLAGS",
    "NIX_SSL_CERT_FILE",
    "NM",
    "NO_COLOR",
    "NODE_EXTRA_CA_CERTS",
    "NODE_PATH",
    "NVM_DIR",
    "PATH",
    "RANLIB",
    "REQUESTS_CA_BUNDLE",
    "SHELL",
    "SOURCE_DATE_EPOCH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "WASI_SDK_PATH",
    "ZIG_GLOBAL_CACHE_DIR",
];
/// How other names begin that are passed on.
const FAMILIES: [&str; 11] = [
    "BINARYEN_",
    "CARGO_",
    "CGO_",
    "CMAKE_",
    "GO",
    "LC_",
    "PKG_CONFIG",
    "PYENV_",
    "PYTHON",
    "RUST",
    "TINYGO",
];
/// The same for package managers: where packages are, often with a password.
const REGISTRIES: [&str; 4] = ["PIP_", "UV_", "npm_config_", "NPM_CONFIG_"];
/// Proxies, in either case (curl(1)).
const PROXIES: [&str; 5] = ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"];
/// What names have whose values nobody else should see.
const SECRETS: [&str; 8] = [
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "AUTH",
    "CREDENTIAL",
    "_KEY",
    "GOOGLE",
];
/// What would lead to a place that is not there, or is nobody's but the caller's.
const ELSEWHERE: [&str; 7] = [
    "GOTMPDIR",
    "CARGO_MANIFEST_DIR",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_MAKEFLAGS",
    "PYTHONSTARTUP",
    "UV_CACHE_DIR",
];

/// The user's variables that a build has; one that only fetches packages has those of package managers, too.
pub(crate) fn variables(fetches: bool) -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(move |(name, _)| is_passed_on(name) || (fetches && is_of_registry(name)))
}

fn is_of_registry(name: &OsStr) -> bool {
    let name = name.to_str().unwrap_or_default();
    REGISTRIES.iter().any(|family| name.starts_with(family)) && !ELSEWHERE.contains(&name)
}

fn is_passed_on(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let upper = name.to_ascii_uppercase();
    let is_known = NAMES.contains(&name)
        || FAMILIES.iter().any(|family| name.starts_with(family))
        || PROXIES.contains(&name.to_ascii_lowercase().as_str());
    is_known && !ELSEWHERE.contains(&name) && !SECRETS.iter().any(|secret| upper.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::is_passed_on;
    use std::ffi::OsStr;

    #[test]
    fn secrets_stay_behind() {
        for (name, expected) in [
            ("PATH", true),
            ("RUSTFLAGS", true),
            ("CARGO_NET_OFFLINE", true),
            ("GOPROXY", true),
            ("LC_ALL", true),
            ("https_proxy", true),
            ("CARGO_REGISTRY_TOKEN", false),
            ("CARGO_REGISTRIES_MINE_TOKEN", false),
            ("npm_config_//registry.example/:_authToken", false),
            ("UV_INDEX_MINE_PASSWORD", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("GITHUB_TOKEN", false),
            ("SSH_AUTH_SOCK", false),
            ("DATABASE_URL", false),
            ("GOOGLE_APPLICATION_CREDENTIALS", false),
            ("LD_PRELOAD", false),
            ("XDG_RUNTIME_DIR", false),
            ("NODE_OPTIONS", false),
        ] {
            assert_eq!(is_passed_on(OsStr::new(name)), expected, "{name}");
        }
    }
}
