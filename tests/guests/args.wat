;; wasip1: prints its arguments and its environment, each on a line, then copies standard input to standard output.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args-sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ-sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 16) (local.get $address))
    (i32.store (i32.const 20) (local.get $length))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  ;; Strings end with a zero each: print them with a newline instead.
  (func $print-all (param $address i32) (param $length i32)
    (local $at i32)
    (local.set $at (local.get $address))
    (loop $next
      (if (i32.lt_u (local.get $at) (i32.add (local.get $address) (local.get $length))) (then
        (if (i32.eqz (i32.load8_u (local.get $at))) (then (i32.store8 (local.get $at) (i32.const 10))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next))))
    (call $print (local.get $address) (local.get $length)))
  (func (export "_start")
    (drop (call $args-sizes (i32.const 0) (i32.const 4)))
    (drop (call $args (i32.const 0x1000) (i32.const 0x10000)))
    (call $print-all (i32.const 0x10000) (i32.load (i32.const 4)))
    (drop (call $environ-sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ (i32.const 0x1000) (i32.const 0x10000)))
    (call $print-all (i32.const 0x10000) (i32.load (i32.const 4)))
    (loop $next
      (i32.store (i32.const 0) (i32.const 0x20000))
      (i32.store (i32.const 4) (i32.const 4096))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (return)))
      (if (i32.load (i32.const 8)) (then
        (call $print (i32.const 0x20000) (i32.load (i32.const 8)))
        (br $next))))))
