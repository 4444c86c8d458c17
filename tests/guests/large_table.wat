;; world http: traps on every request; its table has more elements than the places of an instance pool.
(module
  (memory (export "memory") 1)
  (table 50000 funcref)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32) (unreachable))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable)))
