;; wasip1: echoes on its first listener (descriptor 3), many connections at once, all descriptors non-blocking, with
;; fd_read, fd_write and poll_oneoff. End-of-file is passed on with sock_shutdown.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $set-flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  ;; 0 scratch; 0x1000 descriptors, 4 bytes each; 0x10000 subscriptions; 0x40000 events; 0x60000 bytes.
  (memory (export "memory") 8)
  (global $count (mut i32) (i32.const 1))
  (func $slot (param $index i32) (result i32) (i32.add (i32.const 0x1000) (i32.shl (local.get $index) (i32.const 2))))
  (func (export "_start")
    (local $n i32)
    (i32.store (call $slot (i32.const 0)) (i32.const 3))
    (if (call $set-flags (i32.const 3) (i32.const 4)) (then (unreachable)))
    (loop $forever
      (local.set $n (i32.const 0))
      (loop $subscribe
        (i64.store (call $subscription (local.get $n)) (i64.extend_i32_u (local.get $n)))
        (i32.store8 offset=8 (call $subscription (local.get $n)) (i32.const 1))
        (i32.store offset=16 (call $subscription (local.get $n)) (i32.load (call $slot (local.get $n))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $subscribe (i32.lt_u (local.get $n) (global.get $count))))
      (if (call $poll (i32.const 0x10000) (i32.const 0x40000) (global.get $count) (i32.const 0)) (then (unreachable)))
      ;; From the last to the first, because one that ends gives its place to the last one.
      (local.set $n (i32.load (i32.const 0)))
      (loop $serve
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (call $ready (i32.wrap_i64 (i64.load (i32.add (i32.const 0x40000) (i32.shl (local.get $n) (i32.const 5))))))
        (br_if $serve (local.get $n)))
      (br $forever)))
  (func $subscription (param $index i32) (result i32)
    (i32.add (i32.const 0x10000) (i32.mul (local.get $index) (i32.const 48))))
  (func $ready (param $index i32)
    (if (local.get $index) (then (return (call $echo (local.get $index)))))
    (loop $next
      ;; 6 is EAGAIN.
      (if (i32.eqz (call $accept (i32.const 3) (i32.const 4) (i32.const 0))) (then
        (i32.store (call $slot (global.get $count)) (i32.load (i32.const 0)))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (br_if $next (i32.lt_u (global.get $count) (i32.const 4000)))))))
  (func $echo (param $index i32)
    (local $fd i32) (local $errno i32) (local $length i32)
    (local.set $fd (i32.load (call $slot (local.get $index))))
    (i32.store (i32.const 8) (i32.const 0x60000))
    (i32.store (i32.const 12) (i32.const 0x10000))
    (local.set $errno (call $read (local.get $fd) (i32.const 8) (i32.const 1) (i32.const 0)))
    (if (i32.eq (local.get $errno) (i32.const 6)) (then (return)))
    (local.set $length (i32.load (i32.const 0)))
    (if (i32.or (i32.ne (local.get $errno) (i32.const 0)) (i32.eqz (local.get $length))) (then
      (drop (call $shutdown (local.get $fd) (i32.const 2)))
      (drop (call $close (local.get $fd)))
      (global.set $count (i32.sub (global.get $count) (i32.const 1)))
      (i32.store (call $slot (local.get $index)) (i32.load (call $slot (global.get $count))))
      (return)))
    ;; Until all is written; waiting here holds the others up, which is what a simple server does.
    (loop $more
      (i32.store (i32.const 12) (local.get $length))
      (local.set $errno (call $write (local.get $fd) (i32.const 8) (i32.const 1) (i32.const 0)))
      (if (i32.eqz (local.get $errno)) (then
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 0))))
        (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 0))))))
      (if (i32.eq (local.get $errno) (i32.const 6)) (then
        (i64.store (i32.const 64) (i64.const 0))
        (i32.store8 (i32.const 72) (i32.const 2))
        (i32.store (i32.const 80) (local.get $fd))
        (drop (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 0)))
        (local.set $errno (i32.const 0))))
      (br_if $more (i32.and (i32.ne (local.get $length) (i32.const 0)) (i32.eqz (local.get $errno)))))))
