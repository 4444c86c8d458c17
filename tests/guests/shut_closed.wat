;; wasip1: shuts down a descriptor that is not open, and one that is no socket; exits with 16 times the first errno, and the second less 50.
(module
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (call $exit (i32.add
      (i32.mul (i32.const 16) (call $shutdown (i32.const 99) (i32.const 1)))
      (i32.sub (call $shutdown (i32.const 1) (i32.const 1)) (i32.const 50))))))
