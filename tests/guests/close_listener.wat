;; wasip1: closes its listener, descriptor 3, and exits with the errno of a second close and of opening "0" there: both
;; must be EBADF (8), so 88.
(module
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "0")
  (func (export "_start")
    (drop (call $close (i32.const 3)))
    (call $exit (i32.add
      (i32.mul (i32.const 10) (call $close (i32.const 3)))
      (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))))))
