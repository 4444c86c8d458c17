;; wasip1: exits with the flags of descriptor 3, a listener; 4 is NONBLOCK.
(module
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (call $fdstat (i32.const 3) (i32.const 0)) (then (unreachable)))
    (call $exit (i32.load16_u offset=2 (i32.const 0)))))
