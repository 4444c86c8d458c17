;; world http: never answers and never waits.
(module
  (memory (export "memory") 1)
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32) (loop $forever (br $forever)))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable)))
