//! Compiled functions of the last builds, so that of the next one only what is new has to be compiled.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wasmtime::CacheStore;

/// A function that so many builds in a row did not have is forgotten.
const BUILDS: u32 = 4;

/// Functions by cranelift's key, which is a digest of everything that their code depends on.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    known: Mutex<HashMap<Box<[u8]>, Function>>,
    build: AtomicU32,
}

#[derive(Debug)]
struct Function {
    code: Vec<u8>,
    /// The last build that had it.
    build: u32,
}

impl Functions {
    /// Ends a build.
    pub(crate) fn next_build(&self) {
        let build = self.build.fetch_add(1, Ordering::Relaxed) + 1;
        self.known()
            .retain(|_, function| build.wrapping_sub(function.build) <= BUILDS);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Function>> {
        // Each step leaves the map whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut known = self.known();
        let function = known.get_mut(key)?;
        function.build = self.build.load(Ordering::Relaxed);
        Some(Cow::Owned(function.code.clone()))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        let build = self.build.load(Ordering::Relaxed);
        self.known().insert(key.into(), Function { code, build });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::engine::Tier;

    #[test]
    fn what_builds_have_not_had_for_long_is_forgotten() {
        let functions = Functions::default();
        assert!(functions.insert(b"old", vec![1]) && functions.insert(b"kept", vec![2]));
        for _ in 0..=BUILDS {
            functions.next_build();
            assert!(functions.get(b"kept").is_some());
        }
        assert!(functions.get(b"old").is_none());
        assert_eq!(functions.known().len(), 1);
    }

    #[test]
    fn a_build_that_differs_in_one_function_is_compiled_to_the_same_as_without_the_others_in_memory() {
        let module = |constant: u32| {
            format!(
                "(module (func (export \"a\") (result i32) (i32.const 1)) (func (export \"b\") (result i32) (i32.const {constant})))"
            )
        };
        let mut compiler = crate::Compiler::for_many_builds();
        compiler.compile(module(2).as_bytes(), Tier::Optimized).unwrap();
        let incremental = compiler.compile(module(3).as_bytes(), Tier::Optimized).unwrap();
        let engine = crate::code::engine::engine(crate::code::engine::Allocation::OnDemand, Tier::Optimized).unwrap();
        #[expect(unsafe_code, reason = "the code comes from the compiler above")]
        // SAFETY: it is the compiler's own output.
        let module = unsafe { wasmtime::Module::deserialize(&engine, incremental) }.unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        store.set_epoch_deadline(1);
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
        for (name, result) in [("a", 1), ("b", 3)] {
            let function = instance.get_typed_func::<(), i32>(&mut store, name).unwrap();
            assert_eq!(function.call(&mut store, ()).unwrap(), result);
        }
    }
}
