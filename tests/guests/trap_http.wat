;; world http: traps on every request.
(module
  (memory (export "memory") 1)
  (func $no_answer (unreachable))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32) (call $no_answer))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable)))
