# Each lane is one recipe, for people and for CI.

.PHONY: fmt clippy doc units test fuzzed commands deny bench-smoke fuzz

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

# What a guest that broke out could send, in many more forms than `make test` tries.
fuzzed:
	PROPTEST_CASES=2000 cargo test --workspace fuzzed

# Every command of README.md and docs/, as it is typed; the pages' ports have to be free.
commands:
	cargo build --workspace --bins
	LIMIT=250 WASMRUN_CACHE_DIR=$(CURDIR)/target/tmp/cache-$$(id -u) .ci/docs target/debug/wasmrun

# Licences, advisories, sources and duplicates (needs `cargo install --locked cargo-deny`, and the database of advisories).
deny:
	cargo deny check

# One round, of the build that the tests have: that the bench runs, not what it measures.
bench-smoke:
	cargo build --workspace --examples --bins
	EXAMPLES=target/debug/examples bench/forward-peers.sh 1
	TEST_BINARY=target/debug/wasmrun bench/cold-start.py 5

# A minute each of what a person may type (needs nightly and `cargo install cargo-fuzz`).
fuzz:
	cd fuzz && cargo +nightly fuzz run rule -- -max_total_time=60
	cd fuzz && cargo +nightly fuzz run config -- -max_total_time=60
