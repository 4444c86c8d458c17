;; wasip1: accepts one connection on descriptor 3, sends "x" to it, closes the listener, and sleeps for a minute.
(module
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; 0 the connection; 8 its buffer; 16 "x"; 32 a subscription to the clock; 96 its event.
  (data (i32.const 16) "x")
  (func (export "_start")
    (if (call $accept (i32.const 3) (i32.const 0) (i32.const 0)) (then (unreachable)))
    (i32.store (i32.const 8) (i32.const 16))
    (i32.store (i32.const 12) (i32.const 1))
    (drop (call $write (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 24)))
    (drop (call $close (i32.const 3)))
    (i32.store (i32.const 48) (i32.const 1))
    (i64.store (i32.const 56) (i64.const 60000000000))
    (drop (call $poll (i32.const 32) (i32.const 96) (i32.const 1) (i32.const 24)))))
