# Each lane is one recipe, for people and for CI.

.PHONY: fmt clippy doc units test deny bench-smoke fuzz

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# That no command compiles what another has compiled.
units:
	.ci/units

test:
	cargo test --workspace

# Licences, advisories, sources and duplicates (needs `cargo install --locked cargo-deny`, and the database of advisories).
deny:
	cargo deny check

# One round: that the bench runs, not what it measures.
bench-smoke:
	cargo build --profile dist --workspace --examples --bins
	bench/forward-peers.sh 1
	bench/cold-start.py 5

# A minute each of what a person may type (needs nightly and `cargo install cargo-fuzz`).
fuzz:
	cd fuzz && cargo +nightly fuzz run rule -- -max_total_time=60
	cd fuzz && cargo +nightly fuzz run config -- -max_total_time=60
	cd fuzz && cargo +nightly fuzz run control -- -max_total_time=60
