//! The one configuration of wasmtime, in two tiers: code compiled under it runs under it.

use serde::{Deserialize, Serialize};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Strategy};

/// How much work goes into code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// One pass (Winch): there several times sooner, and slower when it runs. Not every proposal is known to it.
    Baseline,
    /// All that the optimising compiler (Cranelift) can do.
    #[default]
    Optimized,
}

/// Instances that a pool has room for, of requests that are there.
pub(crate) const PLACES: usize = 64;
/// And of those whose body is on its way.
pub(crate) const LATE_PLACES: usize = 16;
/// What a pool is made for: its places, and some whose end is under way.
const POOLED: u32 = (PLACES + LATE_PLACES) as u32 + 16;

/// How deep a guest that lives long may call, in bytes. An interpreter bounds its programs by the stack in its own memory, which
/// is 1 MiB in CPython and 4 MiB in QuickJS, and answers with an exception that a program can catch; the one that the calls are really on
/// must not end before that. It is address space, of which the guest takes what it uses.
const STACK: usize = 256 << 20;
/// What calls of the host need besides.
const STACK_OF_HOST: usize = 2 << 20;

/// How instances get their memory. Compiled code does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allocation {
    /// Mapped when made: right for one instance that lives long.
    OnDemand,
    /// Taken from a pool: right for an instance a request.
    Pooled,
}

/// An engine for compiling and running.
pub(crate) fn engine(allocation: Allocation, tier: Tier) -> Result<Engine> {
    Engine::new(&configuration(allocation, tier))
}

pub(crate) fn configuration(allocation: Allocation, tier: Tier) -> Config {
    let mut config = Config::new();
    config.strategy(match tier {
        Tier::Baseline => Strategy::Winch,
        Tier::Optimized => Strategy::Cranelift,
    });
    config.wasm_component_model_async(true);
    // Only debuggers and profilers of other makers read it, and it is a twentieth of the compiler's work.
    config.native_unwind_info(false);
    // A guest in an endless loop yields at each tick, so that everything around it goes on.
    config.epoch_interruption(true);
    if allocation == Allocation::OnDemand {
        config.max_wasm_stack(STACK).async_stack_size(STACK + STACK_OF_HOST);
    }
    if allocation == Allocation::Pooled {
        let mut pool = PoolingAllocationConfig::default();
        // Each stack costs two system calls at the start. An instance of a component is several of core modules, of which
        // few have memories of their own; numbers of instances cost nothing, memories and tables address space.
        pool.total_stacks(POOLED)
            .total_component_instances(POOLED)
            .total_core_instances(POOLED * 64)
            .total_memories(POOLED * 2)
            .total_tables(POOLED * 4);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// What compiled code depends on besides its source: the compiler's version and settings, and this processor.
pub(crate) fn fingerprint(engine: &Engine) -> [u8; 32] {
    struct Digest(blake3::Hasher);

    impl std::hash::Hasher for Digest {
        fn finish(&self) -> u64 {
            unreachable!("the digest is longer")
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }

    let mut digest = Digest(blake3::Hasher::new());
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut digest);
    *digest.0.finalize().as_bytes()
}
