;; A component that imports what nobody provides.
(component
  (import "acme:vault/keys@1.0.0" (instance $keys (export "count" (func (result u32)))))
  (core module $m
    (memory (export "memory") 1)
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exported)))
