//! What needs trust, line by line.

use super::canonical;
use crate::settings::file::File;
use crate::settings::typed::Os;
use files::real;
use netns::link::Link;
use netns::{Bind, Rule, egress};
use report::Result;
use std::fmt;

/// One thing that a file asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// As the user knows it from the file.
    line: String,
    /// What it comes to, with what is behind names and links.
    means: String,
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.means)
    }
}

/// Everything that a file, or a service's table in one, asks for with this command line. A link to a sibling, a service of the
/// same file, is not for others to agree to.
pub fn of(os: &Os, file: &File, is_sibling: impl Fn(&str) -> bool) -> Result<Vec<Demand>> {
    let folder = canonical(file.folder())?;
    let mut demands = Vec::new();
    let mut add = |line: String, means: String| {
        let line = match &file.service {
            Some(service) => format!("service `{service}`, {line}"),
            None => line,
        };
        demands.push(Demand { line, means });
    };
    let build = &file.config.build;
    if build.jail == Some(false) && !os.no_build_jail {
        let command = build
            .command
            .as_deref()
            .unwrap_or("the build of the project's language");
        add(
            "`[build] jail = false`".to_owned(),
            format!("runs outside of the build jail, with your privileges: {command}"),
        );
    }
    let command = build.command.is_some();
    // Without an output the artifact is what the build makes.
    let artifact = file.config.guest.artifact.as_ref();
    let paths = [
        ("[build] dir", build.dir.as_ref()),
        ("[build] output", build.output.as_ref()),
        ("[guest] artifact", artifact.filter(|_| build.output.is_none())),
    ];
    for (name, path) in paths {
        if let Some(path) = path.filter(|_| command) {
            let real = real(&folder.join(path));
            if !real.starts_with(&folder) {
                add(
                    format!("`{name} = {path:?}`"),
                    format!("the build may change {}", real.display()),
                );
            }
        }
    }
    for directory in &file.config.guest.dirs {
        let text = directory.get_ref();
        let (path, may) = match text.strip_suffix(":ro") {
            Some(path) => (path, "read"),
            None => (text.as_str(), "read and change"),
        };
        let host = path.split_once("::").map_or(path, |(host, _)| host);
        let real = real(&folder.join(host));
        if !real.starts_with(&folder) {
            add(
                format!("`[guest] dirs`, `{text}`"),
                format!("the guest may {may} {}", real.display()),
            );
        }
    }
    for forward in &file.config.network.forwards {
        // A wrong rule is an error elsewhere.
        let Ok(rule) = forward.get_ref().parse::<Rule>() else {
            continue;
        };
        let address = rule.mappings().find_map(|mapping| match mapping.bind {
            Bind::Address(address) if !address.is_loopback() => Some(address),
            _ => None,
        });
        if let Some(address) = address {
            add(
                format!("`[network] forwards`, `{}`", forward.get_ref()),
                format!("other machines can connect to {address}"),
            );
        }
    }
    let network = &file.config.network;
    for allow in &network.allow {
        // A variable names what the run is given, and a wrong rule is an error elsewhere.
        let Ok(rule) = allow.get_ref().parse::<egress::Rule>() else {
            continue;
        };
        if rule.is_inside() {
            add(
                format!("`[network] allow`, `{}`", allow.get_ref()),
                format!("the guest may connect to {}", rule.meaning()),
            );
        }
    }
    for private in &network.allow_private {
        add(
            format!("`[network] allow-private`, `{}`", private.get_ref()),
            format!("names that the guest may connect to may lead to {}", private.get_ref()),
        );
    }
    if let Some(proxy) = network.proxy.as_ref().map(toml::Spanned::get_ref) {
        // The words are of this machine's own environment; a wrong text is an error elsewhere.
        let proxies = (proxy != "env" && proxy != "none").then(|| egress::Proxies::of_url(proxy, ""));
        if let Some(Ok(proxies)) = proxies {
            add(
                format!("`[network] proxy`, `{proxies}`"),
                format!("connections of the guest go through {proxies}"),
            );
        }
    }
    for link in &network.links {
        let Ok(meant) = link.get_ref().parse::<Link>() else {
            continue;
        };
        if is_sibling(&meant.run) {
            continue;
        }
        add(
            format!("`[network] links`, `{}`", link.get_ref()),
            format!(
                "the guest may connect to {} port {} of the run `{}`",
                meant.protocol.to_string().to_uppercase(),
                meant.to,
                meant.run
            ),
        );
    }
    Ok(demands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        let path = folder.path().join(".wasmrun.toml");
        std::fs::write(&path, text).unwrap();
        let file = File::read(&path).unwrap();
        let found = of(&Os::of_path(folder.path()).unwrap(), &file, |_| false).unwrap();
        found.iter().map(|demand| demand.means.clone()).collect()
    }

    #[test]
    fn what_a_jail_makes_harmless_is_no_question() {
        for text in [
            "",
            "[build]\ncommand = \"make\"\n",
            "[build]\ncommand = \"make\"\noutput = \"out/app.wasm\"\ndir = \"data\"\n",
            "[build]\njail = true\n",
            "[guest]\ndirs = [\"data::/data\", \".::/app:ro\"]\n",
            "[network]\nforwards = [\"8080:80\", \"127.0.0.1:8081:80\", \"[::1]:8082:80\"]\n",
            "[python]\nbuild-packages = true\n",
            "[network]\nallow = [\"db.example.com:5432\", \"*:443\", \"203.0.113.0/24:*\"]\n",
        ] {
            assert_eq!(demands(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_reaches_further_is() {
        for (text, means) in [
            (
                "[build]\njail = false\n",
                "runs outside of the build jail, with your privileges: the build of the project's language",
            ),
            (
                "[build]\ncommand = \"make\"\njail = false\n",
                "runs outside of the build jail, with your privileges: make",
            ),
            (
                "[build]\ncommand = \"x\"\noutput = \"/usr/x.wasm\"\n",
                "the build may change /usr/x.wasm",
            ),
            (
                "[build]\ncommand = \"x\"\ndir = \"/usr\"\n",
                "the build may change /usr",
            ),
            ("[guest]\ndirs = [\"/etc::/e:ro\"]\n", "the guest may read /etc"),
            ("[guest]\ndirs = [\"link::/e\"]\n", "the guest may read and change /etc"),
            (
                "[guest]\ndirs = [\"data/../../..::/e\"]\n",
                "the guest may read and change /",
            ),
            (
                "[network]\nforwards = [\"0.0.0.0:8080:80\"]\n",
                "other machines can connect to 0.0.0.0",
            ),
            (
                "[network]\nforwards = [\"[::]:8080-8090:80-90\"]\n",
                "other machines can connect to ::",
            ),
            (
                "[network]\nallow = [\"localhost:5432\"]\n",
                "the guest may connect to this machine's TCP port 5432, as the guest's own localhost:5432 and host.wasmrun.internal:5432",
            ),
            (
                "[network]\nallow = [\"10.0.0.0/8:80\"]\n",
                "the guest may connect to TCP port 80 of 10.0.0.0/8",
            ),
            (
                "[network]\nallow-private = [\"10.0.0.0/8\"]\n",
                "names that the guest may connect to may lead to 10.0.0.0/8",
            ),
            (
                "[network]\nlinks = [\"cache=valkey:6379\"]\n",
                "the guest may connect to TCP port 6379 of the run `valkey`",
            ),
        ] {
            assert_eq!(demands(text), [means], "{text}");
        }
    }
}
